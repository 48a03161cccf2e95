"""Directories that an overlay's shown names may mean. Never more than candidates: names prove nothing.

All relative names of one overlay were relative to one directory, so the bases are tried whole: a base serves only if
every relative name leads to a directory there. Nothing below an overlay or on a server's file system is looked at.
"""

from __future__ import annotations

import errno
import os

from ..linux.files import RESOLVE_NO_MAGICLINKS, RESOLVE_NO_XDEV, mount_id_of_fd, openat2
from ..linux.namespaces import namespace_inode, open_process
from ..record import Record
from .evidence import Directory, Spot
from .look import look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..linux.mountinfo import Mount
    from .evidence import Slot
    from .vantage import Vantage

_DIRECTORY = os.O_PATH | os.O_DIRECTORY
_MAX_BASES = 512
_SERVED = (b"fuse", b"nfs", b"cifs", b"smb3", b"9p", b"virtiofs", b"ceph", b"afs", b"autofs", b"glusterfs", b"lustre")
"""File systems that someone else answers for, perhaps never."""
_STORAGE = (
    b"/var/lib/containers/storage/overlay",
    b"/var/lib/containers/storage/overlay-layers",
    b"/var/lib/docker/overlay2",
    b"/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots",
    b"/run/containers/storage/overlay",
)


class Candidate(Record):
    """A directory that a name leads to: what it is, where it is, and how it was found."""

    directory: Directory
    spot: Spot
    how: str


def served_by_others(mount: Mount) -> bool:
    """Whether looking at it may wait for a server or a daemon."""
    return mount.fs_type.split(b".")[0].startswith(_SERVED)


