"""The list of all superblocks of a type, for who wants every overlay of the system (include/linux/fs.h)."""

from __future__ import annotations

from .shape import Shape, offset, pointer


class SuperblockInList(Shape):
    """Apart, for it changes whenever another superblock of the type comes or goes."""

    structure = b"super_block"
    type: int = pointer("s_type")
    next: int = pointer("s_instances.next")
    entry: int = offset("s_instances")


class FilesystemTypeList(Shape):
    structure = b"file_system_type"
    first: int = pointer("fs_supers.first")
