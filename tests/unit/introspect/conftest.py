"""Introspection is tested on real overlays, each test in a forked child with a private mount namespace."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ovsi.introspect.errors import IntrospectionUnavailable
from ovsi.introspect.introspector import Introspector
from ovsi.linux import mountapi, namespaces

HERE = Path(__file__).parent
MARKER = "on_real_mounts"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARKER}: runs as root in a child with private mounts and a tmpfs at /tmp")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and item.path.is_relative_to(HERE) and item.get_closest_marker(MARKER):
            item.obj = _in_child(item.obj)


def _enter() -> None:
    try:
        Introspector().close()
    except IntrospectionUnavailable as missing:
        pytest.skip(str(missing))
    namespaces.unshare(namespaces.CLONE_NEWNS)
    mountapi.mount(None, b"/", None, mountapi.MS_REC | mountapi.MS_PRIVATE)
    mountapi.mount(b"test", b"/tmp", b"tmpfs")
    os.chdir("/tmp")


def _in_child(test: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(test)
    def wrapper(*arguments: Any, **named: Any) -> None:
        reader, writer = os.pipe()
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            verdict = b"P"
            try:
                _enter()
                test(*arguments, **named)
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

    return wrapper
