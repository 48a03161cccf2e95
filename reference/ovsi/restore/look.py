"""What a descriptor shows of the directory it is open on, as `ovsi.identity` compares it. Writes nothing."""

from __future__ import annotations

import errno
import os

from ..identity import FILEID_INO32_GEN, Seen, numbers_in_handle, stability_of
from ..linux.files import btrfs_subvolume, btrfs_uuid, file_system_uuid, generation
from ..linux.handles import AT_HANDLE_FID, FileHandle, HandleReader
from ..linux.syscall import closing
from ..record import Record, unchecked
from . import own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..image.model import Filesystem, Identity

_handles = HandleReader()


class Superblock(Record):
    """The file system that a descriptor is on, as the mount table and the descriptor of a mount's root tell it."""

    fs_type: str
    device: str
    uuid: str | None


def seen_of_fd(fd: int, superblock: Superblock, wanted: Identity) -> Seen:
    """What `fd` (O_PATH is enough) shows: the fields that `wanted` has, no more."""
    handle = None
    # Handles of an overlay's objects are of its layers, and asking for them can write (annex A.5).
    if superblock.fs_type != "overlay" and (wanted.handle is not None or wanted.generation is not None):
        handle = _handle(fd)
    version = subvolume = None
    if handle is None and wanted.generation is not None:
        version = _by_reading(fd, generation)
    if handle is None and superblock.fs_type == "btrfs":
        subvolume = _by_reading(fd, btrfs_subvolume)
    return Seen(superblock.fs_type, superblock.device, os.fstat(fd).st_ino, superblock.uuid, version, subvolume, handle)


def _handle(fd: int) -> tuple[int, bytes] | None:
    for flags in (0, AT_HANDLE_FID):
        try:
            return _handles.of_fd(fd, flags)
        except OSError as failure:
            if failure.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.EPERM):
                raise
    return None


def plainly_same(fd: int, superblock: Superblock, wanted: Identity, filesystem: Filesystem) -> bool:
    """The short way to `same`, on the image's boot: device, inode and the kernel's own handle, all known and equal.

    False says nothing: the comparison of all fields decides then.
    """
    return same_superblock(superblock, filesystem) and plainly_of_handle(fd, filesystem.type, wanted)


def plainly_of_handle(fd: int, fs_type: str, wanted: Identity) -> bool:
    """The part of `plainly_same` that tells the directories of a file system apart.

    Inode number, generation and subvolume are those that the handle holds, where its form is known: it is the kernel's.
    """
    _filesystem, inode, generation, subvolume, handle, _missing = wanted
    if handle is None:
        return False
    kind, data, made_by = handle
    if made_by == "producer":
        return False
    # What xfs puts into a short handle may be the lower half of a number.
    numbers = None if (fs_type, kind) == ("xfs", FILEID_INO32_GEN) else numbers_in_handle(fs_type, kind, data)
    held, version, volume = (os.fstat(fd).st_ino, generation, subvolume) if numbers is None else numbers
    if held != inode or generation not in (None, version) or subvolume not in (None, volume):
        return False
    expected = kind, data
    return _handles.is_of_fd(fd, unchecked(FileHandle, expected)) or _handle(fd) == expected


def same_superblock(superblock: Superblock, filesystem: Filesystem) -> bool:
    """By all that tells file systems apart on one boot; of an overlay, by a short way, never."""
    return (
        superblock.device == filesystem.device
        and superblock.fs_type == filesystem.type
        and superblock.uuid == filesystem.uuid
        and stability_of(superblock.fs_type) != "none"  # whatever the image says of it
        and superblock.fs_type != "overlay"
    )


def _by_reading(fd: int, ask: object) -> int | None:
    """The answer of an ioctl, which wants a descriptor that is open for reading; None where it is not given."""
    assert callable(ask)
    try:
        with closing(own.reopen(fd, os.O_RDONLY | os.O_DIRECTORY)) as readable:
            answer = ask(readable)
    except OSError:
        return None
    assert isinstance(answer, int)
    return answer


def uuid_of_fd(fd: int) -> str | None:
    """The UUID of the file system that a readable descriptor is on, as text; None where there is none to read."""
    return told_uuid(fd) or None


def told_uuid(fd: int) -> str | None:
    """The same, but empty where the file system says that it bears none; None: it does not tell."""
    for ask in (file_system_uuid, btrfs_uuid):
        try:
            raw = ask(fd)
        except OSError:
            continue
        break
    else:
        return None
    if len(raw) != 16 or not any(raw):
        return ""
    digits = raw.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def uuid_of_root(root: int) -> str | None:
    """The same of a directory that is opened for nothing (O_PATH), such as a mount's that is attached nowhere."""
    try:
        with closing(os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root)) as readable:
            return uuid_of_fd(readable)
    except PermissionError:
        return None
