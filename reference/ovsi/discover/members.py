"""Directories that may be lower layers, compared entry by entry with what the overlay shows.

Shared by the rungs that see through the overlay: each tells what an object *is* in its own way (an inode number on a
pinned file system, a real handle), the reasoning from there on is the same.
"""

from __future__ import annotations

import os

from ..record import Record
from .judge import key, places
from .merged import is_whiteout, listing, open_listable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .evidence import Directory
    from .merged import Merged
    from .vantage import Vantage


_MAX_LOOKS = 20_000
_NOTHING_SHOWN = "nothing that it alone holds shows through the overlay"
_NOT_LISTED = "it shows through the overlay, which may only remember that, and can't be listed without a trace"


class Member(Record):
    """A directory, open, that was shown to be a lower layer, and the entry that showed it."""

    directory: Directory
    fd: int
    names: tuple[bytes, ...]
    witness: bytes


class Members:
    """Members found so far, each once. Close it."""

    def __init__(self, vantage: Vantage) -> None:
        self.vantage = vantage
        self.found: list[Member] = []
        self._keys: set[tuple[object, ...]] = set()

    def close(self) -> None:
        """Close what was opened."""
        for member in self.found:
            os.close(member.fd)

    def __contains__(self, directory: Directory) -> bool:
        return key(directory) in self._keys

    def add(self, directory: Directory, fd: int, names: Iterable[bytes], witness: bytes) -> None:
        """Take a directory with its descriptor, which is closed with the others."""
        self._keys.add(key(directory))
        self.found.append(Member(directory, fd, tuple(names), witness))

    def open(self, path: bytes) -> tuple[int, list[bytes]] | None:
        """A listable descriptor of a directory below the dumped namespace's root, and its names."""
        try:
            fd = open_listable(self.vantage.here, path)
        except OSError:
            return None
        try:
            return fd, listing(fd)
        except OSError:
            os.close(fd)
            return None

    def above(self, merged: Merged, is_shown: Callable[[Member, bytes], bool]) -> list[tuple[int, int]]:
        """Which member lies above which: of those that hold a name, the one whose entry the overlay shows is on top."""
        holders: dict[bytes, list[int]] = {}
        for index, member in enumerate(self.found):
            for name in member.names:
                holders.setdefault(name, []).append(index)
        pairs: set[tuple[int, int]] = set()
        looks = 0
        for name, some in holders.items():
            looks += len(some)
            if len(some) < 2 or looks > _MAX_LOOKS or not merged.harmless(name) or merged.remembers_only(name):
                continue
            top = next((one for one in some if is_shown(self.found[one], name)), None)
            if top is not None:
                pairs |= {(top, other) for other in some if other != top}
        return sorted(pairs)

    def placed(self, merged: Merged, count: int, pairs: Iterable[tuple[int, int]]) -> tuple[dict[int, Member], str]:
        """Which of the `count` lower layers each member is, where only one order fits; and what is to be said of all.

        None where all are known and an entry of one contradicts, nor where the overlay can't be listed: what it finds
        by name it may only remember, from before that was moved away behind its back.
        """
        if merged.names() is None:
            return {}, _NOT_LISTED if self.found else _NOTHING_SHOWN
        found = places(count, range(len(self.found)), pairs)
        if len(self.found) == count == len(found) and (against := self._contradiction(merged)):
            return {}, against
        members = {place: self.found[index] for index, place in found.items()}
        if len(found) < len(self.found):
            return members, f"lower layers are shown, {len(self.found)} of {count}, but not their order"
        return members, _NOTHING_SHOWN if len(found) < count else ""

    def _contradiction(self, merged: Merged) -> str | None:
        """An entry that the overlay does not show though no other layer hides it; for a full set of members."""
        for member in self.found:
            for name in member.names:
                if not merged.harmless(name) or merged.entry(name) is not None:
                    continue
                holders = [other for other in self.found if name in other.names]
                if len(holders) == 1 and not _is_whiteout_in(member, name):
                    shown = os.fsdecode(member.directory.path or b"?")
                    return f"the overlay does not show {os.fsdecode(name)!r} of {shown}"
        return None


def _is_whiteout_in(member: Member, name: bytes) -> bool:
    try:
        return is_whiteout(os.stat(name, dir_fd=member.fd, follow_symlinks=False))
    except OSError:
        return True  # gone meanwhile
