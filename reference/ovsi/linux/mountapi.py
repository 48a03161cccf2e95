"""The mount calls, old and new: fsopen(2) and its family, mount_setattr(2), mount(2), umount2(2).

Constants are of include/uapi/linux/mount.h. Descriptors made here are close-on-exec. The new calls are in
every kernel from 5.2 on, mount_setattr from 5.12; where one is missing or filtered it raises ENOSYS or EPERM.
"""

from __future__ import annotations

import errno
import os
import struct

from . import foreign
from .syscall import AT_FDCWD, common, error, libc_function, quiet_syscall, syscall, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_NOSYMFOLLOW = 256
MS_NOATIME = 1024
MS_NODIRATIME = 2048
MS_BIND = 4096
MS_MOVE = 8192
MS_REC = 16384
MS_SILENT = 1 << 15
MS_UNBINDABLE = 1 << 17
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20
MS_RELATIME = 1 << 21
MS_STRICTATIME = 1 << 24

MNT_FORCE = 1
MNT_DETACH = 2
UMOUNT_NOFOLLOW = 8

OPEN_TREE_CLONE = 1

MOVE_MOUNT_F_EMPTY_PATH = 0x04
MOVE_MOUNT_T_SYMLINKS = 0x10
MOVE_MOUNT_T_EMPTY_PATH = 0x40
MOVE_MOUNT_SET_GROUP = 0x100
MOVE_MOUNT_BENEATH = 0x200

FSPICK_SYMLINK_NOFOLLOW = 2
FSPICK_NO_AUTOMOUNT = 4
FSPICK_EMPTY_PATH = 8

MOUNT_ATTR_RDONLY = 0x01
MOUNT_ATTR_NOSUID = 0x02
MOUNT_ATTR_NODEV = 0x04
MOUNT_ATTR_NOEXEC = 0x08
MOUNT_ATTR__ATIME = 0x70
MOUNT_ATTR_RELATIME = 0x00
MOUNT_ATTR_NOATIME = 0x10
MOUNT_ATTR_STRICTATIME = 0x20
MOUNT_ATTR_NODIRATIME = 0x80
MOUNT_ATTR_IDMAP = 0x0010_0000
MOUNT_ATTR_NOSYMFOLLOW = 0x0020_0000

_CLOEXEC = 1  # of fsopen, fsmount and fspick alike
_SET_FLAG, _SET_STRING, _SET_BINARY, _SET_PATH, _SET_PATH_EMPTY, _SET_FD = range(6)
_CREATE, _RECONFIGURE, _CREATE_EXCL = 6, 7, 8
_MESSAGE_SIZE = 1 << 16
_FSCONFIG = common(431)
_names: dict[bytes | None, str] = {}


def fsopen(fs_type: bytes) -> int:
    """A new file system context. Raises OSError: ENODEV for a type that this kernel does not have."""
    return syscall("fsopen", common(430), text(fs_type), _CLOEXEC, path=fs_type)


def fspick(dirfd: int, path: bytes, flags: int = 0) -> int:
    """A context to reconfigure the superblock of the mount at `path`."""
    return syscall("fspick", common(433), dirfd, text(path), flags | _CLOEXEC, path=path)


def _fsconfig(fsfd: int, command: int, key: bytes | None, value: bytes | None = None, auxiliary: int = 0) -> None:
    if key not in _names:
        _names[key] = "fsconfig" if key is None else f"fsconfig {key.decode(errors='backslashreplace')}"
    # An interrupted command leaves the context unusable: only setting a parameter may be tried again.
    syscall(_names[key], _FSCONFIG, fsfd, command, key and text(key), value, auxiliary, retry=key is not None)


def set_flag(fsfd: int, key: bytes) -> None:
    """Set a parameter that takes no value."""
    _fsconfig(fsfd, _SET_FLAG, key)


def set_string(fsfd: int, key: bytes, value: bytes) -> None:
    """Set a parameter to a string of at most 255 bytes; a longer one is EINVAL."""
    _fsconfig(fsfd, _SET_STRING, key, text(value))


def set_binary(fsfd: int, key: bytes, value: bytes) -> None:
    """Set a parameter to any bytes, at most 1 MiB."""
    _fsconfig(fsfd, _SET_BINARY, key, value, len(value))


def set_path(fsfd: int, key: bytes, path: bytes, dirfd: int = AT_FDCWD) -> None:
    """Set a parameter to the object at `path`."""
    _fsconfig(fsfd, _SET_PATH, key, text(path), dirfd)


def set_path_empty(fsfd: int, key: bytes, fd: int) -> None:
    """Set a parameter to the object that `fd` is open on, by an empty path."""
    _fsconfig(fsfd, _SET_PATH_EMPTY, key, b"", fd)


def set_fd(fsfd: int, key: bytes, fd: int) -> None:
    """Set a parameter to the object that `fd` is open on. Raises OSError: EINVAL where it takes none."""
    _fsconfig(fsfd, _SET_FD, key, None, fd)


