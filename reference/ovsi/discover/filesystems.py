"""What tells directories of each file system type apart, and how its file handles are put together."""

from __future__ import annotations

from ..identity import BTRFS, FILEID_BTRFS, FILEID_INO32_GEN, FILEID_XFS64, INO32_GEN, TABLE, TMPFS, XFS64
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
_MADE_INO32_GEN = frozenset(("ext2", "ext3", "ext4", "squashfs"))
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


def make_handle(fs_type: str, inode: int, generation: int | None, subvolume: int | None = None) -> FileHandle | None:
    """The handle that the kernel would encode for a directory, where its form is known; else None."""
    if generation is None:
        if fs_type not in WITHOUT_GENERATION:
            return None
        generation = 0
    kind = FILEID_INO32_GEN
    if fs_type == "tmpfs":
        data = TMPFS.pack(generation, inode & 0xFFFF_FFFF, inode >> 32)
    elif fs_type == "btrfs" and subvolume is not None:
        kind, data = FILEID_BTRFS, BTRFS.pack(inode, subvolume, generation)
    elif fs_type == "xfs":
        kind, data = FILEID_XFS64, XFS64.pack(inode, generation)
    elif fs_type in _MADE_INO32_GEN and inode < 1 << 32:
        data = INO32_GEN.pack(inode, generation)
    else:
        return None
    return unchecked(FileHandle, (kind, data))
