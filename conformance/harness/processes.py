"""Processes of a sandbox that hold something: a directory, a mount namespace, a user namespace."""

import os
import signal
from collections.abc import Callable

from . import kernel
from .agent import World
from .stack import IdMap

_FIRST_FREE = 3


def start(world: World, name: str, prepare: Callable[[], int | None]) -> int:
    """A process that does `prepare` and stays until the sandbox ends; it holds the descriptor that `prepare` returns.

    Nothing else of the suite's is held by it. Returns its PID; raises OSError where `prepare` failed.
    """
    ready, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        _stay(tell, prepare)
    os.close(tell)
    with open(ready, "rb") as file:
        failure = file.read()
    if failure != b"ready":
        os.waitpid(pid, 0)
        raise OSError(f"{name}: {failure.decode(errors='replace')}")
    world.processes[name] = pid
    return pid


def _stay(tell: int, prepare: Callable[[], int | None]) -> None:
    """Never returns; what is written to `tell` last of all is `ready`, or why it is not."""
    try:
        kernel.die_with_parent()
        os.dup2(tell, _FIRST_FREE)
        os.closerange(_FIRST_FREE + 1, 65536)
        kept = prepare()
        if kept is not None:
            os.dup2(kept, _FIRST_FREE + 1)
            os.closerange(_FIRST_FREE + 2, 65536)
        os.write(_FIRST_FREE, b"ready")
        os.close(_FIRST_FREE)
        while True:
            signal.pause()
    except OSError as error:
        os.write(_FIRST_FREE, str(error).encode())
    finally:
        os._exit(1)


HELD = f"fd/{_FIRST_FREE + 1}"
"""How a process holds the descriptor that `prepare` returned."""


def own_user_namespace() -> None:
    """Enter a new user namespace in which the caller's user is root."""
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(kernel.CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        _write(f"/proc/self/{name}", text)


def start_time(pid: int) -> int:
    """When a process began: field 22 of its stat."""
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[19])


def user_namespace(idmap: IdMap) -> int:
    """A descriptor of a new user namespace with that mapping of users and groups."""
    come, go = os.pipe()
    made, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            kernel.unshare(kernel.CLONE_NEWUSER)
            os.write(tell, b"y")
            os.close(go)
            os.read(come, 1)
        finally:
            os._exit(0)
    os.close(tell)
    os.read(made, 1)
    text = "".join(f"{inside} {outside} {count}\n" for inside, outside, count in idmap)
    try:
        _write(f"/proc/{pid}/setgroups", "deny")
        for name in ("uid_map", "gid_map"):
            _write(f"/proc/{pid}/{name}", text)
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY)
    finally:
        for descriptor in (come, go, made):
            os.close(descriptor)
        os.waitpid(pid, 0)


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
