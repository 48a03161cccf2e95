"""The long way to a directory: opened below each mount that may show it, and compared.

The order: mounts of its file system in the dumped namespace that show its path; those there that something covers;
other mount namespaces; what processes hold of detached trees. A place is stated only after the directory was opened
there and was the one, but for covered ones, which are not opened: there the kernel's own path is the ground.
"""

from __future__ import annotations

import os

from ..linux.handles import open_by_handle_at
from .detached import Detached
from .evidence import Directory, Spot
from .filesystems import make_handle
from .location import Located
from .look import look_at, refined, same

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .location import Locator, View
    from .vantage import MountNamespace

_MAX_ANCHORS = 16


class Search:
    """Searches with the views of a locator."""

    def __init__(self, locator: Locator) -> None:
        self.vantage = locator.vantage
        self.views = locator.views
        self.detached = Detached(locator.vantage, locator.kernel)
        self._failures: list[OSError] = []

    def locate(self, directory: Directory) -> Located:
        """Where the directory is now."""
        self._failures = []
        here = self.vantage.here
        if directory.path is None and not directory.deleted:
            directory = self._with_path(here, directory)
        if directory.deleted:
            return _deleted(directory)
        if found := self._below(here, directory):
            return found
        if found := self._moved(here, directory):
            return found
        if found := self._covered(here, directory):
            return found
        for space in self.vantage.others():
            if directory.path is None:
                directory = self._with_path(space, directory)
                if directory.deleted:
                    return _deleted(directory)
                if found := self._below(here, directory) or self._covered(here, directory):  # its path is known now
                    return found
            if found := self._below(space, directory):
                return found
        for space in self.vantage.others():
            if found := self._covered(space, directory):
                return found
        if found := self.detached.locate(directory):
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
            seen = look_at(directory.fs_type, space.open, path, failures=self._failures)
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
        if known.deleted:
            return _deleted(known)
        return None if known.path == directory.path else self._below(space, known)

    def _with_path(self, space: MountNamespace, directory: Directory) -> Directory:
        """The directory with its path inside the file system, if a handle opened below a mount there tells it.

        Or known to be removed: a handle opens that too.
        """
        for view in self.views(space, directory.device)[:_MAX_ANCHORS]:
            path = self._path_by_handle(space, view, directory)
            if path is not None:
                return directory.replace(path=path or None, deleted=not path)
        return directory

    def _path_by_handle(self, space: MountNamespace, view: View, directory: Directory) -> bytes | None:
        """The path inside the file system of what a handle opens, by way of a mount that lookups reach.

        Empty where that is a removed directory, of which the kernel still shows a path.
        """
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
                if not os.fstat(fd).st_nlink:
                    return b""
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

    def _nowhere(self, directory: Directory) -> Located:
        made = make_handle(directory.fs_type, directory.inode, directory.generation, directory.subvolume)
        if directory.handle is None and made is not None:
            directory = directory.replace(handle=made, handle_made=True)
        about = f"its file system ({directory.fs_type} {directory.device})"
        spaces = (self.vantage.here, *self.vantage.others())
        if any(space.table.by_device(directory.device) for space in spaces):
            reason = f"{about} is mounted, but no mount shows this part of it"
            if self._failures:
                reason = f"{about} is mounted, but it was not searched everywhere: {self._failures[0].strerror}"
            elif directory.path is None:
                reason = f"{about} is mounted, but where the directory is there is not known"
            return Located("unknown", directory, None, reason, reason)
        if any(space.table.by_device(directory.device) for space in self.vantage.beyond()):
            reason = f"{about} is mounted in this mount namespace, outside of the root directory of the process"
            return Located("unknown", directory, None, reason, reason)
        reason = f"{about} is mounted nowhere that could be searched"
        return Located("unmounted", directory, None, reason, reason)


def _deleted(directory: Directory) -> Located:
    reason = "the directory was removed; the overlay alone holds it"
    return Located("deleted", directory, None, reason, "deleted")


def _below_mount(view: View, path: bytes) -> bytes:
    return path[len(view.point) :] or b"/"
