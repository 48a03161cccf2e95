"""Taking back what a restore has mounted, for what can still fail after it: the writing of its result."""

from __future__ import annotations

import os

from ..linux.mountapi import MNT_DETACH, umount2
from ..linux.syscall import closing
from . import own
from .child import in_child
from .elsewhere import Elsewhere

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .result import Result


def undo(result: Result, pid: int | None) -> None:
    """Unmount the mounts of a result where they still are, the last one first; `pid` as the restore had it.

    Raises OSError where one stays.
    """
    with own.Held(), closing(own.process() if pid is None else own.process_of(pid)) as process:
        there = Elsewhere(process)

        def work() -> tuple[None, tuple[()]]:
            if pid is not None:
                there.enter()
            for done in reversed(result.overlays):
                with closing(os.open(done.mount_point, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as fd:
                    if own.mount_id(fd) == done.mount_id:
                        own.stand_among_descriptors()
                        umount2(b"%d" % fd, MNT_DETACH)
            return None, ()

        try:
            in_child(work)
        finally:
            there.close()
