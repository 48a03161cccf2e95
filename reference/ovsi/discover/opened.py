"""The rung of openings: to list an overlay's root, the kernel opens the root of every merged layer, from the top down.

Watched by fanotify(7), a directory tells of that with its file handle and with this process's own ID, so that nothing
else can have caused it: which directory, and which place in the order. Who has rights over a file system, as one has in
a user namespace over what was mounted there (Linux 6.16), watches all of it, and needs no name to begin with; elsewhere
the candidates are watched. No privilege is needed but to lay overlays on the overlay, which are never attached: that
tells whether a layer is itself on an overlay, whose own layers would be opened as well. Data-only layers and the work
directory are not opened.

To look at entries of a merged directory may write. The kernel opens all layers before it comes to the first entry, and
is asked for what comes behind the last one: it looks at none (ovl_cache_get, ovl_seek_cursor in readdir.c).
"""

from __future__ import annotations

import errno
import os

from ..identity import numbers_in_handle
from ..linux import mountapi
from ..linux.fanotify import OpenWatch, begin_listing
from ..linux.files import fstatfs
from ..linux.syscall import closing
from .evidence import OPENING, Directory
from .filesystems import WITHOUT_GENERATION, shortcoming
from .judge import Evidence, Shown, key, nothing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..linux.fanotify import Opening
    from .evidence import Slot
    from .hints import Candidate, Hints
    from .merged import Merged
    from .pins import Pin, Pins
    from .vantage import Vantage

_HIGHEST = 8
_MANY = 64
_HOW = "the kernel opened it to {} the overlay's root"


class Openings:
    """The rung, for one overlay at a time."""

    def __init__(self, vantage: Vantage, hints: Hints, pins: Pins) -> None:
        self.vantage = vantage
        self.hints = hints
        self.pins = pins

    def see(self, merged: Merged, slots: list[Slot], readings: list[dict[str, Candidate]]) -> Evidence:
        """Which directories the kernel opens, and in which order."""
        candidates = {key(one.directory): one for reading in readings for one in reading.values()}
        if not _none_is_on_an_overlay(merged):
            return nothing("it can't be shown that none of its layers is itself on an overlay")
        try:
            watch = OpenWatch()
        except OSError as failure:
            return nothing(f"openings can't be watched: {failure.strerror}")
        found = _Watched(watch)
        try:
            whole = self.pins.alone()
            if len(whole) > _MANY:  # on a host of many containers, each with file systems of its own
                devices = {one.directory.device for one in candidates.values()}
                whole = {fsid: pin for fsid, pin in whole.items() if pin.device in devices}
            for fsid, pin in whole.items():
                self._add_all(found, fsid, pin)
            for one in candidates.values():
                self._add(found, one)
            if found.is_empty:
                return nothing("there are no candidates to watch, and no file system that may be watched as a whole")
            return _seen(merged, found, sum(slot.role == "lower" for slot in slots))
        except OSError as failure:
            return nothing(f"the overlay's root can't be listed: {failure.strerror}")
        finally:
            found.close()

    def _add_all(self, found: _Watched, fsid: bytes, pin: Pin) -> None:
        """All directories of a file system, where that is permitted; of btrfs a subvolume at most would be."""
        if pin.fs_type == "btrfs":
            return
        try:
            with closing(pin.space.open(pin.mount.mount_point)) as fd:
                status = os.fstat(fd)
                if f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}" == pin.device:
                    found.add_all(fd, fsid, pin)
        except OSError:
            pass  # not to be watched as a whole, or not by this caller

    def _add(self, found: _Watched, one: Candidate) -> None:
        assert one.spot.mount is not None
        try:
            fd = self.vantage.here.open(one.spot.mount.mount_point.rstrip(b"/") + one.spot.path)
        except OSError:
            return
        try:
            again = self.hints.describe(fd, one.how)
            if (
                again is not None
                and shortcoming(again.directory) is None
                and key(again.directory) == key(one.directory)
            ):
                found.add(fd, again)
                return
        except OSError:
            pass  # its file system tells no openings: it stays unseen
        os.close(fd)


