"""Tests in a forked child, so that namespaces, mounts and credentials that they change are gone with it."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest


def run_in_child(function: Callable[[], None]) -> None:
    """Run a function in a forked child; its failure or skip becomes that of the test."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reader)
        verdict = b"P"
        try:
            function()
        except pytest.skip.Exception as reason:
            verdict = b"S" + str(reason).encode()
        except BaseException:  # noqa: BLE001 - whatever it is, the parent reports it
            verdict = b"F" + traceback.format_exc().encode()
        os.write(writer, verdict)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        verdict = pipe.read()
    os.waitpid(child, 0)
    if verdict.startswith(b"S"):
        pytest.skip(verdict[1:].decode())
    if verdict != b"P":
        pytest.fail(verdict[1:].decode() or "the child died", pytrace=False)


def fork_marked(items: Iterable[pytest.Item], place: Path, entrances: dict[str, Callable[[], None]]) -> None:
    """Have each test below `place` that bears a marker run in a child, which first enters where the marker says."""
    for item in items:
        if isinstance(item, pytest.Function) and item.path.is_relative_to(place):
            for marker, enter in entrances.items():
                if item.get_closest_marker(marker):
                    item.obj = _inside(enter, item.obj)


def _inside(enter: Callable[[], None], test: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(test)
    def wrapper(*arguments: Any, **named: Any) -> None:
        def body() -> None:
            enter()
            test(*arguments, **named)

        run_in_child(body)

    return wrapper
