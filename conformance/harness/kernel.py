"""The system calls that the suite needs, one thin function each.

Every function raises `OSError` with errno kept and the call's name and subject in the text. Numbers are those of
x86-64; the calls of the mount API and later have the same numbers on every architecture.
"""

import ctypes
import os
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from fcntl import ioctl

from .busy import until_free

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000
AT_HANDLE_FID = 0x200
AT_SYMLINK_NOFOLLOW = 0x100

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_SYNCHRONOUS, MS_DIRSYNC, MS_NOSYMFOLLOW, MS_NOATIME, MS_NODIRATIME = 16, 128, 256, 1024, 2048
MS_STRICTATIME, MS_LAZYTIME = 1 << 24, 1 << 25
MS_BIND, MS_MOVE, MS_REC = 4096, 8192, 16384
MS_UNBINDABLE, MS_PRIVATE, MS_SLAVE, MS_SHARED = 1 << 17, 1 << 18, 1 << 19, 1 << 20
MNT_DETACH = 2

OPEN_TREE_CLONE = 1
MOVE_MOUNT_F_EMPTY_PATH = 4
FSCONFIG_SET_FLAG, FSCONFIG_SET_STRING, FSCONFIG_SET_FD, FSCONFIG_CMD_CREATE = 0, 1, 5, 6

_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}
_SYS_OPEN_TREE, _SYS_MOVE_MOUNT, _SYS_FSOPEN, _SYS_FSCONFIG, _SYS_FSMOUNT = 428, 429, 430, 431, 432
_SYS_MOUNT_SETATTR, _MOUNT_ATTR_IDMAP = 442, 0x00100000
_PR_SET_PDEATHSIG = 1
_IN_MOVED_TO = 0x80
_RENAME_EXCHANGE = 2
_AT_STATX_DONT_SYNC = 0x4000
_STATX_MNT_ID = 0x1000
_STATX_MNT_ID_UNIQUE = 0x4000
_STATX_MNT_ID_AT = 0x90
_FS_IOC_GETVERSION = 0x80087601
_FS_IOC_GETFSUUID = 0x80111500


def _check(result: int, call: str, subject: object = "") -> int:
    if result < 0:
        number = ctypes.get_errno()
        shown = os.fsdecode(subject) if isinstance(subject, bytes) else str(subject)
        raise OSError(number, f"{call}: {os.strerror(number)}", shown or None)
    return result


def unshare(flags: int) -> None:
    _check(_libc.unshare(flags), "unshare", hex(flags))


def setns(descriptor: int, kind: int = 0) -> None:
    _check(_libc.setns(descriptor, kind), "setns", descriptor)


