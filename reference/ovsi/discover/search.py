"""The long way to a directory: opened below each mount that may show it, and compared.

The order: mounts of its file system in the dumped namespace that show its path; those there that something covers;
other mount namespaces; what processes hold of detached trees. A place is stated only after the directory was opened
there and was the one, but for covered ones, which are not opened: there the kernel's own path is the ground.
"""

from __future__ import annotations

import os

from ..linux.files import (
    AT_STATX_DONT_SYNC,
    RESOLVE_BENEATH,
    RESOLVE_NO_MAGICLINKS,
    RESOLVE_NO_SYMLINKS,
    RESOLVE_NO_XDEV,
    fstatfs,
    openat2,
    statx,
)
from ..linux.handles import open_by_handle_at
from ..linux.syscall import AT_EMPTY_PATH
from .evidence import Directory, Spot
from .filesystems import make_handle
from .location import Located
from .look import Seen, look, refined, same

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .location import Locator, View
    from .vantage import MountNamespace

_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
_MAX_ANCHORS = 16
_BTRFS_MAGIC = 0x9123683E  # linux/magic.h
_WITHIN = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV


class Search:
    """Searches with the views of a locator."""

    def __init__(self, locator: Locator) -> None:
        self.vantage = locator.vantage
        self.views = locator.views

    def locate(self, directory: Directory) -> Located:
        """Where the directory is now."""
        if directory.deleted:
            return Located(
                "deleted", directory, None, "the directory was removed; the overlay alone holds it", "deleted"
            )
        here = self.vantage.here
        if directory.path is None:
            directory = self._with_path(here, directory)
        if found := self._below(here, directory):
            return found
        if found := self._moved(here, directory):
            return found
        if found := self._covered(here, directory):
            return found
        for space in self.vantage.others():
            if directory.path is None:
                directory = self._with_path(space, directory)
                if found := self._below(here, directory) or self._covered(here, directory):  # its path is known now
                    return found
            if found := self._below(space, directory):
                return found
        for space in self.vantage.others():
            if found := self._covered(space, directory):
                return found
        if found := self._held(directory):
            return found
        return self._nowhere(directory)

    def _below(self, space: MountNamespace, directory: Directory) -> Located | None:
        """The directory below the first mount of its file system there that shows it."""
        inside = directory.path
        if inside is None:
            return None
        for view in self.views(space, directory.device):
            path = view.path_of(inside)
            if path is None or not view.visible(path):
                continue
            seen = _look(directory.fs_type, space.open, path)
            if seen is None or seen.mount_id not in (None, view.mount.mount_id):
                continue
            if same(directory, seen, device_known=seen.mount_id is not None):
                here = space is self.vantage.here
                where = None if here else (space.inode or 0, space.table.namespace_id)
                spot = Spot(_below_mount(view, path), view.mount, where)
                said = view.said if here else f"only in mount namespace {space.inode}"
                return Located("located" if here else "elsewhere", refined(directory, seen), spot, None, said)
        return None

    def _moved(self, space: MountNamespace, directory: Directory) -> Located | None:
        """The directory where its handle leads, if that is another path than the one that was read before."""
        known = directory
        if known.handle is None:
            made = make_handle(known.fs_type, known.inode, known.generation, known.subvolume)
            known = known.replace(handle=made, handle_made=True)
        known = self._with_path(space, known)
        return None if known.path == directory.path else self._below(space, known)

    def _with_path(self, space: MountNamespace, directory: Directory) -> Directory:
        """The directory with its path inside the file system, if a handle opened below a mount there tells it."""
        for view in self.views(space, directory.device)[:_MAX_ANCHORS]:
            path = self._path_by_handle(space, view, directory)
            if path is not None:
                return directory.replace(path=path)
        return directory

    def _path_by_handle(self, space: MountNamespace, view: View, directory: Directory) -> bytes | None:
        """The path inside the file system of what a handle opens, by way of a mount that lookups reach."""
        if directory.handle is None or not view.open_to_lookups:
            return None
        try:
            anchor = space.open(view.mount.mount_point, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return None
        try:
            base = os.readlink(f"/proc/self/fd/{anchor}".encode())
            fd = open_by_handle_at(anchor, directory.handle, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                shown = os.readlink(f"/proc/self/fd/{fd}".encode())
            finally:
                os.close(fd)
        except OSError:
            return None
        finally:
            os.close(anchor)
        base = base.rstrip(b"/")
        if shown != (base or b"/") and not shown.startswith(base + b"/"):
            return None  # outside of what this mount shows
        return view.root + shown[len(base) :].rstrip(b"/") or b"/"

    def _covered(self, space: MountNamespace, directory: Directory) -> Located | None:
        """The directory below a mount there that shows it, where other mounts hide it from lookups."""
        if directory.path is None:
            return None
        for view in self.views(space, directory.device):
            path = view.path_of(directory.path)
            if path is None or view.visible(path):
                continue
            known = directory
            if known.handle is None:
                made = make_handle(known.fs_type, known.inode, known.generation, known.subvolume)
                known = known.replace(handle=made, handle_made=made is not None)
            said = f"below mount {view.mount.mount_id}, where another mount covers the path"
            if space is self.vantage.here:
                return Located("covered", known, Spot(_below_mount(view, path), view.mount), None, said)
            where = (space.inode or 0, space.table.namespace_id)
            said = f"only in mount namespace {space.inode}, {said}"
            return Located("elsewhere", known, Spot(_below_mount(view, path), view.mount, where), None, said)
        return None

    def _held(self, directory: Directory) -> Located | None:
        """The directory at, or below, what a process holds of a detached tree."""
        if directory.path is None and directory.handle is None:
            return None
        for holder in self.vantage.holders():
            try:
                held = holder.open()
            except OSError:
                continue
            try:
                for below in _tails(directory.path) if _lies_on(held, directory) else ():
                    seen = _look(directory.fs_type, _open_below, held, below)
                    if seen is not None and same(directory, seen, device_known=False):
                        spot = Spot(below, None, None, (holder.pid, holder.start_time, holder.through))
                        said = f"through {holder.through} of process {holder.pid}"
                        return Located("detached", refined(directory, seen), spot, None, said)
            finally:
                os.close(held)
        return None

    def _nowhere(self, directory: Directory) -> Located:
        made = make_handle(directory.fs_type, directory.inode, directory.generation, directory.subvolume)
        if directory.handle is None and made is not None:
            directory = directory.replace(handle=made, handle_made=True)
        about = f"{directory.fs_type} {directory.device}"
        spaces = (self.vantage.here, *self.vantage.others())
        if any(space.table.by_device(directory.device) for space in spaces):
            reason = f"its file system ({about}) is mounted, but no mount shows this part of it"
            return Located("unknown", directory, None, reason, reason)
        reason = f"its file system ({about}) is mounted nowhere that could be searched"
        return Located("unmounted", directory, None, reason, reason)


def _lies_on(held: int, directory: Directory) -> bool:
    """Whether what is held may be of the directory's file system.

    Below another one nothing is looked up: it would be in vain, and on an overlay it can write (annex A.5).
    """
    try:
        if directory.fs_type == "btrfs":  # of which each subvolume has a device number of its own
            return fstatfs(held).type == _BTRFS_MAGIC
        return statx(held, b"", AT_EMPTY_PATH | AT_STATX_DONT_SYNC).device == directory.device
    except OSError:
        return False


def _below_mount(view: View, path: bytes) -> bytes:
    return path[len(view.point) :] or b"/"


def _look(fs_type: str, open_it: Callable[..., int], *where: bytes | int) -> Seen | None:
    """What is there now; None where it can't be opened or looked at."""
    try:
        fd = open_it(*where)
    except OSError:
        return None
    try:
        return look(fd, fs_type)
    except OSError:
        return None
    finally:
        os.close(fd)


def _open_below(held: int, path: bytes) -> int:
    return openat2(held, path[1:] or b".", _DIRECTORY, resolve=_WITHIN)


def _tails(path: bytes | None) -> list[bytes]:
    """The ends of a path, the shortest first: `/`, `/c`, `/b/c`, `/a/b/c`."""
    if path is None:
        return [b"/"]
    parts = path.strip(b"/").split(b"/")
    return [b"/"] + [b"/" + b"/".join(parts[at:]) for at in range(len(parts) - 1, -1, -1) if parts != [b""]]
