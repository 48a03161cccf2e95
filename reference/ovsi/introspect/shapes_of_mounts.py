"""The mounts of a mount namespace, for overlays that are not opened (fs/mount.h)."""

from __future__ import annotations

from .shape import Shape, number, offset, pointer


class InodeOfNamespace(Shape):
    """Apart, for it is far from the others."""

    structure = b"inode"
    private: int = pointer("i_private")


class MountNamespace(Shape):
    structure = b"mnt_namespace"
    ns: int = offset("ns")
    inum: int = number("ns.inum")
    tree: int | None = pointer("mounts.rb_node", optional=True)
    list: int | None = pointer("list.next", optional=True)
    list_head: int | None = offset("list", optional=True)


class Mount(Shape):
    structure = b"mount"
    vfs: int = offset("mnt")
    root: int = pointer("mnt.mnt_root")
    superblock: int = pointer("mnt.mnt_sb")
    flags: int = number("mnt.mnt_flags")
    mnt_id: int = number("mnt_id")
    unique_id: int | None = number("mnt_id_unique", optional=True)
    parent: int = pointer("mnt_parent")
    mountpoint: int = pointer("mnt_mountpoint")
    namespace: int = pointer("mnt_ns")
    group: int = number("mnt_group_id")


class MountInTree(Shape):
    structure = b"mount"
    certain = False
    node: int = offset("mnt_node")
    left: int = pointer("mnt_node.rb_left")
    right: int = pointer("mnt_node.rb_right")


class MountInList(Shape):
    structure = b"mount"
    certain = False
    entry: int = offset("mnt_list")
    next: int = pointer("mnt_list.next")
