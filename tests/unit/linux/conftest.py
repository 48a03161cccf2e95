"""Tests of system calls run in a forked child with its own user and mount namespace: nothing is left behind."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ovsi.linux import mountapi, namespaces


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


def fresh_tmp() -> None:
    mountapi.mount(None, b"/", None, mountapi.MS_REC | mountapi.MS_PRIVATE)
    mountapi.mount(b"test", b"/tmp", b"tmpfs")
    os.chdir("/tmp")


def enter_sandbox() -> None:
    """Become root of a new user namespace with a private mount namespace and a fresh tmpfs at /tmp as cwd."""
    uid, gid = os.geteuid(), os.getegid()
    namespaces.unshare(namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWNS)
    for name, content in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(content)
    fresh_tmp()


def enter_private_mounts() -> None:
    """Stay who we are, in a private mount namespace with a fresh tmpfs at /tmp as cwd; skip unless real root."""
    try:
        namespaces.unshare(namespaces.CLONE_NEWNS)
    except PermissionError:
        pytest.skip("needs real root")
    fresh_tmp()


def _inside(enter: Callable[[], None], test: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(test)
    def wrapper(*arguments: Any, **named: Any) -> None:
        def body() -> None:
            enter()
            test(*arguments, **named)

        run_in_child(body)

    return wrapper


HERE = Path(__file__).parent
ENTER = {"sandboxed": enter_sandbox, "as_root": enter_private_mounts}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sandboxed: runs in a child with its own user and mount namespace")
    config.addinivalue_line("markers", "as_root: runs as real root in a child with a private mount namespace")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and item.path.is_relative_to(HERE):
            for marker, enter in ENTER.items():
                if item.get_closest_marker(marker):
                    item.obj = _inside(enter, item.obj)
