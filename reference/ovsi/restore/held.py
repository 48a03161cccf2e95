"""A directory that only a process holds: by its working directory, its root or a descriptor."""

from __future__ import annotations

import os

from ..linux.files import fstatfs
from ..linux.namespaces import process_start_time
from ..linux.syscall import closing
from . import own
from .look import Superblock, uuid_of_root
from .reach import Anchor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..plan.records import ByProcess, SourcePlan

_MAGIC = {  # include/uapi/linux/magic.h; of the types in the identity table that name a directory on one boot
    "ext2": 0xEF53,
    "ext3": 0xEF53,
    "ext4": 0xEF53,
    "xfs": 0x58465342,
    "btrfs": 0x9123683E,
    "erofs": 0xE0F5E1E2,
    "squashfs": 0x73717368,
    "tmpfs": 0x01021994,
    "overlay": 0x794C7630,
}


def open_held(way: ByProcess, source: SourcePlan) -> Anchor | None:
    """What the process holds, as a detached tree that the kernel takes as a layer.

    None where the process is gone or another now has its number, or where the kernel lets no one copy the tree: one
    that was unmounted lazily is lost for this purpose, one that never was in a namespace is not.
    """
    try:
        with closing(own.process_of(way.pid)) as process:
            if process_start_time(process) != way.start_time:
                return None
            with closing(os.open(way.through, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=process)) as held:
                tree = own.clone_tree(held)
    except OSError:
        return None
    wanted = source.filesystem.type if source.filesystem is not None else ""
    status, there = os.fstat(tree), fstatfs(tree).type
    # No table of mounts tells the type of what is attached nowhere; of a type without a row nothing is proved anyway.
    kind = wanted if _MAGIC.get(wanted, there) == there else "a file system of another type"
    device = f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
    return Anchor(tree, Superblock(kind, device, uuid_of_root(tree)), None)
