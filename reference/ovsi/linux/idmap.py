"""User namespaces made to order, for ID-mapped mounts (mount_setattr(2), MOUNT_ATTR_IDMAP)."""

from __future__ import annotations

import os

from .namespaces import CLONE_NEWUSER, open_namespace, open_process, unshare
from .syscall import closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .namespaces import IdRange


def user_namespace(uid_map: Iterable[IdRange], gid_map: Iterable[IdRange]) -> int:
    """A descriptor of a new user namespace with these maps; `outside` as the caller's user namespace numbers IDs.

    No process stays in it. Raises OSError: EPERM where the caller may not map those IDs, EINVAL for a bad map,
    ENOSPC where no more user namespaces are allowed.
    """
    ready_read, ready_write = os.pipe()
    done_read, done_write = os.pipe()
    child = os.fork()
    if child == 0:
        _hold_namespace(ready_write, done_read, done_write)
    try:
        os.close(ready_write)
        os.close(done_read)
        failure = os.read(ready_read, 4)
        if code := int.from_bytes(failure, "big"):
            raise OSError(code, f"unshare of a user namespace: {os.strerror(code)}")
        with closing(open_process(child)) as process:
            for name, ranges in (("uid_map", uid_map), ("gid_map", gid_map)):
                _write_map(process, name, ranges)
            return open_namespace(process, "user")
    finally:
        os.close(ready_read)
        os.close(done_write)  # lets the child end
        os.waitpid(child, 0)


def _hold_namespace(ready: int, done: int, done_write: int) -> None:
    """What the child does: enter a user namespace, say so, and wait until the parent has it open."""
    code = 0
    try:
        os.close(done_write)
        try:
            unshare(CLONE_NEWUSER)
        except OSError as failure:
            code = failure.errno or 1
        os.write(ready, code.to_bytes(4, "big"))
        os.read(done, 1)
    finally:
        os._exit(0)


def _write_map(process: int, name: str, ranges: Iterable[IdRange]) -> None:
    lines = "".join(f"{part.inside} {part.outside} {part.count}\n" for part in ranges)
    with closing(os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=process)) as fd:
        try:
            os.write(fd, lines.encode())  # the kernel takes a map in one write only
        except OSError as failure:
            raise OSError(failure.errno, f"write of {name}: {failure.strerror}") from None
