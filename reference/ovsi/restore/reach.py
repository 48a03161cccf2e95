"""How a directory is reached in the caller's mount namespace: mounts as anchors, and lookups that stay below them."""

from __future__ import annotations

import errno
import os
import stat
import struct

from ..identity import row_of
from ..linux.files import (
    RESOLVE_BENEATH,
    RESOLVE_NO_MAGICLINKS,
    RESOLVE_NO_SYMLINKS,
    RESOLVE_NO_XDEV,
    openat2,
)
from ..linux.syscall import closing, common, quiet_syscall, syscall
from ..plan.paths import relative
from . import own
from .look import Superblock, told_uuid, uuid_of_fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..linux.mounttable import Mount, MountTable

DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
_PLAIN = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV
_OPENAT2 = common(437)
_MOST_AT_ONCE = 4095  # PATH_MAX, less the NUL
_HOW = struct.pack("=QQQ", DIRECTORY | os.O_CLOEXEC, 0, _PLAIN)  # made once for all sources


def open_below(anchor: int, path: bytes) -> int:
    """An O_PATH descriptor of the directory at an absolute `path` below `anchor`, on the same mount.

    No symbolic link is followed and no mount crossed. Raises OSError: EXDEV where a mount covers the path, ELOOP or
    ENOTDIR where it leads through a link or ends on none but a directory.
    """
    name = relative(path)
    if len(name) > _MOST_AT_ONCE:
        return _open_by_pieces(anchor, name)
    try:
        return syscall("openat2", _OPENAT2, anchor, name, _HOW, len(_HOW), path=name)
    except OSError as failure:
        if failure.errno != errno.EAGAIN:
            raise
        return openat2(anchor, name, DIRECTORY, resolve=_PLAIN)  # which tries again


def open_quietly(anchor: int, name: bytes) -> int:
    """The same for hot places, by a relative name: negative where it can't be opened in one call, for any reason."""
    return quiet_syscall(_OPENAT2, anchor, name, _HOW, len(_HOW), 0, 0)


def _open_by_pieces(anchor: int, name: bytes) -> int:
    """The same for a path longer than the kernel takes; where directories lie that deep is no matter of one call."""
    cut = name.rfind(b"/", 0, _MOST_AT_ONCE)
    if cut < 0:
        raise OSError(errno.ENAMETOOLONG, "openat2: a name is too long", name)
    with closing(open_below(anchor, b"/" + name[:cut])) as between:
        return open_below(between, name[cut:])


def serves(mount: Mount, writable: bool) -> bool:
    """Whether the kernel takes layers through a mount: it maps no IDs, and is not read-only for upper and work."""
    read_only = b"ro" in mount.attributes or mount.super_options.partition(b",")[0] == b"ro"
    return b"idmapped" not in mount.attributes and not (writable and read_only)


class Anchor:
    """A directory, mostly a mount's root, below which sources are looked for.

    superblock: the file system there. mount: its entry in the table, None for what is in no table. `fd` serves
    lookups; `clone` is the same tree without the mounts on it, made at first use. workshop: the private mount namespace
    in which alone the kernel takes it as a layer.
    """

    def __init__(self, fd: int, superblock: Superblock, mount: Mount | None, workshop: int | None = None) -> None:
        self.fd = fd
        self.workshop = workshop
        self.superblock = superblock
        self.mount = mount
        self._clone: int | None = None
        self._shown: bytes | None = None

    @property
    def shown(self) -> bytes:
        """Where the kernel says that it is; empty where it can't."""
        if self._shown is None:
            self._shown = own.path_of(self.fd)
        return self._shown

    @property
    def clone(self) -> int:
        if self._clone is None:
            self._clone = own.clone_tree(self.fd)
        return self._clone

    def clone_or_none(self) -> int | None:
        """None where the kernel makes no copy: of what is unbindable, for one."""
        try:
            return self.clone
        except OSError:
            return None

    def drop_clone(self) -> None:
        """The next use makes a new one: a way of layer setup may have used this one up."""
        if self._clone is not None:
            os.close(self._clone)
            self._clone = None

    def close(self) -> None:
        os.close(self.fd)
        self.drop_clone()


