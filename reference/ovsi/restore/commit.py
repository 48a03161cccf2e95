"""The commit: one move_mount a mount, after which it is seen, whole. What fails takes back what was done before it."""

from __future__ import annotations

from ..linux.mountapi import MNT_DETACH, MOVE_MOUNT_F_EMPTY_PATH, MOVE_MOUNT_T_EMPTY_PATH, move_mount, umount2
from ..record import Record
from . import own
from .attributes import set_after
from .result import Done
from .target import open_target, parent_is_shared

TYPE_CHECKING = False
if TYPE_CHECKING:
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
        done = []
        try:
            for one, planned, number in zip(self.ready, self.planned, self.numbers, strict=True):
                self._attach(one, planned)
                done.append(Done(one.overlay, planned.target, number, one.setup))
        except BaseException:
            self.take_back()
            raise
        return done

    def _attach(self, one: Ready, planned: MountPlan) -> None:
        place, shared = plain(planned.target), one.shared
        if place not in self.targets:
            self.targets[place] = open_target(place, planned.within)
            shared = parent_is_shared(self.targets[place], own.mount_table(unique_ids=False))
        move_mount(one.mount, b"", self.targets[place], b"", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
        self.committed.append(one.mount)
        if shared is not False:
            set_after(one.mount, planned, self._of_group(planned.master))

    def _of_group(self, group: int | None) -> list[int]:
        """The mounts of a peer group of the image."""
        pairs = zip(self.ready, self.planned, strict=True)
        return [one.mount for one, planned in pairs if group is not None and planned.peer_group == group]

    def take_back(self) -> None:
        """Unmount what was attached, in the mount namespace where that was done."""
        while self.committed:
            own.stand_among_descriptors()
            umount2(b"%d" % self.committed.pop(), MNT_DETACH)


def plain(path: bytes) -> bytes:
    """A path without trailing slashes."""
    return path.rstrip(b"/") or b"/"
