"""Subvolumes, for directories on btrfs (fs/btrfs/btrfs_inode.h, fs/btrfs/ctree.h)."""

from __future__ import annotations

from .shape import Shape, number, offset, pointer


class BtrfsInode(Shape):
    structure = b"btrfs_inode"
    root: int = pointer("root")
    inode: int = offset("vfs_inode")


class BtrfsRoot(Shape):
    structure = b"btrfs_root"
    objectid: int = number("root_key.objectid")
