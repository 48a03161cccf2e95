"""Mounts of one overlay that share events: peers, and slaves of a peer group, as they were to each other.

A copy of a shared mount is its peer, and what is made a slave of it first is a slave of its group. So a mount of the
overlay's root stands for each group, attached where no one sees it, as long as copies are made of it.
"""

from __future__ import annotations

import os

from ..linux.mountapi import MNT_DETACH, MS_SHARED, MS_SLAVE, OPEN_TREE_CLONE, open_tree, umount2
from ..linux.syscall import AT_EMPTY_PATH
from . import own
from .attributes import set_propagation
from .workshop import attach, new_tmpfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..plan.records import MountPlan


class Groups:
    """In the private mount namespace of a child: the peer groups of an overlay that is attached there."""

    def __init__(self, mount: int, copy: Callable[[int, bytes | None], int]) -> None:
        """`copy` makes a detached copy of a directory of an attached mount."""
        self.mount = mount
        self.copy = copy
        self.top = new_tmpfs()
        self.bases: dict[int, int] = {}
        attach(self.top)

    def copies(self, plans: Sequence[MountPlan]) -> list[int]:
        """A detached copy for each planned mount, in its groups."""
        masters = {plan.peer_group: plan.master for plan in plans if plan.peer_group is not None}
        copies = []
        for plan in plans:
            if plan.peer_group is not None:
                copies.append(self.copy(self._base(plan.peer_group, masters), plan.root))
            elif plan.master is not None:
                copies.append(self.copy(self._base(plan.master, masters), plan.root))
                set_propagation(copies[-1], MS_SLAVE)
            else:
                copies.append(self.copy(self.mount, plan.root))
        return copies

    def _base(self, group: int, masters: dict[int, int | None]) -> int:
        if group not in self.bases:
            master = masters.pop(group)  # of a circle, which no kernel has, the last is a slave of none
            above = (
                self.mount if master is None or master not in {*masters, *self.bases} else self._base(master, masters)
            )
            tree = open_tree(above, b"", AT_EMPTY_PATH | OPEN_TREE_CLONE)
            if above != self.mount:
                set_propagation(tree, MS_SLAVE)
            set_propagation(tree, MS_SHARED)
            os.mkdir(b"%d" % group, dir_fd=self.top)
            attach(tree, self.top, b"%d" % group)
            self.bases[group] = tree
        return self.bases[group]

    def close(self) -> None:
        """Nothing of it is left attached."""
        own.stand_among_descriptors()
        for mount in (*self.bases.values(), self.top):
            umount2(b"%d" % mount, MNT_DETACH)
            os.close(mount)
