"""What tells directories of each file system type apart, and how its file handles are put together."""

from __future__ import annotations

import struct

from ..identity import TABLE
from ..linux.handles import FileHandle
from ..record import unchecked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .evidence import Directory

WITHOUT_GENERATION = frozenset(
    [kind for kind, row in TABLE.items() if row.now is not None and "generation" not in row.now]
)
"""Types whose objects have no generation worth the name: the kernel holds 0 for all of them."""

_LASTING = frozenset([kind for kind, row in TABLE.items() if row.stability != "none"])
_INO32_GEN = struct.Struct("=II")
_TMPFS = struct.Struct("=III")
_XFS64 = struct.Struct("=QI")
_BTRFS = struct.Struct("=QQI")
_FILEID_INO32_GEN = 1
_FILEID_XFS64 = 0x81
_FILEID_BTRFS = 0x4D
_MADE_INO32_GEN = frozenset(("ext2", "ext3", "ext4", "squashfs"))
_READ_INO32_GEN = _MADE_INO32_GEN | {"xfs", "f2fs", "jfs", "nilfs2", "ubifs"}
WITH_HANDLES = _MADE_INO32_GEN | {"tmpfs", "xfs", "btrfs"}
"""Types whose handles `make_handle` can put together; each has a row in the identity table."""


def shortcoming(directory: Directory) -> str | None:
    """Why a directory can't be told from all others for good, None where it can."""
    fs_type = directory.fs_type
    if fs_type not in _LASTING:
        return f"inode numbers of {fs_type} name nothing for good"
    if fs_type == "btrfs" and directory.subvolume is None:
        return "its btrfs subvolume is not known, and snapshots share inode numbers"
    return None


def decode_handle(fs_type: str, handle: FileHandle) -> tuple[int, int, int | None] | None:
    """Inode number, generation and, of btrfs, subvolume in a handle; None where its form is not known.

    The forms: generic_encode_ino32_fh (fs/libfs.c), shmem_encode_fh, xfs_fs_encode_fh, btrfs_encode_fh.
    """
    kind, data = handle.type, handle.data
    if fs_type == "tmpfs" and kind == _FILEID_INO32_GEN and len(data) == 12:
        generation, low, high = _TMPFS.unpack(data)
        return high << 32 | low, generation, None
    if kind == _FILEID_INO32_GEN and len(data) == 8 and fs_type in _READ_INO32_GEN:
        inode, generation = _INO32_GEN.unpack(data)
        return inode, generation, None
    if fs_type == "btrfs" and kind == _FILEID_BTRFS and len(data) == 20:
        inode, subvolume, generation = _BTRFS.unpack(data)
        return inode, generation, subvolume
    if fs_type == "xfs" and kind == _FILEID_XFS64 and len(data) == 12:
        inode, generation = _XFS64.unpack(data)
        return inode, generation, None
    return None


def make_handle(fs_type: str, inode: int, generation: int | None, subvolume: int | None = None) -> FileHandle | None:
    """The handle that the kernel would encode for a directory, where its form is known; else None."""
    if generation is None:
        if fs_type not in WITHOUT_GENERATION:
            return None
        generation = 0
    kind = _FILEID_INO32_GEN
    if fs_type == "tmpfs":
        data = _TMPFS.pack(generation, inode & 0xFFFF_FFFF, inode >> 32)
    elif fs_type == "btrfs" and subvolume is not None:
        kind, data = _FILEID_BTRFS, _BTRFS.pack(inode, subvolume, generation)
    elif fs_type == "xfs":
        kind, data = _FILEID_XFS64, _XFS64.pack(inode, generation)
    elif fs_type in _MADE_INO32_GEN and inode < 1 << 32:
        data = _INO32_GEN.pack(inode, generation)
    else:
        return None
    return unchecked(FileHandle, (kind, data))
