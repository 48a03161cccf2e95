"""A process renames and links while restores run: each ends with the right mount or a refusal, never a wrong one."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ovsi.errors import Refusal
from ovsi.plan import Request
from ovsi.restore import restore

from tests.support.unmounting import unmount

from . import images

if TYPE_CHECKING:
    from ovsi.restore.result import Setup

ROUNDS = int(os.environ.get("OVSI_RACES", "60"))
"""Of each way of layer setup and vantage; `make hostile` asks for thousands."""


def disturb() -> None:
    """Forever: the layer away, a decoy or a link to one in its place, the layer back."""
    while True:
        os.rename("l1", "away")
        os.rename("decoy", "l1")
        os.rename("l1", "decoy")
        os.symlink("decoy", "l1")
        os.unlink("l1")
        os.rename("away", "l1")


@pytest.mark.in_both
@pytest.mark.parametrize("setup", ["descriptor", "append", "page"])
def test_never_a_wrong_mount(vantage: str, setup: Setup) -> None:
    for name in ("l0", "l1", "decoy", "up", "wk", "t"):
        Path(name).mkdir()
    Path("l1/right").touch()
    Path("decoy/wrong").touch()
    image = images.image([b"/tmp/l0", b"/tmp/l1"], b"/tmp/up", b"/tmp/wk")
    racer = os.fork()
    if racer == 0:
        try:
            disturb()
        finally:
            os._exit(1)
    outcomes = {"mounted": 0, "refused": 0}
    try:
        for _ in range(ROUNDS):
            try:
                restore(image, Request(target=b"/tmp/t"), setup=setup)
            except Refusal as refusal:
                assert refusal.code in ("source-missing", "identity-differs"), refusal  # noqa: PT017 - one of two outcomes
                assert not Path("t").is_mount()
                outcomes["refused"] += 1
                continue
            assert os.listdir("t") == ["right"]
            unmount(b"/tmp/t")
            outcomes["mounted"] += 1
    finally:
        os.kill(racer, signal.SIGKILL)
        os.waitpid(racer, 0)
    print(f"{vantage}, {setup}: {outcomes}, none of them wrong", flush=True)
    assert outcomes["mounted"] > 0, outcomes
