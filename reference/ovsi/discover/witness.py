"""The rung of inode numbers: needs no privilege, proves only on a file system that is pinned by its f_fsid.

An overlay with a UUID of its own shows an f_fsid made of that, which is what an xattr of the upper says: nothing is
pinned then, for it may say what another file system's is.

An entry of the overlay that no upper holds shows the inode number of the real object. Where that lies on the pinned
file system, a directory's number, or that of a file with one link, names one object there, and the directory that it is
in is a layer. Numbers are taken only where they are real: all layers on one file system, or no index in the high bits.
"""

from __future__ import annotations

import os
import stat

from ..linux import mountapi
from ..linux.files import fstatfs
from ..linux.syscall import closing
from .evidence import WITNESS
from .judge import Evidence, Shown, key, nothing
from .members import Members
from .merged import entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .evidence import Slot
    from .hints import Candidate
    from .members import Member
    from .merged import Merged
    from .pins import Pins
    from .vantage import Vantage

_HIGH_BITS = 52  # xino keeps the index of a file system above; real numbers that reach so high are left alone


class Witness:
    """The rung, for one overlay at a time."""

    def __init__(self, vantage: Vantage, pins: Pins) -> None:
        self.vantage = vantage
        self.pins = pins

    def see(
        self, merged: Merged, slots: list[Slot], readings: list[dict[str, Candidate]], uuid: bytes | None
    ) -> Evidence:
        """What inode numbers tell of the sources, among the directories that their names may mean.

        `uuid`: the option as it is shown, None where it is not.
        """
        if uuid not in (b"null", b"off") and (uuid is not None or _have_uuids()):
            return nothing("the file system ID that the overlay shows is its own")
        pin, why = self.pins.by_fsid(fstatfs(merged.fd).fsid)
        if pin is None:
            return nothing(why)
        candidates = {key(one.directory): one for reading in readings for one in reading.values()}
        on_pin = [one for one in candidates.values() if one.directory.device == pin.device]
        if not on_pin:
            return nothing(f"{why}, but no name leads to a directory there")
        uppers = [reading["upper"] for reading in readings if "upper" in reading]
        look = _Look(self.vantage, merged, on_pin, why)
        try:
            return look.evidence(uppers, sum(slot.role == "lower" for slot in slots))
        finally:
            look.close()


