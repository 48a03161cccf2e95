"""The rung of inode numbers: needs no privilege, proves only on a file system that is pinned by its f_fsid.

An entry of the overlay that no upper holds shows the inode number of the real object. Where that lies on the pinned
file system, a directory's number, or that of a file with one link, names one object there, and the directory that it is
in is a layer. Numbers are taken only where they are real: all layers on one file system, or no index in the high bits.
"""

from __future__ import annotations

import os
import stat

from ..linux.files import fstatfs
from ..record import Record
from .evidence import WITNESS
from .judge import Shown, key, places
from .members import Members
from .merged import entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .evidence import Slot
    from .hints import Candidate
    from .members import Member
    from .merged import Merged
    from .pins import Pin, Pins
    from .vantage import Vantage

_HIGH_BITS = 52  # xino keeps the index of a file system above; real numbers that reach so high are left alone


class Evidence(Record):
    """What a rung showed: sources by slot name, lowers by index; and a sentence for each slot, "" for all."""

    exact: dict[str, Shown]
    placed: dict[int, Shown]
    said: dict[str, str]


NOTHING = Evidence({}, {}, {})


def nothing(why: str) -> Evidence:
    """A rung that has nothing to say, and why."""
    return Evidence({}, {}, {"": why})


class Witness:
    """The rung, for one overlay at a time."""

    def __init__(self, vantage: Vantage, pins: Pins) -> None:
        self.vantage = vantage
        self.pins = pins

    def see(self, merged: Merged, slots: list[Slot], readings: list[dict[str, Candidate]]) -> Evidence:
        """What inode numbers tell of the sources, among the directories that their names may mean."""
        pin, why = self.pins.by_fsid(fstatfs(merged.fd).fsid)
        if pin is None:
            return nothing(why)
        candidates = {key(one.directory): one for reading in readings for one in reading.values()}
        on_pin = [one for one in candidates.values() if one.directory.device == pin.device]
        if not on_pin:
            return nothing(f"{why}, but no name leads to a directory there")
        members = Members(self.vantage)
        opened: list[int] = []
        try:
            return self._see(merged, slots, readings, on_pin, pin, why, members, opened)
        finally:
            members.close()
            for fd in opened:
                os.close(fd)

    def _see(
        self,
        merged: Merged,
        slots: list[Slot],
        readings: list[dict[str, Candidate]],
        on_pin: list[Candidate],
        pin: Pin,
        why: str,
        members: Members,
        opened: list[int],
    ) -> Evidence:
        said: dict[str, str] = {"": why}
        exact: dict[str, Shown] = {}
        one_file_system = False
        if merged.with_upper:
            upper = self._upper(merged, readings, on_pin)
            if upper is None:
                said["upper"] = "no directory that its name may mean is shown to be the root that the overlay writes to"
                return Evidence({}, {}, said)
            candidate, fd, witness = upper
            opened.append(fd)
            merged.upper = fd
            one_file_system = True
            how = f"{why}; its inode number is that of the overlay's root, and {witness!r} shows that those are real"
            exact["upper"] = Shown(candidate.directory, WITNESS, how)
            on_pin = [one for one in on_pin if key(one.directory) != key(candidate.directory)]
        for one in on_pin:
            if one.directory not in members:
                one_file_system = self._lower(merged, one, members, one_file_system) or one_file_system
        count = sum(slot.role == "lower" for slot in slots)
        pairs = members.above(merged, lambda member, name: _shows(merged, member, name, one_file_system) is not None)
        if not merged.with_upper and one_file_system:
            top = [index for index, member in enumerate(members.found) if member.directory.inode == merged.inode]
            pairs += [(index, other) for index in top for other in range(len(members.found)) if other != index]
        placed = places(count, range(len(members.found)), pairs)
        if len(members.found) == count == len(placed) and (against := members.contradiction(merged)):
            said[""] = against
            return Evidence(exact, {}, said)
        for index, member in enumerate(members.found):
            witness = os.fsdecode(member.witness)
            if index in placed:
                how = f"{why}; {witness!r} in it is what the overlay shows, and no other place is left for it"
                said[f"lower/{placed[index]}"] = how
        if len(placed) < len(members.found):
            said[""] = f"{why}; {len(members.found)} directories are lower layers, but their order does not show"
        shown = {
            placed[index]: Shown(member.directory, WITNESS, said[f"lower/{placed[index]}"])
            for index, member in enumerate(members.found)
            if index in placed
        }
        return Evidence(exact, shown, said)

    def _upper(
        self, merged: Merged, readings: list[dict[str, Candidate]], on_pin: list[Candidate]
    ) -> tuple[Candidate, int, str] | None:
        """The upper, a descriptor of it, and the entry that shows that inode numbers are real."""
        if merged.inode >> _HIGH_BITS:
            return None
        for one in on_pin:
            if one.directory.inode != merged.inode or not any(reading.get("upper") == one for reading in readings):
                continue
            witness = self._file_that_shows_one_file_system(merged, one, on_pin)
            if witness is not None:
                return one, self.vantage.here.open(path_of(one)), os.fsdecode(witness)
        return None

    def _file_that_shows_one_file_system(
        self, merged: Merged, upper: Candidate, on_pin: list[Candidate]
    ) -> bytes | None:
        """A file that the overlay shows with its own device number: then directories' numbers are real ones too.

        Only names are tried that no directory among the candidates bears, so that no merged directory is looked at.
        """
        directories: list[tuple[int, list[bytes]]] = []
        try:
            for one in (upper, *(other for other in on_pin if other is not upper)):
                found = Members(self.vantage).open(path_of(one))
                if found is not None:
                    directories.append(found)
            for fd, names in directories:
                for name in names:
                    if not _is_file(fd, name) or not all(_is_no_directory(other, name) for other, _ in directories):
                        continue
                    shown = merged.entry(name)
                    if shown is not None and not stat.S_ISDIR(shown.st_mode):
                        return name if _is_real(shown, merged) else None
        finally:
            for fd, _names in directories:
                os.close(fd)
        return None

    def _lower(self, merged: Merged, one: Candidate, members: Members, one_file_system: bool) -> bool:
        """Take the candidate among the members if an entry shows that it is a layer; whether numbers proved real."""
        found = members.open(path_of(one))
        if found is None:
            return False
        fd, names = found
        real = False
        for name in names:
            if not merged.harmless(name):
                continue
            shown = merged.entry(name)
            if shown is None:
                continue
            real = real or (not stat.S_ISDIR(shown.st_mode) and _is_real(shown, merged))
            if _same(shown, entry(fd, name), merged, one_file_system or real):
                members.add(one.directory, fd, names, name)
                return real
        os.close(fd)
        return real


