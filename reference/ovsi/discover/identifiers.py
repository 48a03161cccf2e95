"""The rung of file identifiers: overlayfs tells the real handle, and its file system's UUID, of what it shows.

`name_to_handle_at(AT_HANDLE_FID)` gives type 248 (ovl_encode_real_fh, fs/overlayfs/copy_up.c; struct ovl_fh): of the
root, the upper's root, or the top lower's where there is no upper; of an object that lower layers alone hold, that
object. Only in the initial user namespace; elsewhere the type is another, and the rung has nothing to say.
"""

from __future__ import annotations

import errno
import os
import stat

from ..identity import numbers_in_handle
from ..linux.files import mount_id_of_fd
from ..linux.handles import AT_HANDLE_FID, FileHandle, name_to_handle_at, open_by_handle_at
from ..linux.syscall import AT_EMPTY_PATH, closing
from ..record import Record
from .evidence import FILE_IDENTIFIER, Directory
from .judge import Evidence, Shown, key, nothing
from .look import look
from .members import Members
from .witness import path_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .evidence import Slot
    from .hints import Candidate
    from .location import Locator
    from .members import Member
    from .merged import Merged
    from .pins import Pin, Pins
    from .vantage import Vantage

OVERLAY_HANDLE = 248
_PADDING = 3  # struct ovl_fh: so that the real handle is aligned
_HEADER = 21  # version, magic, length, flags, type, UUID
_MAGIC = 0xFB
_PATH_UPPER = 0x04
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class RealHandle(Record):
    """What an overlay's handle holds: whether it is of the upper, the real file system's UUID and the handle there."""

    of_upper: bool
    uuid: bytes
    handle: FileHandle


def parse(handle: FileHandle) -> RealHandle | None:
    """The parts of an overlay's handle, None where it is of another form."""
    data = handle.data[_PADDING:]
    if handle.type != OVERLAY_HANDLE or len(data) < _HEADER or data[0] != 0 or data[1] != _MAGIC:
        return None
    length, flags, kind = data[2], data[3], data[4]
    if not _HEADER < length <= len(data):
        return None
    return RealHandle(bool(flags & _PATH_UPPER), data[5:_HEADER], FileHandle(kind, data[_HEADER:length]))


