"""The mounts of a process's mount namespace as one table, with the questions that are asked of it.

One read of /proc/PID/mountinfo makes the table: it exists everywhere, needs no privilege, and shows mount points
as that process sees them. `statmount` adds the 64-bit IDs, and on request the exact state of a single mount.
"""

from __future__ import annotations

import os
import select

from . import statmount
from .files import mount_id_of_fd, read_fd
from .mountinfo import Mount as Mount
from .mountinfo import parse
from .namespaces import mount_namespace_id, namespace_inode, open_namespace, open_process
from .syscall import closing, error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

_TRIES = 5


class MountTable:
    """A mount namespace below one process's root, as it was at one moment.

    entries: the mounts, in the kernel's order. consistent: no mount came, went or moved while it was read.
    namespace_id: the 64-bit ID, None where unknown. root_mount_id: the mount that the process's root is on, None
    where unknown; it is not among the entries if that root is not the root of a mount.
    """

    def __init__(
        self,
        entries: Iterable[Mount],
        *,
        consistent: bool = True,
        namespace_id: int | None = None,
        root_mount_id: int | None = None,
    ) -> None:
        self.entries = tuple(entries)
        self.consistent = consistent
        self.namespace_id = namespace_id
        self.root_mount_id = root_mount_id
        self._indexes: dict[str, dict[Hashable, list[Mount]]] = {}
        self._reachable: dict[int, bool] = {}
        self._by_id: dict[int, Mount] | None = None
        self._by_unique_id: dict[int, Mount] | None = None

    def _index(self, name: str, key: Callable[[Mount], Hashable]) -> dict[Hashable, list[Mount]]:
        index = self._indexes.get(name)
        if index is None:
            index = self._indexes[name] = {}
            for mount in self.entries:
                index.setdefault(key(mount), []).append(mount)
        return index

    def by_device(self, device: str) -> list[Mount]:
        """All mounts of the superblock "major:minor"."""
        return self._index("device", lambda mount: mount.device).get(device, [])

    def by_mount_point(self, path: bytes) -> list[Mount]:
        """All mounts whose mount point is exactly `path`, hidden ones too, in the kernel's order."""
        return self._index("point", lambda mount: mount.mount_point).get(path, [])

    def children(self, mount: Mount) -> list[Mount]:
        """All mounts on a mount."""
        return self._index("parent", lambda mount: mount.parent_id).get(mount.mount_id, [])

    def by_mount_id(self, mount_id: int) -> Mount | None:
        """The mount that mountinfo gives this ID."""
        if self._by_id is None:
            self._by_id = {mount.mount_id: mount for mount in self.entries}
        return self._by_id.get(mount_id)

    def by_unique_id(self, unique_id: int) -> Mount | None:
        """The mount of this 64-bit ID, where the kernel tells them."""
        if self._by_unique_id is None:
            self._by_unique_id = {mount.unique_id: mount for mount in self.entries if mount.unique_id is not None}
        return self._by_unique_id.get(unique_id)

    def status(self, mount: Mount, mask: int = statmount.EVERYTHING) -> statmount.MountStatus | None:
        """What statmount(2) tells of a mount now; None where it can't be asked, or the mount is gone."""
        if mount.unique_id is None:
            return None
        try:
            return statmount.statmount(mount.unique_id, mask, self.namespace_id or 0)
        except OSError:
            return None

    def reachable(self, mount: Mount) -> bool:
        """Whether a path of the process leads into this mount, at its root or through it to one on it."""
        chain = []
        current = mount
        while (fate := self._reachable.get(current.mount_id)) is None:
            chain.append(current)
            self._reachable[current.mount_id] = False  # ends the walk, should an inconsistent table hold a circle
            parent = self.by_mount_id(current.parent_id)
            if current.mount_point == b"/":
                fate = self._is_root(current)
            elif self._is_hidden_on_its_parent(current):
                fate = False
            elif parent is None:
                fate = True
            else:
                current = parent
                continue
            break
        for member in chain:
            self._reachable[member.mount_id] = fate
        return fate

    def visible(self, mount: Mount) -> bool:
        """Whether a lookup of its mount point ends on this mount: reachable, and nothing mounted on its root.

        A lookup starts at the process's root, and does not step onto what is mounted over that.
        """
        if not self.reachable(mount):
            return False
        return mount.mount_point == b"/" or not self._children_at(mount.mount_id, mount.mount_point)

    def topmost(self, path: bytes) -> Mount | None:
        """The mount that a lookup of `path` (absolute, no symbolic links, no trailing slash) finds mounted there.

        At `/` that is the mount of the process's root: what is mounted over that later, no lookup finds.
        """
        for mount in self.by_mount_point(path):
            if self.visible(mount):
                return mount
        return None

    def stack_at(self, path: bytes) -> list[Mount]:
        """All mounts at `path`, each after those that it covers; what a lookup finds, if anything, is the last."""
        here = self.by_mount_point(path)
        if len(here) < 2:
            return list(here)
        depth: dict[int, int] = {}
        waiting = {mount.mount_id: mount for mount in here}
        for mount in here:
            chain = [mount]
            while chain[-1].mount_id not in depth and chain[-1].parent_id in waiting and len(chain) <= len(here):
                chain.append(waiting[chain[-1].parent_id])
            base = depth.get(chain[-1].mount_id, 0)
            for distance, member in enumerate(reversed(chain)):
                depth[member.mount_id] = base + distance
        at_root = path == b"/"
        return sorted(here, key=lambda mount: (not at_root and self.reachable(mount), depth[mount.mount_id]))

    def mount_of(self, path: bytes) -> Mount | None:
        """The mount that a lookup of `path` (absolute, no symbolic links) ends in; None if it is not listed."""
        while (mount := self.topmost(path)) is None and path != b"/":
            path = _parent(path)
        return mount

    def path_through(self, mount: Mount, inside: bytes) -> bytes | None:
        """Where the process finds, through this mount, what is at `inside` in the file system.

        None where the mount does not show it, or something mounted covers it on the way. No file is looked at.
        """
        root = mount.root.rstrip(b"/")
        if mount.root_deleted or not (inside == mount.root or inside.startswith(root + b"/")):
            return None
        below = inside[len(root) :].rstrip(b"/")
        path = mount.mount_point.rstrip(b"/") + below or b"/"
        return path if self.mount_of(path) is mount else None

    def _children_at(self, parent_id: int, path: bytes) -> list[Mount]:
        return self._index("place", lambda mount: (mount.parent_id, mount.mount_point)).get((parent_id, path), [])

    def _is_root(self, mount: Mount) -> bool:
        if self.root_mount_id is not None:
            return mount.mount_id == self.root_mount_id
        return mount.parent_id == mount.mount_id or self.by_mount_id(mount.parent_id) is None

    def _is_hidden_on_its_parent(self, mount: Mount) -> bool:
        """Whether another mount on the same parent lies at the same place, later, or at a directory above it."""
        path, parent_id = mount.mount_point, mount.parent_id
        if self._children_at(parent_id, path)[-1] is not mount:
            return True
        parent = self.by_mount_id(parent_id)
        stop = 1 if parent is None else len(parent.mount_point)
        path = _parent(path)
        while len(path) >= stop and path != b"/":
            if self._children_at(parent_id, path):
                return True
            path = _parent(path)
        return False