def path_of(one: Candidate) -> bytes:
    """The path of a candidate below the root of the dumped namespace."""
    assert one.spot.mount is not None
    return one.spot.mount.mount_point.rstrip(b"/") + one.spot.path


def _is_file(fd: int, name: bytes) -> bool:
    status = entry(fd, name)
    return status is not None and stat.S_ISREG(status.st_mode)


def _is_no_directory(fd: int, name: bytes) -> bool:
    status = entry(fd, name)
    return status is None or not stat.S_ISDIR(status.st_mode)


def _is_real(shown: os.stat_result, merged: Merged) -> bool:
    """Whether the inode number that a non-directory shows is that of an object on the pinned file system."""
    return shown.st_dev == merged.device and not shown.st_ino >> _HIGH_BITS


def _same(shown: os.stat_result, there: os.stat_result | None, merged: Merged, one_file_system: bool) -> bool:
    """Whether an entry that the overlay shows is the very object in a directory on the pinned file system."""
    if there is None or shown.st_ino != there.st_ino or stat.S_IFMT(shown.st_mode) != stat.S_IFMT(there.st_mode):
        return False
    if stat.S_ISDIR(shown.st_mode):
        return one_file_system and shown.st_mtime_ns == there.st_mtime_ns
    return (
        _is_real(shown, merged)
        and shown.st_nlink == there.st_nlink == 1
        and shown.st_size == there.st_size
        and shown.st_mtime_ns == there.st_mtime_ns
    )


def _shows(merged: Merged, member: Member, name: bytes, one_file_system: bool) -> bytes | None:
    shown = merged.entry(name)
    there = entry(member.fd, name)
    return name if shown is not None and _same(shown, there, merged, one_file_system) else None
