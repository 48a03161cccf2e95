"""A directory that only a process holds: by its working directory, its root or a descriptor."""

from __future__ import annotations

import os

from ..linux.namespaces import open_process, process_start_time
from ..linux.syscall import closing
from . import own
from .look import Superblock, uuid_of_fd
from .reach import Anchor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..plan.records import ByProcess, SourcePlan


def open_held(way: ByProcess, source: SourcePlan) -> Anchor | None:
    """What the process holds, as a detached tree that the kernel takes as a layer.

    None where the process is gone or another now has its number, or where the kernel lets no one copy the tree: one
    that was unmounted lazily is lost for this purpose, one that never was in a namespace is not.
    """
    try:
        with closing(open_process(way.pid)) as process:
            if process_start_time(process) != way.start_time:
                return None
            with closing(os.open(way.through, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=process)) as held:
                tree = own.clone_tree(held)
    except OSError:
        return None
    kind = source.filesystem.type if source.filesystem is not None else ""
    status = os.fstat(tree)
    return Anchor(
        tree, Superblock(kind, f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}", uuid_of_fd(tree)), None
    )