class _Look:
    """One overlay, and the candidates on the file system that is pinned.

    one_file_system: it was seen that inode numbers are real ones, those of directories too.
    """

    def __init__(self, vantage: Vantage, merged: Merged, on_pin: list[Candidate], why: str) -> None:
        self.vantage = vantage
        self.merged = merged
        self.on_pin = on_pin
        self.why = why
        self.members = Members(vantage)
        self.one_file_system = False

    def close(self) -> None:
        """Close what was opened."""
        self.members.close()
        if self.merged.upper is not None:
            os.close(self.merged.upper)
            self.merged.upper = None

    def evidence(self, uppers: list[Candidate], count: int) -> Evidence:
        """The upper first: what it does not hold can be looked at without a trace."""
        exact: dict[str, Shown] = {}
        if self.merged.with_upper:
            shown = self._upper([one for one in uppers if one in self.on_pin])
            if shown is None:
                why = "no directory that its name may mean is shown to be the root that the overlay writes to"
                return Evidence({}, {}, {"": self.why, "upper": why})
            exact["upper"] = shown
        taken = {key(one.directory) for one in exact.values()}
        for one in self.on_pin:
            if one.directory not in self.members and key(one.directory) not in taken:
                self._lower(one)
        pairs = self.members.above(self.merged, self._shows) + self._above_all()
        placed, remark = self.members.placed(self.merged, count, pairs)
        said = {"": f"{self.why}; {remark}" if remark else self.why}
        said |= {name: one.how for name, one in exact.items()}
        lowers = {}
        for place, member in placed.items():
            witness = os.fsdecode(member.witness)
            how = f"{self.why}; {witness!r} in it is what the overlay shows, and no other place is left for it"
            lowers[place] = Shown(member.directory, WITNESS, how)
            said[f"lower/{place}"] = how
        return Evidence(exact, lowers, said)

    def _above_all(self) -> list[tuple[int, int]]:
        """Without an upper, the overlay's root shows the inode number of the top lower."""
        if self.merged.with_upper or not self.one_file_system:
            return []
        found = self.members.found
        top = [index for index, member in enumerate(found) if member.directory.inode == self.merged.inode]
        return [(index, other) for index in top for other in range(len(found)) if other != index]

    def _upper(self, uppers: list[Candidate]) -> Shown | None:
        """The upper, opened, if the overlay's root has its inode number and that is a real one."""
        for one in uppers:
            if one.directory.inode != self.merged.inode or self.merged.inode >> _HIGH_BITS:
                continue
            witness = self._file_that_shows_one_file_system(one)
            if witness is not None:
                self.merged.upper = self.vantage.here.open(path_of(one))
                self.one_file_system = True
                shown = f"{os.fsdecode(witness)!r} shows that those are real"
                how = f"{self.why}; its inode number is that of the overlay's root, and {shown}"
                return Shown(one.directory, WITNESS, how)
        return None

    def _file_that_shows_one_file_system(self, upper: Candidate) -> bytes | None:
        """A file that the overlay shows with its own device number: then directories' numbers are real ones too.

        Only names are tried that are no directory in any candidate, so that no merged directory is looked at.
        """
        directories: list[tuple[int, list[bytes]]] = []
        try:
            for one in (upper, *(other for other in self.on_pin if other is not upper)):
                if (found := self.members.open(path_of(one))) is not None:
                    directories.append(found)
            for fd, names in directories:
                for name in names:
                    if _is_file(fd, name) and all(_is_no_directory(other, name) for other, _ in directories):
                        shown = self.merged.entry(name)
                        if shown is not None and not stat.S_ISDIR(shown.st_mode):
                            return name if _is_real(shown, self.merged) else None
        finally:
            for fd, _names in directories:
                os.close(fd)
        return None

    def _lower(self, one: Candidate) -> None:
        """Take a candidate among the members if an entry shows that it is a layer."""
        found = self.members.open(path_of(one))
        if found is None:
            return
        fd, names = found
        merged = self.merged
        for name in names:
            shown = merged.entry(name) if merged.harmless(name) and not merged.remembers_only(name) else None
            if shown is None:
                continue
            if not stat.S_ISDIR(shown.st_mode) and _is_real(shown, merged):
                self.one_file_system = True
            if self._same(shown, entry(fd, name)):
                self.members.add(one.directory, fd, names, name)
                return
        os.close(fd)

    def _shows(self, member: Member, name: bytes) -> bool:
        shown = self.merged.entry(name)
        return shown is not None and self._same(shown, entry(member.fd, name))

    def _same(self, shown: os.stat_result, there: os.stat_result | None) -> bool:
        """Whether an entry that the overlay shows is the very object in a directory on the pinned file system."""
        if there is None or shown.st_ino != there.st_ino or stat.S_IFMT(shown.st_mode) != stat.S_IFMT(there.st_mode):
            return False
        if shown.st_mtime_ns != there.st_mtime_ns:
            return False
        if stat.S_ISDIR(shown.st_mode):
            return self.one_file_system
        alone = shown.st_nlink == there.st_nlink == 1
        return alone and shown.st_size == there.st_size and _is_real(shown, self.merged)


def _have_uuids() -> bool:
    """Whether overlays may have UUIDs of their own (uuid=auto, Linux 6.6), which is then the default, and not shown.

    Kernels that collect options, and look at them when all are there, have none either.
    """
    try:
        with closing(mountapi.fsopen(b"overlay")) as context:
            return not _takes(context, b"?") and _takes(context, b"auto")
    except OSError:
        return True  # not to be asked


def _takes(context: int, uuid: bytes) -> bool:
    try:
        mountapi.set_string(context, b"uuid", uuid)
    except OSError:
        return False
    return True


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
