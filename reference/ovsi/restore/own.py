"""This process's own /proc, held open: it serves in any mount namespace, also where another /proc is, or none.

Lookups begin at the held root and go through `self`, so that a forked child finds itself and not its parent.
"""

from __future__ import annotations

import errno
import os

from ..linux.files import STATX_MNT_ID, statx
from ..linux.mountapi import OPEN_TREE_CLONE, open_tree
from ..linux.mounttable import read_mount_table_of
from ..linux.namespaces import IdRange, namespace_inode, read_id_map
from ..linux.syscall import AT_EMPTY_PATH, AT_RECURSIVE, closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from ..linux.mounttable import MountTable

_OTHERS = 64  # descriptors, at the very most, that are not of sources

_held: list[int] = []
_copies: list[int] = []
_maps: dict[str, tuple[IdRange, ...]] = {}


class Held:
    """`with Held():` around everything that uses this module."""

    def __enter__(self) -> None:
        _held.append(os.open(b"/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))

    def __exit__(self, *_exception: type[BaseException] | BaseException | TracebackType | None) -> None:
        put_away((_held.pop(),))


def keep_copy() -> None:
    """Make a copy of /proc to take along into another mount namespace, where the held one can't be copied."""
    _copies.append(clone_tree(_held[-1]))


def copy() -> int | None:
    """A detached copy of /proc: the one taken along, once, else a new one; None where none can be made."""
    if _copies:
        return _copies.pop()
    try:
        return clone_tree(_held[-1])
    except OSError as failure:
        if failure.errno != errno.EINVAL:
            raise
        return None


def clone_tree(fd: int) -> int:
    """A detached copy of what `fd` is open on, without the mounts below it unless they are locked there.

    Raises OSError EINVAL for a mount of another mount namespace.
    """
    try:
        return open_tree(fd, b"", AT_EMPTY_PATH | OPEN_TREE_CLONE)
    except OSError as failure:
        if failure.errno != errno.EINVAL:
            raise
        return open_tree(fd, b"", AT_EMPTY_PATH | OPEN_TREE_CLONE | AT_RECURSIVE)


def path_of(fd: int) -> bytes:
    """What the kernel shows as the path of a descriptor; empty where that is longer than it can show."""
    try:
        return os.readlink(b"self/fd/%d" % fd, dir_fd=_held[-1])
    except OSError as failure:
        if failure.errno != errno.ENAMETOOLONG:
            raise
        return b""


def reopen(fd: int, flags: int) -> int:
    """Another descriptor of the very object that `fd` is open on."""
    return os.open(b"self/fd/%d" % fd, flags | os.O_CLOEXEC, dir_fd=_held[-1])


def stand_among_descriptors() -> None:
    """Make /proc/self/fd the working directory: a number alone is then the name of what a descriptor is open on."""
    with closing(os.open(b"self/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=_held[-1])) as descriptors:
        os.fchdir(descriptors)


class among_descriptors:  # noqa: N801 - a step of its user's, like `closing`
    """`with among_descriptors():` the same for a while."""

    def __enter__(self) -> None:
        self._before = os.open(b".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        stand_among_descriptors()

    def __exit__(self, *_exception: object) -> None:
        os.fchdir(self._before)
        os.close(self._before)


def mount_id(fd: int) -> int | None:
    """mountinfo's ID of the mount that a descriptor is on."""
    return statx(fd, b"", AT_EMPTY_PATH, STATX_MNT_ID).mount_id


def process() -> int:
    """A /proc/PID descriptor of this process."""
    return os.open(b"self", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=_held[-1])


def process_of(pid: int) -> int:
    """A /proc/PID descriptor of another process. Raises FileNotFoundError."""
    return os.open(b"%d" % pid, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=_held[-1])


def user_namespace() -> int:
    """The inode number of the user namespace that this process is in now."""
    with closing(process()) as directory:
        return namespace_inode(directory, "user")


def enter_user_namespace() -> None:
    """To be called once in another user namespace than the caller's: IDs of the image are numbered otherwise here."""
    with closing(process()) as directory:
        _maps.update({kind: read_id_map(directory, kind) for kind in ("uid", "gid")})


def ids_here(kind: str, first: int, count: int) -> int | None:
    """The first of some consecutive "uid" or "gid" numbers of the caller's user namespace, as this one numbers it."""
    if not _maps:
        return first
    for part in _maps[kind]:
        if part.outside <= first and first + count <= part.outside + part.count:
            return first - part.outside + part.inside
    return None


def pids() -> list[int]:
    """Every process that this /proc shows, oldest numbers first."""
    with closing(os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=_held[-1])) as root:
        return sorted(int(name) for name in os.listdir(root) if name.isdigit())


def mount_table(*, unique_ids: bool) -> MountTable:
    """The mounts of the namespace that this process is in now."""
    with closing(process()) as directory:
        return read_mount_table_of(directory, unique_ids=unique_ids)


def allow_descriptors(sources: int) -> None:
    """Room for as many descriptors of sources, and others, as this process may have."""
    if sources + _OTHERS <= os.sysconf("SC_OPEN_MAX"):
        return
    import resource  # mostly not needed

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def put_away(descriptors: Iterable[int]) -> None:
    """Close what is done with, those that follow each other at once: nothing is lost, whatever the kernel says."""
    ends: dict[int, int] = {}  # of runs, by the number after which they end
    for fd in sorted(set(descriptors)):
        ends[fd + 1] = ends.pop(fd, fd)
    for end, begin in ends.items():
        os.closerange(begin, end)
