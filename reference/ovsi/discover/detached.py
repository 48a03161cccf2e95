"""Directories on mounts that are in no known mount namespace, by way of a process that holds something there.

Introspection tells where inside of its file system a process stands. Without it the ends of the directory's path are
tried, but not in an overlay, where a lookup can write (the specification's annex on the kernel, "Looking can write").
"""

from __future__ import annotations

import os

from ..linux.files import (
    AT_STATX_DONT_SYNC,
    RESOLVE_BENEATH,
    RESOLVE_NO_MAGICLINKS,
    RESOLVE_NO_SYMLINKS,
    RESOLVE_NO_XDEV,
    statx,
)
from ..linux.syscall import AT_EMPTY_PATH, closing
from .evidence import Spot
from .location import Located
from .look import look_at, refined, same
from .vantage import open_plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .evidence import Directory
    from .introspection import Kernel
    from .vantage import Holder, Vantage

_WITHIN = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV


class Detached:
    """Searches what processes hold. One for a whole dump; `kernel` None: there is no introspection."""

    def __init__(self, vantage: Vantage, kernel: Kernel | None) -> None:
        self.vantage = vantage
        self.kernel = kernel
        self._by_device: dict[str, list[Holder]] | None = None

    def locate(self, directory: Directory) -> Located | None:
        """The directory at, or below, what a process holds."""
        if directory.path is None and directory.handle is None:
            return None
        if self._by_device is None:
            self._by_device = self._read()
        for holder in self._by_device.get(directory.device, ()):
            try:
                held = holder.open()
            except OSError:
                continue
            try:
                ways, device_known = self._ways(held, directory)
                for below in ways:
                    seen = look_at(directory.fs_type, open_plain, held, below, _WITHIN)
                    if seen is not None and same(directory, seen, device_known=device_known):
                        spot = Spot(below, None, None, (holder.pid, holder.start_time, holder.through))
                        said = f"through {holder.through} of process {holder.pid}"
                        return Located("detached", refined(directory, seen), spot, None, said)
            finally:
                os.close(held)
        return None

    def _read(self) -> dict[str, list[Holder]]:
        """What is held, by device number. Every pipe and socket is among it, each kind on one mount."""
        found: dict[str, list[Holder]] = {}
        devices: dict[int, str] = {}
        for holder in self.vantage.holders():
            device = devices.get(holder.mount_id) or self._device(holder)
            if device is not None:
                devices[holder.mount_id] = device
                found.setdefault(device, []).append(holder)
        return found

    def _device(self, holder: Holder) -> str | None:
        """s_dev as introspection tells it, else st_dev, which on btrfs is another; no file system is asked."""
        try:
            with closing(holder.open()) as held:
                place = self.kernel and self.kernel.place_of(held)
                return place[0] if place else statx(held, b"", AT_EMPTY_PATH | AT_STATX_DONT_SYNC).device
        except OSError:
            return None

    def _ways(self, held: int, directory: Directory) -> tuple[list[bytes], bool]:
        """Paths from what is held to where the directory may be, and whether it is known to be on its superblock."""
        place = self.kernel and self.kernel.place_of(held)
        if place and directory.path is not None:
            device, path = place
            if device != directory.device or path is None:
                return [], True
            top = path.rstrip(b"/")
            below = directory.path[len(top) :] or b"/"
            return ([below] if directory.path in (path, top + below) and below[:1] == b"/" else []), True
        if directory.fs_type == "overlay":
            return [], False
        return _tails(directory.path), False


def _tails(path: bytes | None) -> list[bytes]:
    """The ends of a path, the shortest first: `/`, `/c`, `/b/c`, `/a/b/c`."""
    if path is None:
        return [b"/"]
    parts = path.strip(b"/").split(b"/")
    return [b"/"] + [b"/" + b"/".join(parts[at:]) for at in range(len(parts) - 1, -1, -1) if parts != [b""]]