def die_with_parent() -> None:
    """Ask for SIGKILL when the thread that made this process ends."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0), "prctl")


def mount(source: bytes, target: bytes, kind: bytes = b"", flags: int = 0, data: bytes = b"") -> None:
    """mount(2); `data` is one page at most."""
    _check(_libc.mount(source, target, kind or None, ctypes.c_ulong(flags), data or None), "mount", target)


def umount(target: bytes, flags: int = 0) -> None:
    _check(_libc.umount2(target, flags), "umount", target)


def umount_wholly(target: bytes) -> None:
    """umount2(2), the superblock gone as well; waits while a process that looks at all mounts holds this one."""
    until_free(lambda: umount(target))


def exchange(one: bytes, other: bytes) -> None:
    """Each of two names gets what the other was of, in one step."""
    _check(_libc.renameat2(AT_FDCWD, one, AT_FDCWD, other, ctypes.c_uint(_RENAME_EXCHANGE)), "renameat2", one)


def pivot_root(new: bytes, old: bytes) -> None:
    _check(_libc.syscall(ctypes.c_long(_SYS_PIVOT_ROOT[os.uname().machine]), new, old), "pivot_root", new)


def open_tree(path: bytes, flags: int, at: int = AT_FDCWD) -> int:
    number = ctypes.c_long(_SYS_OPEN_TREE)
    return _check(_libc.syscall(number, at, path, ctypes.c_uint(flags | os.O_CLOEXEC)), "open_tree", path)


def move_mount(tree: int, target: bytes) -> None:
    """Attach the detached mount `tree` at `target`."""
    number, flags = ctypes.c_long(_SYS_MOVE_MOUNT), ctypes.c_uint(MOVE_MOUNT_F_EMPTY_PATH)
    _check(_libc.syscall(number, tree, b"", AT_FDCWD, target, flags), "move_mount", target)


def map_ids(tree: int, user_namespace: int) -> None:
    """Give the detached mount `tree` the ID mapping of a user namespace (mount_setattr(2), MOUNT_ATTR_IDMAP)."""
    attributes = struct.pack("=4Q", _MOUNT_ATTR_IDMAP, 0, 0, user_namespace)
    number, size = ctypes.c_long(_SYS_MOUNT_SETATTR), ctypes.c_size_t(len(attributes))
    _check(_libc.syscall(number, tree, b"", ctypes.c_uint(AT_EMPTY_PATH), attributes, size), "mount_setattr", tree)


def fsopen(kind: bytes) -> int:
    return _check(_libc.syscall(ctypes.c_long(_SYS_FSOPEN), kind, ctypes.c_uint(1)), "fsopen", kind)


def _fsconfig(context: int, command: int, key: bytes | None, value: bytes | None, auxiliary: int = 0) -> None:
    number = ctypes.c_long(_SYS_FSCONFIG)
    _check(_libc.syscall(number, context, ctypes.c_uint(command), key, value, auxiliary), "fsconfig", key or b"create")


def fsconfig_string(context: int, key: bytes, value: bytes) -> None:
    _fsconfig(context, FSCONFIG_SET_STRING, key, value)


def fsconfig_flag(context: int, key: bytes) -> None:
    _fsconfig(context, FSCONFIG_SET_FLAG, key, None)


def fsconfig_descriptor(context: int, key: bytes, descriptor: int) -> None:
    _fsconfig(context, FSCONFIG_SET_FD, key, None, descriptor)


def fsconfig_create(context: int) -> None:
    _fsconfig(context, FSCONFIG_CMD_CREATE, None, None)


def fsmount(context: int, attributes: int = 0) -> int:
    """A descriptor of the detached mount."""
    number = ctypes.c_long(_SYS_FSMOUNT)
    return _check(_libc.syscall(number, context, ctypes.c_uint(1), ctypes.c_uint(attributes)), "fsmount")


@dataclass(frozen=True)
class Handle:
    """A file handle, as name_to_handle_at(2) gives it."""

    type: int
    value: bytes


class _FileHandle(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint), ("type", ctypes.c_int), ("value", ctypes.c_ubyte * 128)]


def file_handle(descriptor: int, flags: int = 0) -> Handle | None:
    """The handle of an open file; None where its file system gives none.

    With AT_HANDLE_FID one that names the file and opens nothing, which every file system gives.
    """
    handle, mount_id = _FileHandle(size=128), ctypes.c_int()
    call = _libc.name_to_handle_at
    if call(descriptor, b"", ctypes.byref(handle), ctypes.byref(mount_id), AT_EMPTY_PATH | flags) < 0:
        return None
    return Handle(handle.type, bytes(handle.value[: handle.size]))


_statx = ctypes.create_string_buffer(256)
"""Written and read in one go."""


def mount_id(path: bytes) -> int | None:
    """mountinfo's ID of the mount on top at `path`; None where the kernel does not tell (before 5.8)."""
    return _statx_mount_id(path, _STATX_MNT_ID)


def unique_mount_id(path: bytes) -> int | None:
    """The 64-bit ID of the mount on top at `path`; None where the kernel has none (before 6.8)."""
    return _statx_mount_id(path, _STATX_MNT_ID_UNIQUE)


def _statx_mount_id(path: bytes, wanted: int) -> int | None:
    flags = AT_SYMLINK_NOFOLLOW | _AT_STATX_DONT_SYNC
    _check(_libc.statx(AT_FDCWD, path, flags, ctypes.c_uint(wanted), _statx), "statx", path)
    (mask,) = struct.unpack_from("=I", _statx)
    return int(struct.unpack_from("=Q", _statx, _STATX_MNT_ID_AT)[0]) if mask & wanted else None


def generation(descriptor: int) -> int | None:
    """The inode generation that the file system's own ioctl tells; None where it has no such ioctl."""
    buffer = bytearray(8)
    try:
        ioctl(descriptor, _FS_IOC_GETVERSION, buffer)
    except OSError:
        return None
    return int(struct.unpack_from("=I", buffer)[0])


def filesystem_uuid(descriptor: int) -> str | None:
    """UUID of the file system that an open file lies on, where the kernel tells (6.9) and there is one."""
    buffer = bytearray(17)
    try:
        ioctl(descriptor, _FS_IOC_GETFSUUID, buffer)
    except OSError:
        return None
    digits = bytes(buffer[1:17]).hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


# Names


def watch_moves_into(directory: bytes) -> int:
    """An inotify descriptor for names that come into a directory by rename."""
    watching = _check(_libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK), "inotify_init1")
    _check(_libc.inotify_add_watch(watching, directory, ctypes.c_uint(_IN_MOVED_TO)), "inotify_add_watch", directory)
    return watching


def moves(watching: int) -> tuple[bytes, ...]:
    """The names in the events that an inotify descriptor has now."""
    found, data = [], b""
    with suppress(BlockingIOError):
        while part := os.read(watching, 1 << 16):
            data += part
    while data:
        size = int.from_bytes(data[12:16], sys.byteorder)  # struct inotify_event: wd, mask, cookie, len, name
        found.append(data[16 : 16 + size].rstrip(b"\0"))
        data = data[16 + size :]
    return tuple(found)