class _Watched:
    """Directories under watch by what an event says of them; those that say the same as another are ambiguous."""

    def __init__(self, watch: OpenWatch) -> None:
        self.watch = watch
        self._whole: dict[bytes, Pin] = {}
        self._known: dict[tuple[object, ...], Directory | None] = {}
        self._fds: list[int] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is watched."""
        return not self._whole and not self._known

    def close(self) -> None:
        self.watch.close()
        for fd in self._fds:
            os.close(fd)

    def add(self, fd: int, one: Candidate) -> None:
        handle = one.directory.handle
        if handle is None:
            raise OSError("no handle")
        name = (fstatfs(fd).fsid, handle.type, handle.data)
        self.watch.add(fd)
        self._fds.append(fd)
        known = self._known.setdefault(name, one.directory)
        whole = self._whole.get(name[0])
        ambiguous = whole is not None and whole.device != one.directory.device  # a copy that could not be asked before
        if known is not None and (ambiguous or key(known) != key(one.directory)):
            self._known[name] = None

    def add_all(self, fd: int, fsid: bytes, pin: Pin) -> None:
        """A whole file system, the only one under watch that bears `fsid`."""
        self.watch.add_file_system(fd)
        self._whole[fsid] = pin

    def opened(self) -> list[Directory] | None:
        """What this process opened since the last time; None where that is not known for sure."""
        events = self.watch.take()
        if events is None:
            return None
        found = [self._directory(event) for event in events if event.own]
        return None if None in found else [one for one in found if one is not None]

    def watches(self, directory: Directory) -> bool:
        """Whether an opening of this directory would have been seen."""
        if any(pin.device == directory.device for pin in self._whole.values()):
            return True
        return any(one is not None and key(one) == key(directory) for one in self._known.values())

    def _directory(self, event: Opening) -> Directory | None:
        name = event.fsid, event.handle.type, event.handle.data
        if name in self._known:
            return self._known[name]
        pin = self._whole.get(event.fsid)
        decoded = None if pin is None else numbers_in_handle(pin.fs_type, *event.handle)
        if pin is None or decoded is None:
            return None
        inode, generation, subvolume = decoded
        known = None if pin.fs_type in WITHOUT_GENERATION else generation
        return Directory(pin.device, pin.fs_type, inode, known, subvolume, handle=event.handle)


def _seen(merged: Merged, found: _Watched, count: int) -> Evidence:
    found.opened()
    with closing(os.open(f"/proc/self/fd/{merged.fd}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as root:
        top = found.opened()
        if top is None or len(top) != 1:
            return nothing("what the kernel opens for the overlay's root was not under watch")
        exact = {}
        if merged.with_upper:
            exact["upper"] = Shown(top[0], OPENING, _HOW.format("open"))
        last = ""
        try:
            begin_listing(root)
        except FileNotFoundError:  # of a removed directory: it is the last one that was opened, and named by nothing
            last = ", the last of them removed"
    listed = found.opened()
    if not listed or key(listed[0]) != key(top[0]):
        return Evidence(exact, {}, {"": "the kernel had no need to open the layers for a listing"})
    lowers = listed[1:] if merged.with_upper else listed
    opened = {key(one) for one in listed}
    said = {"": f"{len(lowers)} of {count} lower layers were seen being opened{last}"}
    if last:
        if len(opened) == len(listed):
            exact |= _in_order(lowers[:-1])
        return Evidence(exact, {}, said | {name: one.how for name, one in exact.items()})

    def refutes(directory: Directory) -> bool:
        return key(directory) not in opened and found.watches(directory)

    if len(lowers) != count or len(opened) != len(listed):
        return Evidence(exact, {}, said, refutes)
    exact |= _in_order(lowers)
    said = {"": "not opened for a listing"} | {name: one.how for name, one in exact.items()}
    return Evidence(exact, {}, said, refutes)


def _in_order(lowers: list[Directory]) -> dict[str, Shown]:
    return {f"lower/{index}": Shown(one, OPENING, _HOW.format("list")) for index, one in enumerate(lowers)}


def _none_is_on_an_overlay(merged: Merged) -> bool:
    """Whether as many overlays can be laid on this one as on one that is made of plain directories.

    File systems are stacked only so high (FILESYSTEM_MAX_STACK_DEPTH), and this tells how high this one stands.
    """
    fds: list[int] = []
    try:
        empty = _tmpfs(fds)
        plain = _overlay(_tmpfs(fds), empty, fds)
        return (most := _height(plain, empty, fds)) > 0 and _height(merged.fd, empty, fds) == most
    except OSError:
        return False
    finally:
        for fd in fds:
            os.close(fd)


def _height(base: int, empty: int, fds: list[int]) -> int:
    """How many overlays can be made one upon the other on a directory; none of them is attached anywhere."""
    for height in range(_HIGHEST):
        try:
            base = _overlay(base, empty, fds)
        except OSError as failure:
            if failure.errno != errno.EINVAL:
                raise
            return height
    return 0


def _tmpfs(fds: list[int]) -> int:
    fds.append(mountapi.fsopen(b"tmpfs"))
    mountapi.create(fds[-1])
    fds.append(mountapi.fsmount(fds[-1]))
    return fds[-1]


def _overlay(upon: int, empty: int, fds: list[int]) -> int:
    """A detached overlay without an upper, so that nothing is written."""
    fds.append(mountapi.fsopen(b"overlay"))
    mountapi.set_string(fds[-1], b"lowerdir", b"/proc/self/fd/%d:/proc/self/fd/%d" % (upon, empty))
    mountapi.create(fds[-1])
    fds.append(mountapi.fsmount(fds[-1]))
    return fds[-1]
