"""What the kernel tells of a file and of the file system it is on: openat2, statx, statfs and some ioctls."""

from __future__ import annotations

import errno
import os
import struct
import sys

from ..record import Record
from . import foreign
from .syscall import (
    AT_EMPTY_PATH,
    AT_NO_AUTOMOUNT,
    closing,
    common,
    error,
    ioctl,
    ioctl_number,
    libc_function,
    syscall,
    text,
)

RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10
RESOLVE_CACHED = 0x20

AT_STATX_DONT_SYNC = 0x4000

STATX_BASIC_STATS = 0x7FF
STATX_BTIME = 0x800
STATX_MNT_ID = 0x1000
STATX_MNT_ID_UNIQUE = 0x4000
STATX_ATTR_MOUNT_ROOT = 0x2000

_STATX = struct.Struct("=IIQ IIIH2x QQQQ qI4xqI4xqI4xqI4x IIII Q104x")
_READ_SIZE = 1 << 18
_TRIES = 64
_SCOPES = RESOLVE_IN_ROOT | RESOLVE_BENEATH | RESOLVE_NO_XDEV

_statx = libc_function("statx", foreign.c_int, foreign.c_char_p, foreign.c_int, foreign.c_uint, foreign.c_void_p)
_fstatfs = libc_function("fstatfs", foreign.c_int, foreign.c_void_p)
_LONG_IS_NOT_WORD = os.uname().machine == "s390x"
_STATFS = struct.Struct("II5Q8sII" if _LONG_IS_NOT_WORD else "LL5L8sLL")


def openat2(dirfd: int, path: bytes, flags: int, *, mode: int = 0, resolve: int = 0) -> int:
    """A close-on-exec descriptor of `path`, looked up under RESOLVE_* rules.

    Raises OSError: EXDEV or ELOOP where a rule forbids the path, E2BIG and EINVAL for unknown rules.
    """
    how = struct.pack("=QQQ", flags | os.O_CLOEXEC, mode, resolve)
    tries = _TRIES
    while True:
        try:
            return syscall("openat2", common(437), dirfd, text(path), how, len(how), path=path)
        except OSError as failure:
            # A scoped lookup gives up when something on its way is renamed, mounted or unmounted meanwhile. One that
            # takes its root for `/` leads nowhere else otherwise (complete_walk in fs/namei.c).
            tries -= 1
            moved = failure.errno == errno.EXDEV and resolve & _SCOPES == RESOLVE_IN_ROOT
            if not (failure.errno == errno.EAGAIN or moved) or resolve & RESOLVE_CACHED or not tries:
                raise


class Stat(Record):
    """The answer of statx(2). Times are nanoseconds since 1970; `born` is None where not recorded.

    `device` and `special_device` (of a device node) are "major:minor". Of the two mount IDs the kernel
    gives the 64-bit one where it knows it (Linux 6.8), else the one that mountinfo shows; the other is None.
    """

    device: str
    inode: int
    mode: int
    links: int
    uid: int
    gid: int
    size: int
    accessed: int
    born: int | None
    changed: int
    modified: int
    special_device: str
    mount_id: int | None
    unique_mount_id: int | None
    mount_root: bool
    mask: int


def statx(dirfd: int, path: bytes, flags: int = 0, mask: int | None = None) -> Stat:
    """What is recorded of the object at `path`, as far as known without asking a server; no automount is triggered."""
    wanted = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID | STATX_MNT_ID_UNIQUE if mask is None else mask
    buffer = foreign.create_string_buffer(_STATX.size)
    _statx(dirfd, text(path), flags | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, wanted, buffer, path=path)
    (got, _block, attributes, links, uid, gid, mode, inode, size, _blocks, known, *rest) = _STATX.unpack(buffer)
    times = [1_000_000_000 * rest[i] + rest[i + 1] for i in range(0, 8, 2)]
    special_major, special_minor, major, minor, mount_id = rest[8:]
    return Stat(
        device=f"{major}:{minor}",
        inode=inode,
        mode=mode,
        links=links,
        uid=uid,
        gid=gid,
        size=size,
        accessed=times[0],
        born=times[1] if got & STATX_BTIME else None,
        changed=times[2],
        modified=times[3],
        special_device=f"{special_major}:{special_minor}",
        mount_id=mount_id if got & STATX_MNT_ID and not got & STATX_MNT_ID_UNIQUE else None,
        unique_mount_id=mount_id if got & STATX_MNT_ID_UNIQUE else None,
        mount_root=bool(attributes & known & STATX_ATTR_MOUNT_ROOT),
        mask=got,
    )


