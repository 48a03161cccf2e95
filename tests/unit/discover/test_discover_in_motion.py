"""A dump while everything moves: what it says is so, or it says that it could not look."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from ovsi.dump import EVERY_OVERLAY, DumpResult
from ovsi.dump.system import overlays_of_system
from ovsi.errors import Refusal
from ovsi.image import model
from ovsi.linux import mountapi, namespaces

from .stacks import Helper, make, overlay, place_of, sources, states, taken, tmpfs, tried

pytestmark = pytest.mark.as_root

COUNT = 100


@contextmanager
def meanwhile(action: Callable[[], None]) -> Iterator[int]:
    """A process that does something again and again."""
    child = os.fork()
    if child == 0:
        while True:
            action()
    try:
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def hundreds() -> None:
    for number in range(COUNT):
        options = f"lowerdir=/tmp/s/{number}/l0:/tmp/s/{number}/l1".encode()
        mountapi.mount(b"churn", f"/tmp/m/{number}".encode(), b"overlay", 0, options)
    for number in range(COUNT):
        mountapi.umount2(f"/tmp/m/{number}".encode(), mountapi.MNT_DETACH)


def check_all(result: DumpResult) -> int:
    """Every overlay of the image is made of the two directories that belong to its mount point; how many there are."""
    mounts = model.by_id(result.image.mounts)
    for number, one in enumerate(result.image.overlays):
        of = mounts[one.mounts[0]].mount_point.split(b"/")[-1]
        found = sources(result, number)
        assert {place_of(result, found[f"lower/{index}"]) for index in (0, 1)} == {
            b"/tmp/s/%s/l0" % of,
            b"/tmp/s/%s/l1" % of,
        }
    return len(result.image.overlays)


def test_overlays_that_come_and_go_by_the_hundred() -> None:
    tmpfs("/tmp/s")
    for number in range(COUNT):
        make(f"/tmp/s/{number}/l0", {"a": "0"})
        make(f"/tmp/s/{number}/l1", {"b": "1"})
        make(f"/tmp/m/{number}")
    name = f"kept-{os.getpid()}"  # the whole system is asked, where another run may have its own
    kept_at = f"/tmp/m/{name}"
    make(f"/tmp/s/{name}/l0")
    make(f"/tmp/s/{name}/l1")
    overlay(kept_at, [f"/tmp/s/{name}/l0", f"/tmp/s/{name}/l1"])
    with meanwhile(hundreds):
        for _ in range(5):
            found, code = tried(EVERY_OVERLAY)
            if found is None:
                assert code == "changed-meanwhile"
            else:
                assert check_all(found) >= 1
                assert found.complete
            one, code = tried(kept_at)
            assert code == "changed-meanwhile" if one is None else check_all(one) == 1
        system = overlays_of_system()
        assert not (system.complete and not system.consistent)
        kept = [each for each in system.found if any(seat.mount_point == kept_at.encode() for seat in each.seats)]
        assert len(kept) == 1, "what stands still is in every answer"
    for number in range(COUNT):
        mountapi.umount2(f"/tmp/m/{number}".encode(), mountapi.MNT_DETACH) if os.path.ismount(f"/tmp/m/{number}") else 0
    assert check_all(taken(EVERY_OVERLAY)) == 1


def test_a_process_that_dies_while_its_namespace_is_dumped() -> None:
    """Killed after a little more of the time that a dump takes, again and again."""

    def enter() -> None:
        namespaces.unshare(namespaces.CLONE_NEWNS)
        tmpfs("/tmp/s")
        make("/tmp/s/l0", {"a": "0"})
        make("/tmp/s/l1", {"b": "1"})
        overlay("/tmp/s/m", ["/tmp/s/l0", "/tmp/s/l1"])

    with Helper(enter) as helper:
        begin = time.monotonic()
        assert taken("/tmp/s/m", pid=helper.pid).complete
        whole = time.monotonic() - begin
    outcomes = set()
    for step in range(24):
        with Helper(enter) as helper:
            killer = os.fork()
            if killer == 0:
                end = time.monotonic() + whole * step / 20
                while time.monotonic() < end:
                    pass
                os.kill(helper.pid, signal.SIGKILL)
                os._exit(0)
            found, code = _tried_of(helper.pid)
            os.waitpid(killer, 0)
        outcomes.add(code)
        assert (
            code == "no-such-process"
            if found is None
            else states(found) == {"lower/0": "located", "lower/1": "located"}
        )
    assert "no-such-process" in outcomes


def _tried_of(pid: int) -> tuple[DumpResult | None, str]:
    from ovsi.dump import at_mountpoint, dump

    try:
        return dump(pid, at_mountpoint(b"/tmp/s/m")), ""
    except Refusal as refusal:
        return None, refusal.code
