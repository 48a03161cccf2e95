"""What introspection finds, as records. Numbers are the kernel's; addresses mean something within one snapshot only."""

from __future__ import annotations

from ..linux.namespaces import IdRange
from ..record import Record

UPPER, LOWER, DATA = "upper", "lower", "data"
"""The roles of a layer."""

SB_RDONLY = 1
"""Of superblock flags (include/linux/fs.h)."""


IdMap = tuple[IdRange, ...]
"""`inside` in the namespace or the file system, `outside` as the initial user namespace numbers IDs."""


class UserNamespaceFacts(Record):
    """A user namespace; `inum` is the inode number that /proc/PID/ns/user shows."""

    inum: int
    level: int
    owner: int
    group: int
    uid_map: IdMap
    gid_map: IdMap
    parent: UserNamespaceFacts | None


class CredentialFacts(Record):
    """With whose rights an overlay acts on its layers; IDs as the initial user namespace numbers them."""

    uid: int
    gid: int
    fsuid: int
    fsgid: int
    cap_effective: int
    groups: tuple[int, ...]
    user_namespace: UserNamespaceFacts


class DirectoryFacts(Record):
    """A directory, named by its file system and its place in it."""

    filesystem: bytes
    """The type's name, as in /proc/filesystems; `overlay` for a layer that is itself in an overlay."""
    device: tuple[int, int]
    """Major and minor of the superblock, as mountinfo shows them; stat(2) differs on btrfs."""
    uuid: bytes
    """Of the superblock, 16 bytes; all zero where the file system has none."""
    inode: int
    generation: int
    subvolume: int | None
    """On btrfs the object ID of the subvolume's root, None elsewhere."""
    path: bytes | None
    """From the root of the file system, `/` itself for that; None where the kernel does not know all of it."""
    deleted: bool
    """It was removed, or was renamed over: `path` is where it used to be."""
    superblock_flags: int
    superblock: int
    dentry: int


class LayerFacts(Record):
    """A layer: its directory, and the private mount through which the overlay uses it."""

    role: str
    directory: DirectoryFacts
    uid_map: IdMap | None
    gid_map: IdMap | None
    """None where the mount is not ID-mapped."""
    mount_flags: int
    declared: bytes | None
    """The name that was given to mount(2), where the kernel keeps one for each layer."""


class OverlayFacts(Record):
    """An overlay superblock."""

    superblock: int
    device: tuple[int, int]
    uuid: bytes
    """Of the superblock itself, 16 bytes; all zero where it has none."""
    superblock_flags: int
    layers: tuple[LayerFacts, ...]
    """Top to bottom: the upper where there is one, the lowers, the data-only layers."""
    work: DirectoryFacts | None
    """The directory given as workdir, None where there is no upper."""
    options: tuple[tuple[str, str], ...]
    """Effective values by the names of mount(8); what this kernel lacks or this package does not know is absent."""
    workdir: bytes | None
    """The name that was given to mount(2)."""
    lowerdir: bytes | None
    """The names of all the lower layers in one, where the kernel keeps them so."""
    creator: CredentialFacts
    user_namespace: UserNamespaceFacts


class MountFacts(Record):
    """A mount in a namespace."""

    mount_id: int
    unique_id: int | None
    parent_id: int | None
    """None for the root of the namespace."""
    filesystem: bytes
    device: tuple[int, int]
    root: bytes | None
    """Which directory of its file system is mounted; None where the kernel does not know all of its path."""
    mountpoint: bytes | None
    """Below the root of the parent mount."""
    flags: int
    """MNT_* of include/linux/mount.h, the locks (MNT_LOCK_*, MNT_LOCKED) among them."""
    peer_group: int
    superblock: int
    """Equals the `superblock` of a directory in the same snapshot exactly where it is on this file system."""
