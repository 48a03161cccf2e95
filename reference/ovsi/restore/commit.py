"""The commit: one move_mount a mount, after which it is seen, whole. What fails takes back what was done before it."""

from __future__ import annotations

import os

from ..errors import Refusal
from ..linux.mountapi import MNT_DETACH, MOVE_MOUNT_F_EMPTY_PATH, MOVE_MOUNT_T_EMPTY_PATH, move_mount, umount2
from ..plan.paths import plain
from ..record import Record
from . import own
from .attributes import set_after
from .child import reap
from .result import Done
from .target import open_directory, parent_is_shared, refuse_mount_point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..linux.mounttable import MountTable
    from ..plan.records import MountPlan, Plan
    from .result import Setup


class Ready(Record):
    """A finished mount, detached. number: which of its overlay's planned mounts.

    shared: whether it will be attached below a shared mount; None where that is another one of this restore.
    """

    overlay: str
    number: int
    setup: Setup
    shared: bool | None
    mount: int


class Commit:
    """Attaches finished mounts in the mount namespace and below the root that this process has at `run`."""

    def __init__(self, plan: Plan, ready: list[Ready], targets: dict[bytes, int]) -> None:
        """`targets` are those open already; what lies below a mount of this restore is opened in its turn."""
        self.ready = ready
        self.targets = targets
        self.committed: list[int] = []
        planned = {overlay.id: overlay.mounts for overlay in plan.overlays}
        self.planned: list[MountPlan] = [planned[one.overlay][one.number] for one in ready]
        self.numbers = [own.mount_id(one.mount) for one in ready]  # the same before and after

    def run(self) -> list[Done]:
        """All of them, in order. Raises Refusal, OSError: then none of them is mounted."""
        reap()  # nothing may fail behind the commit
        done: list[Done] = []
        opened = len(self.targets)
        try:
            for one, planned, number in zip(self.ready, self.planned, self.numbers, strict=True):
                copy = self._attach(one, planned, done)
                done.append(Done(one.overlay, planned.target, number if copy is None else copy, one.setup))
            if len(self.targets) > opened:
                refuse_more(done, own.mount_table(unique_ids=False))
        except BaseException:
            self.take_back()
            raise
        return done

    def _attach(self, one: Ready, planned: MountPlan, done: list[Done]) -> int | None:
        """Attach one, or take for it the copy that the kernel made of another one, and give the number of that."""
        place, shared = plain(planned.target), one.shared
        if place not in self.targets:
            fd = open_directory(place, planned.within)
            self.targets[place] = fd
            table = own.mount_table(unique_ids=False)
            copy = self._copy(fd, one, planned, done, table)
            if copy is not None:
                return copy
            refuse_mount_point(fd, place)
            shared = parent_is_shared(fd, table)
        move_mount(one.mount, b"", self.targets[place], b"", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
        self.committed.append(one.mount)
        if shared is not False:
            set_after(one.mount, planned, self._of_group(planned.master))
        return None

    def _copy(self, place: int, one: Ready, planned: MountPlan, done: list[Done], table: MountTable) -> int | None:
        """The number of what the kernel attached at a place as it attached a peer or the master of the planned mount.

        It is the planned mount if it shows the same directory in the same way, and gets events from the same.
        """
        there = table.by_mount_id(own.mount_id(place) or 0)
        if there is None or not os.path.samestat(os.fstat(place), os.fstat(one.mount)):
            return None
        if os.fstatvfs(place).f_flag != os.fstatvfs(one.mount).f_flag or there.unbindable != planned.unbindable:
            return None
        for group, found in ((planned.peer_group, there.shared), (planned.master, there.master)):
            if (group is None) != (found is None) or (
                group is not None and found not in self._groups(group, done, table)
            ):
                return None
        return there.mount_id

    def _groups(self, group: int, done: list[Done], table: MountTable) -> list[int | None]:
        """What a peer group of the image is called here, by the mounts of it that are attached already."""
        attached = zip(self.planned, done, strict=False)  # those of the plan that are done, in the same order
        mounts = [table.by_mount_id(one.mount_id or 0) for planned, one in attached if planned.peer_group == group]
        return [mount.shared for mount in mounts if mount is not None]

    def _of_group(self, group: int | None) -> list[int]:
        """The mounts of a peer group of the image."""
        pairs = zip(self.ready, self.planned, strict=True)
        return [one.mount for one, planned in pairs if group is not None and planned.peer_group == group]

    def take_back(self) -> None:
        """Unmount what was attached, in the mount namespace where that was done."""
        while self.committed:
            own.stand_among_descriptors()
            umount2(b"%d" % self.committed.pop(), MNT_DETACH)


def refuse_more(done: list[Done], table: MountTable) -> None:
    """Raises Refusal stack-differs where the kernel attached more on the mounts of the restore than the image has.

    It does so on peers and slaves of a mount to which another is attached.
    """
    made = {one.mount_id: one for one in done}
    devices = {mount.device for mount in table.entries if mount.mount_id in made}
    for mount in table.entries:
        if mount.parent_id in made and mount.mount_id not in made and mount.device in devices:
            message = "the kernel attached a mount here that the image has not, as it did on another mount of its group"
            raise Refusal("stack-differs", message, mount.mount_point)