class Namespace:
    """The mounts of the caller's mount namespace and the anchors opened there. Use as a context manager."""

    def __init__(self, *, unique_ids: bool) -> None:
        self.table: MountTable = own.mount_table(unique_ids=unique_ids)
        self._anchors: dict[int, Anchor | None] = {}
        self._directories: dict[bytes, Anchor] = {}
        self._by_device: dict[str, str | None] = {}
        self._kept: list[Anchor] = []

    def __enter__(self) -> Namespace:
        return self

    def __exit__(self, *_exception: object) -> None:
        for anchor in self._all():
            anchor.close()

    def drop_clones(self) -> None:
        """Those of all anchors."""
        for anchor in self._all():
            anchor.drop_clone()

    def _all(self) -> list[Anchor]:
        return [anchor for anchor in self._anchors.values() if anchor is not None] + [
            *self._directories.values(),
            *self._kept,
        ]

    def anchor(self, mount: Mount) -> Anchor | None:
        """The root of a mount; None where another mount covers it, or it can't be opened."""
        if mount.mount_id not in self._anchors:
            self._anchors[mount.mount_id] = self._open_anchor(mount)
        return self._anchors[mount.mount_id]

    def _open_anchor(self, mount: Mount) -> Anchor | None:
        try:
            fd = _open_directory(mount.mount_point)
        except OSError:
            return None
        if own.mount_id(fd) != mount.mount_id:
            os.close(fd)
            return None
        return Anchor(fd, self._superblock(fd, mount), mount)

    def uuid_of(self, mount: Mount) -> str | None:
        """The UUID of its file system; None where that has none, or it can't be asked."""
        anchor = self.anchor(mount)
        return None if anchor is None else anchor.superblock.uuid

    def keep(self, anchor: Anchor) -> Anchor:
        """Take over an anchor that was made elsewhere, to be closed with the rest."""
        self._kept.append(anchor)
        return anchor

    def directory(self, path: bytes) -> Anchor:
        """Any directory that a user names. Raises OSError, KeyError where its mount is not in the table."""
        if path not in self._directories:
            fd = _open_directory(path)
            mount = self.table.by_mount_id(own.mount_id(fd) or 0)
            if mount is None:
                os.close(fd)
                raise KeyError(path)
            self._directories[path] = Anchor(fd, self._superblock(fd, mount), mount)
        return self._directories[path]

    def _superblock(self, fd: int, mount: Mount) -> Superblock:
        if mount.device not in self._by_device:
            self._by_device[mount.device] = uuid_of_fd(fd)
        return Superblock(mount.fs_type.decode(errors="replace"), mount.device, self._by_device[mount.device])

    def by_uuid(self, uuid: str, fs_type: str) -> dict[str, list[Mount]]:
        """The mounts of the file systems of that type that bear this UUID, by device: more than one is a copy.

        Where one bears it, those that can't be asked for theirs count as well: they may be the one that is meant.
        """
        mounts: dict[str, list[Mount]] = {}
        for mount in self.table.entries:
            if mount.fs_type.decode(errors="replace") == fs_type:
                mounts.setdefault(mount.device, []).append(mount)
        borne = {device: self._uuid(group) for device, group in mounts.items()}
        bearers = [device for device, known in borne.items() if known == uuid]
        if bearers and row_of(fs_type).later is not None:  # of other types no copy bears the UUID
            bearers += [device for device, known in borne.items() if known is None]
        return {device: mounts[device] for device in bearers}

    def _uuid(self, group: list[Mount]) -> str | None:
        """As `told_uuid`, by the first mount of a file system that tells it; of covered ones a child uncovers one."""
        for mount in group:
            anchor = self.anchor(mount)
            uuid = _uuid_of_file(mount) if anchor is None else told_uuid(anchor.fd)
            if uuid is not None:
                return uuid
        from .covered import uuid_below_covers

        return uuid_below_covers(group[0])


def _uuid_of_file(mount: Mount) -> str | None:
    """By a mount of a single file, as containers have them; None where that is hidden, or may not be read."""
    try:
        with closing(os.open(mount.mount_point, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)) as fd:
            if own.mount_id(fd) != mount.mount_id or not stat.S_ISREG(os.fstat(fd).st_mode):
                return None
            with closing(own.reopen(fd, os.O_RDONLY)) as readable:
                return told_uuid(readable)
    except OSError:
        return None


def _open_directory(path: bytes) -> int:
    """Readable where permitted: handles and the UUID are asked of such a descriptor."""
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError:
        return os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
