"""Where directories that are known by their identity can be reached now, and their real file handles.

Most lie side by side below a mount that lookups reach: their parent is opened once, and one name_to_handle_at(2) each
tells both whether it is the directory (its handle is the one that inode, generation and subvolume make) and which mount
lookups found it on. For all others there is `search`, which opens and looks.
"""

from __future__ import annotations

import os

from ..linux.handles import HandleReader
from ..record import Record, unchecked
from .evidence import Directory, Spot
from .filesystems import WITH_HANDLES, make_handle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..linux.handles import FileHandle
    from ..linux.mountinfo import Mount
    from .introspection import Kernel
    from .search import Search
    from .vantage import MountNamespace, Vantage


class Located(Record):
    """A state of DESIGN 5, the place where there is one, the reason where there is none, the directory as now known.

    `handle` is the kernel's, of a directory that was known without one.
    """

    state: str
    directory: Directory
    spot: Spot | None = None
    reason: str | None = None
    said: str = ""
    handle: FileHandle | None = None


class View(Record):
    """One mount, ready to be asked for many paths: `covers` are the mount points on it."""

    mount: Mount
    open_to_lookups: bool
    covers: frozenset[bytes]
    root: bytes
    point: bytes
    said: str

    def path_of(self, inside: bytes) -> bytes | None:
        """Where `inside` of the file system is below this mount; None where it shows another part."""
        root = self.root
        if inside == self.mount.root:
            return self.mount.mount_point
        if not inside.startswith(b"/", len(root)) or not inside.startswith(root):
            return None
        return self.point + inside[len(root) :].rstrip(b"/") or b"/"

    def visible(self, path: bytes) -> bool:
        """Whether a lookup of that path below the mount point reaches it, by the table alone."""
        if not self.open_to_lookups:
            return False
        covers, stop = self.covers, len(self.point)
        while covers and len(path) > stop:
            if path in covers:
                return False
            path = path[: path.rfind(b"/")]
        return True


class Locator:
    """Finds places. One for a whole dump: mount tables, views and what was found once are kept.

    kernel: introspection, set by the ladder that has it.
    """

    def __init__(self, vantage: Vantage) -> None:
        self.vantage = vantage
        self.kernel: Kernel | None = None
        self._views: dict[tuple[int, str], list[View]] = {}
        self._found: dict[tuple[object, ...], Located] = {}
        self._at_once: dict[int, Located] = {}  # which keeps the directory, so that its id stays its own
        self._search: Search | None = None

    def locate(self, directory: Directory) -> Located:
        """Where the directory is now."""
        if at_once := self._at_once.get(id(directory)):
            return at_once
        key = (directory.device, directory.inode, directory.generation, directory.subvolume, directory.path)
        found = self._found.get(key)
        if found is None:
            if self._search is None:
                from .search import Search  # most dumps need none

                self._search = Search(self)
            found = self._found[key] = self._search.locate(directory)
        return found

    def load(self, directories: Iterable[Directory]) -> None:
        """Find those of many that are where their path says, for `locate` to tell."""
        siblings: dict[tuple[str, bytes], list[Directory]] = {}
        for one in directories:
            path = one.path
            if path is None or path == b"/" or one.deleted or one.fs_type not in WITH_HANDLES:
                continue
            key = one.device, path[: path.rfind(b"/")]
            if (some := siblings.get(key)) is None:
                siblings[key] = [one]
            else:
                some.append(one)
        handles, here = HandleReader(), self.vantage.here
        for (device, parent), some in siblings.items():
            views = self.views(here, device)
            view = next((one for one in views if one.path_of(parent or b"/") is not None), None)
            if view is None or not view.open_to_lookups:
                continue
            before = views[: views.index(view)]  # of which one may be a mount of a sibling itself
            if before:
                some = [one for one in some if not any(other.path_of(one.path or b"") for other in before)]
            try:
                fd = here.open(view.path_of(parent or b"/") or b"/")
            except OSError:
                continue
            try:
                self._take(view, len(parent) + 1, some, fd, handles)
            finally:
                os.close(fd)

    def _take(self, view: View, skip: int, siblings: list[Directory], parent: int, handles: HandleReader) -> None:
        """Those of the siblings that their parent's descriptor leads to, below this very mount."""
        mount, strip, said, at_once = view.mount, len(view.root), view.said, self._at_once
        is_of_entry, mount_id = handles.is_of_entry, mount.mount_id
        for one in siblings:
            _device, fs_type, inode, generation, subvolume, path, _deleted, _handle, _made, _none, _uuid = one
            made = make_handle(fs_type, inode, generation, subvolume)
            if made is not None and is_of_entry(parent, path[skip:], mount_id, made):
                spot = unchecked(Spot, (path[strip:] if strip else path, mount, None, None))
                at_once[id(one)] = unchecked(Located, ("located", one, spot, None, said, made))

    def guess(self, directory: Directory) -> Spot | None:
        """Where the directory would be by its path, not opened: a server may never answer."""
        if directory.deleted or directory.path is None:
            return None
        for view in self.views(self.vantage.here, directory.device):
            path = view.path_of(directory.path)
            if path is not None and view.visible(path):
                return Spot(path[len(view.point) :] or b"/", view.mount)
        return None

    def views(self, space: MountNamespace, device: str) -> list[View]:
        """The mounts of a superblock in a namespace: lookups reach the first ones, then by depth, then by ID."""
        key = (id(space), device)
        views = self._views.get(key)
        if views is None:
            views = self._views[key] = [
                _view(space, mount) for mount in space.table.by_device(device) if not mount.root_deleted
            ]
            views.sort(key=_preference)
        return views


def _view(space: MountNamespace, mount: Mount) -> View:
    table = space.table
    return View(
        mount,
        table.visible(mount),
        frozenset([child.mount_point for child in table.children(mount) if child is not mount]),
        mount.root.rstrip(b"/"),
        mount.mount_point.rstrip(b"/"),
        f"opened and compared below mount {mount.mount_id}",
    )


def _preference(view: View) -> tuple[bool, int, int]:
    return not view.open_to_lookups, view.point.count(b"/"), view.mount.mount_id
