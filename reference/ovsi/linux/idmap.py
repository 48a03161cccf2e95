"""User namespaces made to order, for ID-mapped mounts (mount_setattr(2), MOUNT_ATTR_IDMAP)."""

from __future__ import annotations

import os

from . import foreign
from .namespaces import CLONE_NEWUSER, open_namespace, open_process, unshare
from .syscall import closing, common, libc_function, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .namespaces import IdRange

_PR_SET_DUMPABLE = 4
_CLOSE_RANGE = common(436)
_LAST_DESCRIPTOR = (1 << 32) - 1

_prctl = libc_function("prctl", foreign.c_int, foreign.c_ulong, foreign.c_ulong, foreign.c_ulong, foreign.c_ulong)


def user_namespace(
    uid_map: Iterable[IdRange], gid_map: Iterable[IdRange], process_of: Callable[[int], int] = open_process
) -> int:
    """A descriptor of a new user namespace with these maps; `outside` as the caller's user namespace numbers IDs.

    No process stays in it. process_of gives a /proc/PID descriptor, for who is where another /proc is, or none.
    Raises OSError: EPERM where the caller may not map those IDs, EINVAL for a bad map, ENOSPC where no more user
    namespaces are allowed.
    """
    ready_read, ready_write = os.pipe()
    done_read, done_write = os.pipe()
    child = os.fork()
    if child == 0:
        _hold_namespace(ready_write, done_read, done_write, process_of)
    try:
        os.close(ready_write)
        os.close(done_read)
        failure = os.read(ready_read, 4)
        if code := int.from_bytes(failure, "big"):
            raise OSError(code, f"unshare of a user namespace: {os.strerror(code)}")
        with closing(process_of(child)) as process:
            for name, ranges in (("uid_map", uid_map), ("gid_map", gid_map)):
                _write_map(process, name, ranges)
            return open_namespace(process, "user")
    finally:
        os.close(ready_read)
        os.close(done_write)  # lets the child end
        os.waitpid(child, 0)


def _hold_namespace(ready: int, done: int, done_write: int, process_of: Callable[[int], int]) -> None:
    """What the child does: enter a user namespace, say so, and wait until the parent has it open.

    It becomes dumpable, so that /proc lets a parent without rights over all write the maps; whoever may trace it then
    finds no descriptor of the parent's.
    """
    code = 0
    try:
        try:
            os.close(done_write)  # with a copy of its own it would wait for ever
            _close_all_but({0, 1, 2, ready, done}, process_of)
            unshare(CLONE_NEWUSER)
            _prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
        except OSError as failure:
            code = failure.errno or 1
        os.write(ready, code.to_bytes(4, "big"))
        os.read(done, 1)
    finally:
        os._exit(0)


def _close_all_but(kept: set[int], process_of: Callable[[int], int]) -> None:
    """close_range(2), or one by one those that /proc lists: there may be a million numbers, and a few in use."""
    numbers = sorted(kept)
    try:
        for before, after in zip(numbers, [*numbers[1:], _LAST_DESCRIPTOR + 1], strict=True):
            if before + 1 < after:
                syscall("close_range", _CLOSE_RANGE, before + 1, after - 1, 0)
    except OSError:  # a kernel before 5.9, or a filter that does not know the call
        with closing(process_of(os.getpid())) as process:
            listing = os.open("fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=process)
        others = {int(name) for name in os.listdir(listing)} - kept
        os.close(listing)
        for fd in others - {listing}:
            try:
                os.close(fd)
            except OSError:
                continue  # the one through which the list was read is gone by itself


def _write_map(process: int, name: str, ranges: Iterable[IdRange]) -> None:
    lines = "".join(f"{part.inside} {part.outside} {part.count}\n" for part in ranges)
    with closing(os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=process)) as fd:
        try:
            os.write(fd, lines.encode())  # the kernel takes a map in one write only
        except OSError as failure:
            raise OSError(failure.errno, f"write of {name}: {failure.strerror}") from None
