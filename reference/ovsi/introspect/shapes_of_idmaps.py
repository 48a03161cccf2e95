"""ID maps of mounts, for layers that have one (fs/mnt_idmapping.c, include/linux/user_namespace.h)."""

from __future__ import annotations

from .shape import Shape, offset, pointer


class LargeIdMap(Shape):
    """More extents than fit in place, where `forward` points at them; it overlaps them."""

    structure = b"uid_gid_map"
    part_of = "user_namespace.uid_map"
    forward: int = pointer("forward")


class IdmapWithMaps(Shape):
    structure = b"mnt_idmap"
    certain = False
    uid_map: int = offset("uid_map")
    gid_map: int = offset("gid_map")


class IdmapWithOwner(Shape):
    structure = b"mnt_idmap"
    certain = False
    owner: int = pointer("owner")
