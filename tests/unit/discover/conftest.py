"""Real overlays, each test in a child with private mounts: as root, or as an ordinary user in a user namespace."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pytest
from ovsi.linux import mountapi, namespaces

from tests.support.forked import fork_marked

HERE = Path(__file__).parent
ORDINARY = 65534
PR_SET_DUMPABLE = 4


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "as_root: runs as root in a child with private mounts and a tmpfs at /tmp")
    config.addinivalue_line("markers", "in_userns: the same as an ordinary user, in a user namespace of its own")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    fork_marked(items, HERE, {"as_root": _enter_as_root, "in_userns": _enter_user_namespace})


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