def _parent(path: bytes) -> bytes:
    return path[: path.rfind(b"/")] or b"/"


def read_mount_table(pid: int | None = None, *, unique_ids: bool = True) -> MountTable:
    """The mount table of a process, of the caller for None.

    Raises OSError: ESRCH where there is no such process, ENOENT or EINVAL where it has exited and not been reaped.
    """
    with closing(open_process(pid)) as process:
        return read_mount_table_of(process, unique_ids=unique_ids)


def read_mount_table_of(process: int, *, unique_ids: bool = True) -> MountTable:
    """The same, of the process of a /proc/PID descriptor. Reads again, a few times, when it changes meanwhile."""
    for _ in range(_TRIES):
        namespace, namespace_id = _namespace(process)
        data, known, changed = _read(process, namespace_id if unique_ids else None)
        if not changed and _namespace(process)[0] == namespace:
            break
    else:
        changed = True
    return MountTable(
        parse(data, known),
        consistent=not changed,
        namespace_id=namespace_id or None,
        root_mount_id=_root_mount(process),
    )


def _namespace(process: int) -> tuple[int | None, int | None]:
    """Inode and 64-bit ID of the mount namespace, None where not told; ID 0 means the caller's own on older kernels."""
    try:
        inode = namespace_inode(process, "mnt")
        namespace = open_namespace(process, "mnt")
    except PermissionError:
        return None, None
    with closing(namespace):
        try:
            return inode, mount_namespace_id(namespace)
        except OSError:  # not told before Linux 6.11
            return inode, 0 if _is_callers(inode) else None


def _is_callers(inode: int) -> bool:
    """False too where the caller finds no /proc below its root."""
    try:
        with closing(open_process(None)) as caller:
            return namespace_inode(caller, "mnt") == inode
    except OSError:
        return False


def _read(process: int, namespace_id: int | None) -> tuple[bytes, dict[int, int], bool]:
    try:
        fd = os.open("mountinfo", os.O_RDONLY | os.O_CLOEXEC, dir_fd=process)
    except OSError as failure:
        raise error(failure.errno or 0, "open of a process's mountinfo") from None
    with closing(fd):
        data = read_fd(fd)
        known = {}
        if namespace_id is not None:
            try:
                known = statmount.unique_ids(namespace_id)
            except OSError:
                known = {}  # an older kernel, or no privilege over that namespace: mountinfo has to do
        # The kernel counts changes of the namespace since the open, and poll tells (proc_pid_mountinfo(5)).
        watch = select.poll()
        watch.register(fd, select.POLLPRI)
        return data, known, bool(watch.poll(0))


def _root_mount(process: int) -> int | None:
    try:
        with closing(os.open("root", os.O_PATH | os.O_CLOEXEC, dir_fd=process)) as root:
            return mount_id_of_fd(root)
    except OSError:
        return None