def set_fds(fsfd: int, parameters: Iterable[tuple[bytes, int]]) -> None:
    """`set_fd` for each of many, keys and descriptors, in their order; the keys are without NUL."""
    for key, fd in parameters:
        if quiet_syscall(_FSCONFIG, fsfd, _SET_FD, key, None, fd, 0) < 0:
            _refuse_unless_interrupted(key)
            set_fd(fsfd, key, fd)


def set_strings(fsfd: int, parameters: Iterable[tuple[bytes, bytes]]) -> None:
    """`set_string` for each of many, keys and values, in their order; all of them are without NUL."""
    for key, value in parameters:
        if quiet_syscall(_FSCONFIG, fsfd, _SET_STRING, key, value, 0, 0) < 0:
            _refuse_unless_interrupted(key)
            set_string(fsfd, key, value)


def _refuse_unless_interrupted(key: bytes) -> None:
    """Raises OSError for the failure of the last call, but for EINTR: then it may be tried again."""
    code = foreign.get_errno()
    if code != errno.EINTR:
        raise error(code, f"fsconfig {key.decode(errors='backslashreplace')}")


def create(fsfd: int) -> None:
    """Create the superblock, or find the one that the same parameters made."""
    _fsconfig(fsfd, _CREATE, None)


def create_excl(fsfd: int) -> None:
    """Create the superblock. Raises OSError: EBUSY where one is there, EOPNOTSUPP before Linux 6.6."""
    _fsconfig(fsfd, _CREATE_EXCL, None)


def reconfigure(fsfd: int) -> None:
    """Apply the parameters to the superblock of a context made by `fspick`."""
    _fsconfig(fsfd, _RECONFIGURE, None)


def read_log(fsfd: int) -> tuple[bytes, ...]:
    """Take what the kernel wrote into a context's log: lines that begin with `e `, `w ` or `i `, oldest first."""
    lines = []
    while True:
        try:
            lines.append(os.read(fsfd, _MESSAGE_SIZE).rstrip(b"\n"))
        except OSError as failure:
            if failure.errno == errno.ENODATA:
                return tuple(lines)
            raise OSError(failure.errno, f"read of a file system context: {failure.strerror}") from None


def fsmount(fsfd: int, attributes: int = 0) -> int:
    """A detached mount, with MOUNT_ATTR_* attributes, of the superblock that `create` made."""
    return syscall("fsmount", common(432), fsfd, _CLOEXEC, attributes)


def open_tree(dirfd: int, path: bytes, flags: int = 0) -> int:
    """An O_PATH descriptor of a mounted object, or, by OPEN_TREE_CLONE, a detached copy of the mount there."""
    return syscall("open_tree", common(428), dirfd, text(path), flags | os.O_CLOEXEC, path=path)


def move_mount(from_dirfd: int, from_path: bytes, to_dirfd: int, to_path: bytes, flags: int = 0) -> None:
    """Move a mount, or attach a detached one (MOVE_MOUNT_F_EMPTY_PATH and an empty path: the descriptor's own)."""
    syscall(
        "move_mount",
        common(429),
        from_dirfd,
        text(from_path),
        to_dirfd,
        text(to_path),
        flags,
        path=to_path or from_path,
    )


def mount_setattr(
    dirfd: int, path: bytes, flags: int, *, set_: int = 0, clear: int = 0, propagation: int = 0, userns_fd: int = 0
) -> None:
    """Change a mount's attributes (MOUNT_ATTR_*), propagation (one of MS_SHARED, …) or ID mapping.

    `flags` are AT_EMPTY_PATH and AT_RECURSIVE. To set an access time mode, clear MOUNT_ATTR__ATIME as well.
    """
    attributes = struct.pack("=4Q", set_, clear, propagation, userns_fd)
    syscall("mount_setattr", common(442), dirfd, text(path), flags, attributes, len(attributes), path=path)


_mount = libc_function("mount", foreign.c_char_p, foreign.c_char_p, foreign.c_char_p, foreign.c_ulong, foreign.c_char_p)
_umount2 = libc_function("umount2", foreign.c_char_p, foreign.c_int)


def mount(
    source: bytes | None, target: bytes, fs_type: bytes | None = None, flags: int = 0, data: bytes | None = None
) -> None:
    """mount(2). `data` beyond one page less a byte would be cut off in silence: that is a ValueError here."""
    if data is not None and len(data) >= os.sysconf("SC_PAGESIZE"):
        raise ValueError(f"mount data of {len(data)} bytes: the kernel takes one page")
    for value in (source, fs_type, data):
        text(value or b"")
    _mount(source, text(target), fs_type, flags, data, path=target)


def umount2(target: bytes, flags: int = 0) -> None:
    """umount2(2) with MNT_DETACH, UMOUNT_NOFOLLOW, …"""
    _umount2(text(target), flags, path=target)