class Identifiers:
    """The rung, for one overlay at a time."""

    def __init__(self, vantage: Vantage, pins: Pins, locator: Locator) -> None:
        self.vantage = vantage
        self.pins = pins
        self.locator = locator

    def see(
        self, merged: Merged, slots: list[Slot], readings: list[dict[str, Candidate]], *, exports: bool
    ) -> Evidence:
        """What handles tell; `exports`: nfs_export=on, where asking below the root would copy up."""
        try:
            root = self._of(merged, b"")
        except OSError as failure:
            return nothing(f"the overlay gives no file identifiers: {os.strerror(failure.errno or 0)}")
        if root is None:
            return nothing("the overlay's file identifiers do not name real objects here (a user namespace)")
        if root.of_upper != merged.with_upper:
            return nothing("the handle of the overlay's root is not of the layer that its options say")
        directory, why = self._directory(root, readings)
        if directory is None:
            return nothing(why)
        top = "upper" if merged.with_upper else "lower/0"
        exact = {top: Shown(directory, FILE_IDENTIFIER, f"{why}; the overlay's root has its handle")}
        said = {"": why, top: exact[top].how}
        if exports and merged.with_upper:
            said[""] = "with nfs_export=on asking below the root would write"
            return Evidence(exact, {}, said)
        return self._lowers(merged, slots, readings, exact, said)

    def _lowers(
        self,
        merged: Merged,
        slots: list[Slot],
        readings: list[dict[str, Candidate]],
        exact: dict[str, Shown],
        said: dict[str, str],
    ) -> Evidence:
        members = Members(self.vantage)
        upper = None
        try:
            if merged.with_upper:
                upper = merged.upper = self._open_located(exact["upper"].directory)
                if upper is None:
                    said[""] = "the upper can't be opened, so looking below the root might write"
                    return Evidence(exact, {}, said)
            self._find_members(merged, readings, members)
            count = sum(slot.role == "lower" for slot in slots)
            pairs = members.above(merged, lambda member, name: self._shows(merged, member, name))
            if "lower/0" in exact:
                top = _index_of(members, exact["lower/0"].directory)
                pairs += [(top, other) for other in range(len(members.found)) if top is not None and other != top]
            placed, said[""] = members.placed(merged, count, pairs)
            shown = {}
            for place, member in placed.items():
                witness = os.fsdecode(member.witness)
                how = f"{witness!r} has the handle of an object in it, and no other place is left for it"
                if f"lower/{place}" not in exact:
                    shown[place] = Shown(member.directory, FILE_IDENTIFIER, how)
                    said[f"lower/{place}"] = how
            return Evidence(exact, shown, said)
        finally:
            members.close()
            merged.upper = None
            if upper is not None:
                os.close(upper)

    def _find_members(self, merged: Merged, readings: list[dict[str, Candidate]], members: Members) -> None:
        """Lower layers: where something is that the overlay shows and that lower layers alone hold.

        A directory's real parent is one. So is a candidate that holds a file's only link.
        """
        names = dict.fromkeys(merged.names() or ())
        candidates = []
        for one in _lower_candidates(readings):
            found = members.open(path_of(one))
            if found is not None:
                names |= dict.fromkeys(found[1])
                candidates.append((one, *found))
        asked = [name for name in names if merged.harmless(name) and not merged.remembers_only(name)]
        real = {name: handle for name in asked if (handle := self._real(merged, name))}
        for one, fd, inside in candidates:
            witness = next((name for name in inside if name in real and _is_in(fd, name, real[name])), None)
            pin = None if witness is None else self.pins.by_uuid(real[witness].uuid)[0]
            if witness is None or pin is None or pin.device != one.directory.device or one.directory in members:
                os.close(fd)
            else:
                members.add(one.directory.replace(uuid=real[witness].uuid), fd, inside, witness)
        known = {name for member in members.found for name in member.names if name in real}
        for name, handle in real.items():
            status = None if name in known else merged.entry(name)
            if status is not None and stat.S_ISDIR(status.st_mode):
                self._parent(handle, name, members)

    def _real(self, merged: Merged, name: bytes) -> RealHandle | None:
        """The real handle of an entry that lower layers alone hold; None where it can't be told."""
        try:
            found = self._of(merged, name)
        except OSError:
            return None
        return None if found is None or found.of_upper else found

    def _parent(self, real: RealHandle, name: bytes, members: Members) -> None:
        """Take the real parent of a directory of the overlay's root among the members: it is a layer's root."""
        pin, _why = self.pins.by_uuid(real.uuid)
        if pin is None:
            return
        try:
            with closing(pin.space.open(pin.mount.mount_point, _DIRECTORY)) as anchor:
                mount_id = mount_id_of_fd(anchor)
                with closing(open_by_handle_at(anchor, real.handle, _DIRECTORY)) as child:
                    parent = os.open("..", _DIRECTORY, dir_fd=child)
        except OSError:
            return
        try:
            seen = look(parent, pin.fs_type)
            inode, generation, subvolume = seen.inode, seen.generation, seen.subvolume
            if mount_id_of_fd(parent) != mount_id or seen.handle is None:
                os.close(parent)
                return
            directory = Directory(
                pin.device, pin.fs_type, inode, generation, subvolume, handle=seen.handle, uuid=real.uuid
            )
            directory = self.locator.locate(directory).directory
            if directory in members:
                os.close(parent)
                return
            members.add(directory, parent, sorted(map(os.fsencode, os.listdir(parent))), name)
        except OSError:
            os.close(parent)

    def _shows(self, merged: Merged, member: Member, name: bytes) -> bool:
        """Whether what the overlay shows under a name is the member's entry: their handles are equal."""
        try:
            real = self._of(merged, name)
            own, _mount = name_to_handle_at(member.fd, name)
        except OSError:
            return False
        return real is not None and not real.of_upper and real.uuid == member.directory.uuid and real.handle == own

    def _directory(self, real: RealHandle, readings: list[dict[str, Candidate]]) -> tuple[Directory | None, str]:
        """The directory of a real handle, on the one file system that bears the UUID.

        A candidate that has the handle is it; to open it by the handle takes rights.
        """
        pin, why = self.pins.by_uuid(real.uuid)
        if pin is None:
            return None, why
        for one in (one.directory for reading in readings for one in reading.values()):
            if one.device == pin.device and one.handle == real.handle:
                return one.replace(uuid=real.uuid), why
        decoded = numbers_in_handle(pin.fs_type, *real.handle)
        if decoded is None:
            return None, f"the form of {pin.fs_type}'s handles is not known here"
        inode, generation, subvolume = decoded
        directory = Directory(pin.device, pin.fs_type, inode, generation, subvolume, handle=real.handle, uuid=real.uuid)
        if not self._exists(pin, directory):
            return (
                None,
                "the handle of the overlay's root opens nothing: the directory was removed, or may not be opened",
            )
        return directory, why

    def _exists(self, pin: Pin, directory: Directory) -> bool:
        assert directory.handle is not None
        try:
            with (
                closing(pin.space.open(pin.mount.mount_point, _DIRECTORY)) as anchor,
                closing(open_by_handle_at(anchor, directory.handle, _DIRECTORY)) as fd,
            ):
                return os.fstat(fd).st_ino == directory.inode and os.fstat(fd).st_nlink > 0
        except OSError:
            return False

    def _open_located(self, directory: Directory) -> int | None:
        """The directory, open; None where lookups here don't lead to it: what covers it is something else."""
        located = self.locator.locate(directory)
        spot = located.spot
        if located.state != "located" or spot is None or spot.mount is None:
            return None
        try:
            return self.vantage.here.open(spot.mount.mount_point.rstrip(b"/") + spot.path)
        except OSError:
            return None

    def _of(self, merged: Merged, name: bytes) -> RealHandle | None:
        """The real handle of an entry of the overlay's root, of the root itself for an empty name."""
        flags = AT_HANDLE_FID | (0 if name else AT_EMPTY_PATH)
        try:
            handle, _mount = name_to_handle_at(merged.fd, name, flags)
        except OSError as failure:
            if failure.errno != errno.EINVAL:
                raise
            handle, _mount = name_to_handle_at(merged.fd, name, flags & ~AT_HANDLE_FID)  # before Linux 6.5
        return parse(handle)


def _lower_candidates(readings: list[dict[str, Candidate]]) -> list[Candidate]:
    """Directories that names of lower layers may mean, each once; none in an overlay, where looking may write."""
    found: dict[tuple[object, ...], Candidate] = {}
    for reading in readings:
        for name, one in reading.items():
            if name.startswith("lower/") and one.directory.fs_type != "overlay":
                found[key(one.directory)] = one
    return list(found.values())


def _is_in(fd: int, name: bytes, real: RealHandle) -> bool:
    """Whether an entry of a directory is the very object, and can be in no other directory."""
    try:
        handle, _mount = name_to_handle_at(fd, name)
        status = os.stat(name, dir_fd=fd, follow_symlinks=False)
    except OSError:
        return False
    return handle == real.handle and (stat.S_ISDIR(status.st_mode) or status.st_nlink == 1)


def _index_of(members: Members, directory: Directory) -> int | None:
    for index, member in enumerate(members.found):
        one = member.directory
        if (one.device, one.inode, one.subvolume) == (directory.device, directory.inode, directory.subvolume):
            return index
    return None
