"""btrfs' own calls: subvolumes, snapshots, which subvolume a file is of (linux/btrfs.h)."""

import os
import struct
from fcntl import ioctl

_SUBVOL_CREATE, _SNAP_CREATE, _INO_LOOKUP, _FS_INFO = 0x5000940E, 0x50009401, 0xD0009412, 0x8400941F
_ROOT_INODE = 256


def create_subvolume(path: bytes) -> None:
    _named(_SUBVOL_CREATE, path, 0)


def snapshot(subvolume: bytes, path: bytes) -> None:
    """A writable snapshot of `subvolume` at `path`."""
    held = os.open(subvolume, os.O_RDONLY)
    try:
        _named(_SNAP_CREATE, path, held)
    finally:
        os.close(held)


def _named(request: int, path: bytes, descriptor: int) -> None:
    """An ioctl on a directory with struct btrfs_ioctl_vol_args: a descriptor, a name."""
    directory = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        ioctl(directory, request, bytearray(struct.pack("=q4088s", descriptor, os.path.basename(path))))
    finally:
        os.close(directory)


def subvolume_of(descriptor: int) -> int:
    """The object ID of the root of the subvolume that an open file lies in."""
    answer = bytearray(struct.pack("=QQ4080s", 0, _ROOT_INODE, b""))
    ioctl(descriptor, _INO_LOOKUP, answer)
    return int(struct.unpack_from("=Q", answer)[0])


def uuid_of(descriptor: int) -> str:
    """The UUID that all devices of the file system share."""
    answer = bytearray(1024)
    ioctl(descriptor, _FS_INFO, answer)
    digits = bytes(answer[16:32]).hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
