"""How file handles are put together, by file system type. For how long they hold: `ovsi.identity`."""

from __future__ import annotations

import struct

from ..linux.handles import FileHandle

WITHOUT_GENERATION = frozenset(("squashfs", "erofs", "cramfs", "romfs", "overlay"))
"""Types whose objects have no generation worth the name: the kernel holds 0 for all of them."""

_INO32_GEN = struct.Struct("=II")
_TMPFS = struct.Struct("=III")
_XFS64 = struct.Struct("=QI")
_BTRFS = struct.Struct("=QQI")
_FILEID_INO32_GEN = 1
_FILEID_XFS64 = 0x81
_FILEID_BTRFS = 0x4D
_USES_INO32_GEN = frozenset(["ext2", "ext3", "ext4", "xfs", "f2fs", "squashfs", "jfs", "nilfs2", "ubifs"])


def decode_handle(fs_type: str, handle: FileHandle) -> tuple[int, int, int | None] | None:
    """Inode number, generation and, of btrfs, subvolume in a handle; None where its form is not known.

    The forms: generic_encode_ino32_fh (fs/libfs.c), shmem_encode_fh, xfs_fs_encode_fh, btrfs_encode_fh.
    """
    kind, data = handle.type, handle.data
    if fs_type == "tmpfs" and kind == _FILEID_INO32_GEN and len(data) == 12:
        generation, low, high = _TMPFS.unpack(data)
        return high << 32 | low, generation, None
    if kind == _FILEID_INO32_GEN and len(data) == 8 and fs_type in _USES_INO32_GEN:
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
    if fs_type in WITHOUT_GENERATION:
        generation = 0
    if generation is None:
        return None
    if fs_type == "tmpfs":
        return FileHandle(_FILEID_INO32_GEN, _TMPFS.pack(generation, inode & 0xFFFF_FFFF, inode >> 32))
    if fs_type == "btrfs":
        return None if subvolume is None else FileHandle(_FILEID_BTRFS, _BTRFS.pack(inode, subvolume, generation))
    if fs_type == "xfs":
        return FileHandle(_FILEID_XFS64, _XFS64.pack(inode, generation))
    if fs_type in _USES_INO32_GEN and inode < 1 << 32:
        return FileHandle(_FILEID_INO32_GEN, _INO32_GEN.pack(inode, generation))
    return None
