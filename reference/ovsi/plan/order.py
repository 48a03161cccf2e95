"""In which order finished mounts are attached, so that each lands where the image has it. Pure."""

from __future__ import annotations

from .paths import above, below, joined, plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .records import MountPlan

    Entry = tuple[str, MountPlan]  # with the id of its overlay


def commit_order(entries: Sequence[Entry]) -> list[int]:
    """The numbers of the entries, in the order in which they are to be attached.

    What a target lies on comes before it. What is attached to a mount is attached by the kernel to its peers and slaves
    too, if they are there: so those come first that have it in the image as well, and those last that do not.
    """
    stack = _Stack(entries)
    if all(parent is None for parent in stack.parents):
        return list(range(len(entries)))
    return _sorted(stack.with_receivers()) or _sorted(stack.before())


class _Stack:
    """The entries by what they are to each other. parents: of each the entry that its target lies on, if any."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.mounts = [mount for _overlay, mount in entries]
        self.overlays = [overlay for overlay, _mount in entries]
        self.places = {plain(mount.target): number for number, mount in enumerate(self.mounts)}
        self.parents = [self._nearest(mount.target) for mount in self.mounts]
        self.of_overlay: dict[str, list[int]] = {}
        for number, overlay in enumerate(self.overlays):
            self.of_overlay.setdefault(overlay, []).append(number)

    def _nearest(self, target: bytes) -> int | None:
        return next((self.places[path] for path in above(plain(target)) if path in self.places), None)

    def before(self) -> list[set[int]]:
        """What goes before each for the sake of its target."""
        return [set() if parent is None else {parent} for parent in self.parents]

    def with_receivers(self) -> list[set[int]]:
        """The same, and for the sake of those that get an event which attaches a mount."""
        before = self.before()
        for child, parent in enumerate(self.parents):
            if parent is None or self.mounts[parent].peer_group is None:
                continue
            for receiver in self._receivers(parent):
                place = self._place_in(receiver, parent, child)
                if place is None:
                    continue  # it does not show that directory, so it gets no copy
                copy = self.places.get(place)
                if copy is not None and self._may_be_copy(copy, child):
                    before[child].add(receiver)
                elif receiver != child:
                    before[receiver].add(child)
        return before

    def _receivers(self, sender: int) -> list[int]:
        """The mounts of its overlay that get the events of one: its peers, its slaves and theirs."""
        groups = {self.mounts[sender].peer_group}
        found = [sender]
        while groups:
            others = [number for number in self.of_overlay[self.overlays[sender]] if number not in found]
            met = [n for n in others if {self.mounts[n].peer_group, self.mounts[n].master} & groups]
            groups = {self.mounts[number].peer_group for number in met} - groups - {None}
            found += met
        return found[1:]

    def _place_in(self, receiver: int, parent: int, child: int) -> bytes | None:
        """Where the place of a mount on its parent is below another mount of the parent's overlay."""
        on, other = self.mounts[parent], self.mounts[receiver]
        if on.root is None or other.root is None:
            return None
        inside = joined(on.root, below(plain(self.mounts[child].target), plain(on.target)) or b"/")
        rest = below(inside, other.root)
        return None if rest is None else joined(plain(other.target), rest)

    def _may_be_copy(self, copy: int, original: int) -> bool:
        """Whether the kernel would make the one of the other as it hands on the event."""
        there, here = self.mounts[copy], self.mounts[original]
        related = here.peer_group is not None and here.peer_group in (there.peer_group, there.master)
        return related and self.overlays[copy] == self.overlays[original] and there.root == here.root


def _sorted(before: list[set[int]]) -> list[int]:
    """All numbers, each after those that go before it; empty where they go in a circle."""
    order: list[int] = []
    placed: set[int] = set()
    waiting = list(range(len(before)))
    while waiting:
        free = [number for number in waiting if before[number] <= placed]
        if not free:
            return []
        order += free
        placed.update(free)
        waiting = [number for number in waiting if number not in placed]
    return order