class Hints:
    """Tries names below one namespace's root. One for a whole dump."""

    def __init__(self, vantage: Vantage) -> None:
        self.vantage = vantage
        self._working: list[bytes] | None = None
        self._root_link: bytes | None = None

    def assignments(self, slots: Iterable[Slot], around: Iterable[bytes]) -> list[dict[str, Candidate]]:
        """Every way to read the names: slot name to candidate. More than one: nothing tells which base it was.

        `around` are paths near which the mounter may have stood: the overlay's mount points. Absolute names are in
        each of the answers; a slot whose name leads nowhere is in none. Two bases that mean the same are one.
        """
        named = [slot for slot in slots if slot.declared]
        absolute = {slot.name: one for slot in named if (one := self._absolute(slot.declared or b""))}
        names = [slot for slot in named if relative(slot.declared)]
        if not names:
            return [absolute] if absolute else []
        paths = [slot.declared for slot in named if slot.declared and slot.declared.startswith(b"/")]
        answers: dict[tuple[object, ...], dict[str, Candidate]] = {}
        for base in self._bases([*around, *paths]):
            if found := self.below(base, names):
                key = tuple(
                    (one.directory.device, one.directory.inode, one.directory.subvolume) for one in found.values()
                )
                answers.setdefault(key, found | absolute)
        return list(answers.values()) or ([absolute] if absolute else [])

    def _absolute(self, name: bytes) -> Candidate | None:
        return self.at(name, "its absolute name") if name.startswith(b"/") else None

    def below(
        self, base: bytes, slots: list[Slot], how: str = "its name below a likely directory"
    ) -> dict[str, Candidate] | None:
        """The directories that names below `base` lead to; None where one leads nowhere."""
        found: dict[str, Candidate] = {}
        for slot in slots:
            candidate = self.at(base.rstrip(b"/") + b"/" + (slot.declared or b""), how)
            if candidate is None:
                return None
            found[slot.name] = candidate
        return found

    def _bases(self, near: list[bytes]) -> Iterator[bytes]:
        """Directories that the mounter may have stood in, likely ones first."""
        seen: set[bytes] = set()
        table = self.vantage.here.table
        for path in (
            *self._working_directories(),
            *(parent for name in near for parent in _ancestors(name)),
            *_STORAGE,
            *(mount.mount_point for mount in table.entries),
        ):
            if path in seen:
                continue
            seen.add(path)
            if len(seen) > _MAX_BASES:
                return
            mount = table.mount_of(path)
            if mount is not None and mount.fs_type != b"overlay" and not served_by_others(mount):
                yield path

    def _working_directories(self) -> list[bytes]:
        """Where processes of the namespace stand."""
        if self._working is None:
            found: dict[bytes, None] = {}
            for name in os.listdir("/proc"):
                if name.isdigit() and int(name) != os.getpid() and (path := self._working_directory(int(name))):
                    found[path] = None
            self._working = list(found)
        return self._working

    def _working_directory(self, pid: int) -> bytes | None:
        try:
            process = open_process(pid)
        except OSError:
            return None
        try:
            if namespace_inode(process, "mnt") != self.vantage.here.inode:
                return None
            return self._below_root(os.readlink(b"cwd", dir_fd=process))
        except OSError:
            return None
        finally:
            os.close(process)

    def _below_root(self, link: bytes) -> bytes | None:
        """A path that readlink showed to this process, as one below the root of the dumped namespace."""
        if self._root_link is None:
            self._root_link = os.readlink(f"/proc/self/fd/{self.vantage.here.root}".encode()).rstrip(b"/")
        root = self._root_link
        if not link.startswith(b"/") or not (link == root or link.startswith(root + b"/")):
            return None
        return link[len(root) :] or b"/"

    def at(self, path: bytes, how: str) -> Candidate | None:
        """The directory that a path below the namespace's root means, if looking at it is harmless."""
        path = _normal(path)
        mount = self.vantage.here.table.mount_of(path)
        if mount is None or served_by_others(mount):
            return None
        if mount.fs_type == b"overlay" and mount.mount_point != path:
            return None
        fd = self._open(path, mount)
        if fd is None:
            return None
        try:
            return self.describe(fd, how)
        except OSError:
            return None
        finally:
            os.close(fd)

    def _open(self, path: bytes, mount: Mount) -> int | None:
        space = self.vantage.here
        try:
            return space.open(path)
        except OSError as failure:
            if failure.errno not in (errno.ELOOP, errno.ENOTDIR):
                return None
        # A link on the way, as container stores have them: followed as long as it stays on the mount.
        try:
            base = space.open(mount.mount_point)
        except OSError:
            return None
        try:
            below = path[len(mount.mount_point.rstrip(b"/")) :].lstrip(b"/")
            return openat2(base, below or b".", _DIRECTORY, resolve=RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS)
        except OSError:
            return None
        finally:
            os.close(base)

    def describe(self, fd: int, how: str) -> Candidate | None:
        """What a descriptor below the namespace's root is open on; None where its mount is not in the table."""
        mount = self.vantage.here.table.by_mount_id(mount_id_of_fd(fd))
        path = self._below_root(os.readlink(f"/proc/self/fd/{fd}".encode()))
        if mount is None or path is None or mount.root_deleted:
            return None
        point = mount.mount_point.rstrip(b"/")
        if path != (point or b"/") and not path.startswith(point + b"/"):
            return None
        below = path[len(point) :]
        below = below if below != b"/" else b""
        fs_type = mount.fs_type.decode("utf-8", "replace")
        seen = look(fd, fs_type)
        directory = Directory(
            device=mount.device,
            fs_type=fs_type,
            inode=seen.inode,
            generation=seen.generation,
            subvolume=seen.subvolume,
            path=mount.root.rstrip(b"/") + below or b"/",
            handle=seen.handle,
        )
        return Candidate(directory, Spot(below or b"/", mount), how)


def relative(name: bytes | None) -> bool:
    """Whether a name was read below a directory that it does not tell."""
    return bool(name) and not (name or b"").startswith(b"/")


def base_of(name: bytes | None, path: bytes | None) -> bytes | None:
    """The directory below which a relative name leads to a path, if it does."""
    if path is None or not relative(name):
        return None
    below = _normal(name or b"")
    return path[: -len(below)] or b"/" if path.endswith(below) and below != b"/" else None


def _ancestors(path: bytes) -> Iterator[bytes]:
    path = _normal(path)
    while path != b"/":
        path = path[: path.rfind(b"/")] or b"/"
        yield path


def _normal(path: bytes) -> bytes:
    """An absolute path without empty components and `.`; `..` is taken back by name."""
    parts: list[bytes] = []
    for part in path.split(b"/"):
        if part == b"..":
            del parts[-1:]
        elif part not in (b"", b"."):
            parts.append(part)
    return b"/" + b"/".join(parts)
