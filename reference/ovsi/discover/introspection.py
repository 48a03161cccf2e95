"""The first rung: what the kernel itself holds, read by `ovsi.introspect`, as evidence.

One for a whole dump. An overlay is found by its superblock's device number: through a descriptor of its mount point
where lookups reach one, else through the list of the namespace's mounts, so that a covered one need not be opened.
"""

from __future__ import annotations

from ..introspect.errors import Inconsistent, IntrospectionUnavailable, KernelReadError
from ..linux.namespaces import open_namespace
from ..linux.syscall import closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..introspect.facts import DirectoryFacts, MountFacts, OverlayFacts
    from ..introspect.introspector import Introspector
    from ..linux.mountinfo import Mount
    from .vantage import Vantage

_FAILURES = (Inconsistent, KernelReadError, IntrospectionUnavailable, OSError)
_AT_ONCE = 1024  # overlays read side by side: of more, what is read leaves the processor's caches before it is used
_FEW = 8  # overlays that are better opened one by one than found among all mounts


class Kernel:
    """The kernel's own account of overlays; `unavailable` says why there is none, None where there is."""

    def __init__(self, vantage: Vantage, *, wanted: bool = True) -> None:
        self.vantage = vantage
        self.unavailable: str | None = None
        self._reader: Introspector | None = None
        self._facts: dict[str, OverlayFacts] = {}
        self._mounts: dict[int, MountFacts] | None = None
        self.failures: dict[str, str] = {}
        self._options: dict[tuple[tuple[str, str], ...], dict[bytes, bytes | None]] = {}
        if not wanted:
            self.unavailable = "switched off"
            return
        from ..introspect.introspector import Introspector

        try:
            self._reader = Introspector()
        except (IntrospectionUnavailable, OSError) as failure:
            self.unavailable = str(failure)

    def close(self) -> None:
        """Let go of what was made in the kernel."""
        if self._reader is not None:
            self._reader.close()

    def lists_mounts(self, overlays: dict[str, list[Mount]]) -> bool:
        """Whether `load` of these reads all mounts of the namespace, and `mount` tells of them."""
        return self._reader is not None and len(overlays) > _FEW

    def load(self, overlays: dict[str, list[Mount]]) -> None:
        """Read those of these overlays (device to mounts) that were not; what can't be is noted in `failures`."""
        overlays = {
            device: mounts
            for device, mounts in overlays.items()
            if device not in self._facts and device not in self.failures
        }
        if self._reader is None or not overlays:
            return
        superblocks = {} if self.lists_mounts(overlays) else self._by_opening(overlays)
        left = [device for device in overlays if device not in superblocks]
        if left:
            superblocks |= self._among_mounts(left)
        self._read(superblocks)
        for device in overlays:
            if device in self._facts:
                self.failures.pop(device, None)  # of one way to it, and another served
            else:
                self.failures.setdefault(device, "the kernel's own list of mounts does not hold it (any more)")

    def load_inner(self, directories: Iterable[DirectoryFacts]) -> None:
        """Read overlays that bear layers of others."""
        wanted = {device_name(one.device): one.superblock for one in directories}
        self._read({device: address for device, address in wanted.items() if device not in self._facts})

    def facts(self, device: str) -> OverlayFacts | None:
        """What was read of the overlay with this device number."""
        return self._facts.get(device)

    def with_names(self, facts: OverlayFacts) -> OverlayFacts:
        """The same overlay with the names that the kernel keeps of its sources; as it is where they can't be read."""
        assert self._reader is not None
        try:
            (named,) = self._reader.overlays([facts.superblock])
        except _FAILURES:
            return facts
        made_of, again = ([one.directory for one in found.layers] for found in (facts, named))
        return named if made_of == again and facts.device == named.device else facts

    def held_options(self, facts: OverlayFacts) -> dict[bytes, bytes | None]:
        """Overlay's options as the superblock holds them; one and the same for overlays that have them equal."""
        held = self._options.get(facts.options)
        if held is None:
            held = self._options[facts.options] = held_options(facts.options)
        return held

    def mount(self, mount_id: int) -> MountFacts | None:
        """The kernel's account of a mount of the namespace, if all of them were read."""
        return (self._mounts or {}).get(mount_id)

    def place_of(self, fd: int) -> tuple[str, bytes | None] | None:
        """Device and path, inside of its file system, of what a descriptor is open on; None where it can't be read.

        The path is None of what is not connected to its file system's root.
        """
        if self._reader is None:
            return None
        try:
            number, path = self._reader.place_of(fd)
        except _FAILURES:
            return None
        return device_name(number), path

    def _by_opening(self, overlays: dict[str, list[Mount]]) -> dict[str, int]:
        assert self._reader is not None
        here = self.vantage.here
        found = {}
        for device, mounts in overlays.items():
            for mount in mounts:
                if not here.table.visible(mount):
                    continue
                try:
                    with closing(here.open(mount.mount_point)) as fd:
                        found[device] = self._reader.superblock_of(fd)
                    break
                except _FAILURES as failure:
                    self.failures[device] = str(failure)
        return found

    def _among_mounts(self, devices: list[str]) -> dict[str, int]:
        assert self._reader is not None
        if self._mounts is None:
            try:
                with closing(open_namespace(self.vantage.process, "mnt")) as namespace:
                    self._mounts = {one.mount_id: one for one in self._reader.mounts(namespace)}
            except _FAILURES as failure:
                self.failures |= dict.fromkeys(devices, str(failure))
                self._mounts = {}
        wanted = set(devices)
        return {
            device: one.superblock
            for one in self._mounts.values()
            if one.filesystem == b"overlay" and (device := device_name(one.device)) in wanted
        }

    def _read(self, superblocks: dict[str, int]) -> None:
        """Many at once; one by one where that fails, so that one in motion does not hide the others."""
        if self._reader is None or not superblocks:
            return
        if len(superblocks) > _AT_ONCE:
            every = list(superblocks.items())
            for first in range(0, len(every), _AT_ONCE):
                self._read(dict(every[first : first + _AT_ONCE]))
            return
        try:
            found = self._reader.overlays(list(superblocks.values()), names=False)  # they are shown, mostly
        except _FAILURES as failure:
            if len(superblocks) == 1:
                self.failures[next(iter(superblocks))] = str(failure)
                return
            for device, address in superblocks.items():
                self._read({device: address})
            return
        for device, facts in zip(superblocks, found, strict=True):
            if device_name(facts.device) == device:
                self._facts[device] = facts
            else:
                self.failures[device] = f"its superblock is of device {device_name(facts.device)} meanwhile"


def device_name(number: tuple[int, int]) -> str:
    """A device number as `major:minor`."""
    major, minor = number
    return f"{major}:{minor}"


def held_options(options: tuple[tuple[str, str], ...]) -> dict[bytes, bytes | None]:
    """Names and values as the superblock holds them; a flag that is off is left out, one that is on has no value."""
    held: dict[bytes, bytes | None] = {}
    for name, value in options:
        if name in ("default_permissions", "userxattr", "volatile"):
            if value == "on":
                held[name.encode()] = None
        else:
            held[name.encode()] = value.encode()
    return held
