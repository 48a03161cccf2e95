"""Tests of system calls run in a forked child with its own user and mount namespace: nothing is left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ovsi.linux import mountapi, namespaces

from tests.support.forked import fork_marked

HERE = Path(__file__).parent


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


ENTER = {"sandboxed": enter_sandbox, "as_root": enter_private_mounts}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sandboxed: runs in a child with its own user and mount namespace")
    config.addinivalue_line("markers", "as_root: runs as real root in a child with a private mount namespace")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    fork_marked(items, HERE, ENTER)
