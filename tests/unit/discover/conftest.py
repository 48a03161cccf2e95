"""Real overlays, each test in a child with private mounts: as root, or as an ordinary user in a user namespace."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ovsi.discover.climb
import ovsi.discover.search
import ovsi.introspect.introspector
import ovsi.introspect.namespace  # noqa: F401 - the child of a user namespace may not read the modules
import pytest
from ovsi.linux import mountapi, namespaces

HERE = Path(__file__).parent
ORDINARY = 65534
PR_SET_DUMPABLE = 4


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "as_root: runs as root in a child with private mounts and a tmpfs at /tmp")
    config.addinivalue_line("markers", "in_userns: the same as an ordinary user, in a user namespace of its own")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and item.path.is_relative_to(HERE):
            if item.get_closest_marker("as_root"):
                item.obj = in_child(_enter_as_root, item.obj)
            elif item.get_closest_marker("in_userns"):
                item.obj = in_child(_enter_user_namespace, item.obj)


def _enter_as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    namespaces.unshare(namespaces.CLONE_NEWNS)
    _private_tmp()


def _enter_user_namespace() -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(ORDINARY, ORDINARY, ORDINARY)
        os.setresuid(ORDINARY, ORDINARY, ORDINARY)
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1)  # else /proc/self stays root's
    uid, gid = os.getuid(), os.getgid()
    try:
        namespaces.unshare(namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWNS)
    except OSError as failure:
        pytest.skip(f"no user namespaces here: {failure}")
    for name, value in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(value)
    _private_tmp()


def _private_tmp() -> None:
    mountapi.mount(None, b"/", None, mountapi.MS_REC | mountapi.MS_PRIVATE)
    mountapi.mount(b"test", b"/tmp", b"tmpfs")
    os.chdir("/tmp")


def in_child(enter: Callable[[], None], test: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(test)
    def wrapper(*arguments: Any, **named: Any) -> None:
        reader, writer = os.pipe()
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            verdict = b"P"
            try:
                enter()
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
