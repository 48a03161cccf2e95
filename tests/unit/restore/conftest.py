"""The restorer is tested on real mounts, each test in a forked child with private mounts and a tmpfs at /tmp as cwd.

`in_both` runs a test twice: as real root, and as an ordinary user in a user namespace. `as_root` only the first.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ovsi.linux import mountapi, namespaces

from tests.support.forked import run_in_child

HERE = Path(__file__).parent
NOBODY = 65534


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "as_root: runs as real root in a child with a private mount namespace")
    config.addinivalue_line("markers", "in_both: runs as root and as an ordinary user in a user namespace of its own")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "vantage" in metafunc.fixturenames:
        both = metafunc.definition.get_closest_marker("in_both")
        metafunc.parametrize("vantage", ["root", "user"] if both else ["root"])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and item.path.is_relative_to(HERE) and "vantage" in item.fixturenames:
            item.obj = _in_child(item.obj)


def _enter(vantage: str) -> None:
    if os.geteuid() != 0 and vantage == "root":
        pytest.skip("needs real root")
    if vantage == "root":
        namespaces.unshare(namespaces.CLONE_NEWNS)
    else:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        uid, gid = os.geteuid(), os.getegid()
        # A process that changed its user may not write its own maps before it is dumpable again.
        _become_dumpable()
        namespaces.unshare(namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWNS)
        for name, content in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            Path(f"/proc/self/{name}").write_text(content)
    mountapi.mount(None, b"/", None, mountapi.MS_REC | mountapi.MS_PRIVATE)
    mountapi.mount(b"test", b"/tmp", b"tmpfs")
    os.chdir("/tmp")


def _become_dumpable() -> None:
    import ctypes

    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)


def _in_child(test: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(test)
    def wrapper(*arguments: Any, **named: Any) -> None:
        def body() -> None:
            _enter(named["vantage"])
            test(*arguments, **named)

        run_in_child(body)

    return wrapper
