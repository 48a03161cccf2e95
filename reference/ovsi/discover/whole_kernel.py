"""Introspection of a whole system: every overlay that the kernel has, mounted or held by another one only."""

from __future__ import annotations

from ..introspect.errors import Inconsistent, KernelReadError
from ..linux.namespaces import open_namespace
from ..linux.syscall import closing
from .introspection import Kernel, device_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..introspect.facts import OverlayFacts
    from ..linux.mountinfo import Mount

_CHANGING = (Inconsistent, KernelReadError)


class WholeKernel(Kernel):
    """Reads all overlay superblocks at once, wherever they are mounted."""

    changing = False
    """The kernel's list of overlays changed all the time: some that no mount namespace shows may be missing."""

    def devices(self) -> list[str]:
        """Every overlay of the system that could be read, the oldest first."""
        if self._reader is not None:
            addresses = self._every_superblock()
            try:
                every = self._reader.overlays(addresses, names=False)
            except _CHANGING:  # one in motion must not hide the others
                every = [facts for address in addresses for facts in self._one(address)]
            self._facts = {device_name(facts.device): facts for facts in every}
        return list(self._facts)

    def _every_superblock(self) -> list[int]:
        assert self._reader is not None
        start = self._any_overlay()
        if start is None:
            return []
        try:
            return self._reader.same_type(start)
        except _CHANGING:
            self.changing = True
            return list(dict.fromkeys(self._mounted()))

    def load(self, overlays: dict[str, list[Mount]]) -> None:
        """All that can be read was read by `devices`."""
        self.failures |= {device: "it came or went meanwhile" for device in overlays if device not in self._facts}

    def _one(self, address: int) -> list[OverlayFacts]:
        assert self._reader is not None
        try:
            return self._reader.overlays([address], names=False)
        except _CHANGING:
            return []

    def _any_overlay(self) -> int | None:
        """The address of one overlay's superblock: of a mounted one, else of one that a process holds."""
        found = next(self._mounted(), None)
        if found is not None or self._reader is None:
            return found
        asked: set[int] = set()
        for holder in self.vantage.holders():
            if holder.mount_id in asked:  # pipes and sockets are among it, each kind on one mount
                continue
            try:
                with closing(holder.open()) as fd:
                    return self._reader.overlay_of(fd).superblock  # statfs(2) would wait for a server
            except OSError:
                continue  # it was closed
            except _CHANGING:
                asked.add(holder.mount_id)
        return None

    def _mounted(self) -> Iterator[int]:
        """The superblocks of overlays that are mounted, by one mount namespace after another."""
        for space in (self.vantage.here, *self.vantage.others()):
            if self._reader is not None and any(mount.fs_type == b"overlay" for mount in space.table.entries):
                try:
                    with closing(open_namespace(space.process, "mnt")) as namespace:
                        mounts = self._reader.mounts(namespace)
                except (OSError, *_CHANGING):
                    continue
                yield from [mount.superblock for mount in mounts if mount.filesystem == b"overlay"]
