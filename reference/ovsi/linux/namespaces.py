"""Namespaces: entering and making them, how they relate, ID maps, and which process a number means.

A directory descriptor of /proc/PID (`open_process`) pins that very process: looked up through it, a
recycled number gives ESRCH and never another process.
"""

from __future__ import annotations

import errno
import os
import sys

from ..record import Record
from . import foreign
from .files import read_file
from .syscall import common, error, ioctl, ioctl_number, libc_function, syscall

CLONE_NEWNS = 0x0002_0000
CLONE_NEWCGROUP = 0x0200_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000

_NSIO = 0xB7
_GET_USERNS = ioctl_number(False, False, _NSIO, 1, 0)
_GET_PARENT = ioctl_number(False, False, _NSIO, 2, 0)
_GET_TYPE = ioctl_number(False, False, _NSIO, 3, 0)
_GET_OWNER_UID = ioctl_number(False, False, _NSIO, 4, 0)
_GET_MNTNS_ID = ioctl_number(True, False, _NSIO, 5, 8)

_setns = libc_function("setns", foreign.c_int, foreign.c_int)
_unshare = libc_function("unshare", foreign.c_int)


def setns(fd: int, kinds: int = 0) -> None:
    """Enter a namespace, or, with a pidfd, those of that process that `kinds` (CLONE_NEW*) names."""
    _setns(fd, kinds)


def unshare(kinds: int) -> None:
    """Leave the shared namespaces of `kinds` (CLONE_NEW*) for new ones."""
    _unshare(kinds)


def pidfd_open(pid: int) -> int:
    """A descriptor that means this process and no later one of its number."""
    return syscall("pidfd_open", common(434), pid, 0)


def open_process(pid: int | None) -> int:
    """A directory descriptor of /proc/PID, of /proc/self for None. Raises OSError: ESRCH where there is none."""
    try:
        return os.open(b"/proc/self" if pid is None else b"/proc/%d" % pid, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise error(errno.ESRCH, f"open of /proc/{pid}") from None


def process_start_time(process: int) -> int:
    """When the process of a /proc/PID descriptor started, in clock ticks since boot (field 22 of proc_pid_stat(5))."""
    # The command's name, the second field, may hold spaces and parentheses: count from its end.
    return int(read_file(b"stat", process).rpartition(b")")[2].split()[19])


def open_namespace(process: int, kind: str) -> int:
    """A namespace ("mnt", "user", …) of the process of a /proc/PID descriptor."""
    path = f"ns/{kind}"
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=process)
    except OSError as failure:
        raise error(failure.errno or 0, "open", path.encode()) from None


def namespace_inode(process: int, kind: str) -> int:
    """The inode number that /proc/PID/ns shows: equal for two processes that share the namespace.

    Raises OSError: EACCES for a process that the caller may not trace.
    """
    path = f"ns/{kind}"
    try:
        return os.stat(path, dir_fd=process).st_ino
    except OSError as failure:
        raise error(failure.errno or 0, "stat", path.encode()) from None


def owning_user_namespace(namespace: int) -> int:
    """A descriptor of the user namespace that owns a namespace. Raises OSError: EPERM if it is not in the caller's."""
    return ioctl("NS_GET_USERNS", namespace, _GET_USERNS)


def parent_namespace(namespace: int) -> int:
    """A descriptor of the parent of a user or PID namespace. Raises OSError: EPERM for the caller's outermost."""
    return ioctl("NS_GET_PARENT", namespace, _GET_PARENT)


def namespace_type(namespace: int) -> int:
    """Which CLONE_NEW* made a namespace."""
    return ioctl("NS_GET_NSTYPE", namespace, _GET_TYPE)


def owner_uid(user_namespace: int) -> int:
    """The user who made a user namespace, as the caller's user namespace numbers users."""
    buffer = foreign.create_string_buffer(4)
    ioctl("NS_GET_OWNER_UID", user_namespace, _GET_OWNER_UID, buffer)
    return int.from_bytes(buffer.raw, sys.byteorder)


def mount_namespace_id(mount_namespace: int) -> int:
    """The 64-bit ID of a mount namespace, never reused. Raises OSError: ENOTTY before Linux 6.11."""
    buffer = foreign.create_string_buffer(8)
    ioctl("NS_GET_MNTNS_ID", mount_namespace, _GET_MNTNS_ID, buffer)
    return int.from_bytes(buffer.raw, sys.byteorder)


class IdRange(Record):
    """`count` IDs from `inside` on mean those from `outside` on (user_namespaces(7))."""

    inside: int
    outside: int
    count: int


def read_id_map(process: int, kind: str) -> tuple[IdRange, ...]:
    """The "uid" or "gid" map of a process's user namespace; `outside` is as the reader's user namespace numbers."""
    return parse_id_map(read_file(b"%s_map" % kind.encode(), process))


def parse_id_map(data: bytes) -> tuple[IdRange, ...]:
    """Lines of three numbers as /proc/PID/uid_map has them."""
    return tuple(IdRange(*map(int, line.split())) for line in data.splitlines())