def stat_of_fd(fd: int) -> Stat:
    """statx(2) of what `fd` (O_PATH is enough) is open on."""
    return statx(fd, b"", AT_EMPTY_PATH)


class FileSystemStat(Record):
    """The lasting part of statfs(2): the type's magic number, the file system ID as 8 bytes, the longest name."""

    type: int
    fsid: bytes
    name_max: int
    flags: int


def fstatfs(fd: int) -> FileSystemStat:
    """fstatfs(2) of what `fd` (O_PATH is enough) is open on."""
    buffer = foreign.create_string_buffer(_STATFS.size + 64)
    _fstatfs(fd, buffer)
    kind, _block, _blocks, _free, _available, _files, _files_free, fsid, name_max, _fragment = _STATFS.unpack_from(
        buffer
    )
    flags = struct.unpack_from("I" if _LONG_IS_NOT_WORD else "L", buffer, _STATFS.size)[0]
    return FileSystemStat(kind & 0xFFFF_FFFF, fsid, name_max, flags)


_GETVERSION = ioctl_number(True, False, ord("v"), 1, foreign.sizeof(foreign.c_long))
_GETFSUUID = ioctl_number(True, False, 0x15, 0, 17)
_INO_LOOKUP = ioctl_number(True, True, 0x94, 18, 4096)
_FS_INFO = ioctl_number(True, False, 0x94, 31, 1024)
_FIRST_FREE_OBJECTID = 256


def generation(fd: int) -> int:
    """The inode's generation (FS_IOC_GETVERSION). Raises OSError: ENOTTY where the file system has none to show."""
    buffer = foreign.create_string_buffer(8)  # the request says long, the kernel writes an int
    ioctl("FS_IOC_GETVERSION", fd, _GETVERSION, buffer)
    return int.from_bytes(buffer.raw[:4], sys.byteorder)


def file_system_uuid(fd: int) -> bytes:
    """The superblock's UUID (FS_IOC_GETFSUUID, Linux 6.9). Raises OSError: ENOTTY where there is none to show."""
    buffer = foreign.create_string_buffer(17)
    ioctl("FS_IOC_GETFSUUID", fd, _GETFSUUID, buffer)
    return buffer.raw[1 : 1 + buffer.raw[0]]


def btrfs_subvolume(fd: int) -> int:
    """The ID of the btrfs subvolume that `fd` is in (BTRFS_IOC_INO_LOOKUP). Raises OSError: ENOTTY if not btrfs."""
    buffer = foreign.create_string_buffer(struct.pack("=QQ", 0, _FIRST_FREE_OBJECTID), 4096)
    ioctl("BTRFS_IOC_INO_LOOKUP", fd, _INO_LOOKUP, buffer)
    return int.from_bytes(buffer.raw[:8], sys.byteorder)


def btrfs_uuid(fd: int) -> bytes:
    """The UUID of a btrfs, for FS_IOC_GETFSUUID shows none there (BTRFS_IOC_FS_INFO). Raises OSError as above."""
    buffer = foreign.create_string_buffer(1024)
    ioctl("BTRFS_IOC_FS_INFO", fd, _FS_INFO, buffer)
    return buffer.raw[16:32]


def path_of_fd(fd: int) -> bytes:
    """The path that the kernel shows of a descriptor: a hint, for it may be of another mount tree, or ` (deleted)`."""
    return os.readlink(b"/proc/self/fd/%d" % fd)


def mount_id_of_fd(fd: int) -> int:
    """mountinfo's ID of the mount that `fd` is on, from fdinfo: no getattr reaches the file system."""
    for line in read_file(b"/proc/self/fdinfo/%d" % fd).split(b"\n"):
        if line.startswith(b"mnt_id:"):
            return int(line[7:])
    raise OSError(errno.ENODATA, "fdinfo shows no mnt_id")


def read_fd(fd: int) -> bytes:
    """All bytes from the descriptor's position to the end of the file, however long."""
    parts = []
    while part := os.read(fd, _READ_SIZE):
        parts.append(part)
    return b"".join(parts)


def read_file(path: bytes, dirfd: int | None = None) -> bytes:
    """The whole content of a file, in /proc too, however long."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=dirfd)
    except OSError as failure:
        raise error(failure.errno or 0, "open", path) from None
    with closing(fd):
        return read_fd(fd)
