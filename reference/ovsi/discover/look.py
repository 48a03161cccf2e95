"""What an open directory shows of its identity, and whether that is the one that is looked for."""

from __future__ import annotations

import errno
import os

from ..identity import numbers_in_handle
from ..linux.handles import name_to_handle_at
from ..linux.syscall import AT_EMPTY_PATH, closing
from ..record import Record, unchecked
from .evidence import Directory
from .filesystems import WITHOUT_GENERATION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..linux.handles import FileHandle

_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV, errno.ESTALE, errno.ESRCH)


class Seen(Record):
    """What a descriptor shows of a directory; without a handle `mount_id` is None, and `handle_none` if there is none.

    `device` is st_dev, which on btrfs is not the superblock's.
    """

    inode: int
    device: int
    generation: int | None
    subvolume: int | None
    handle: FileHandle | None
    handle_none: bool
    mount_id: int | None


def look(fd: int, fs_type: str) -> Seen:
    """The identity of the directory that `fd` (O_PATH is enough) is open on. Asks no overlay for handles."""
    status = os.fstat(fd)
    handle = mount_id = generation = subvolume = None
    none = fs_type == "overlay"
    if not none:  # an overlay has none to give, or copies up to make one (nfs_export=on)
        try:
            handle, mount_id = name_to_handle_at(fd, b"", AT_EMPTY_PATH)
        except OSError as failure:
            if failure.errno not in (errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM):
                raise
            none = failure.errno == errno.EOPNOTSUPP
        else:
            decoded = numbers_in_handle(fs_type, *handle)
            if decoded is not None and decoded[0] == status.st_ino:
                _inode, generation, subvolume = decoded
                if fs_type in WITHOUT_GENERATION:
                    generation = None
    return unchecked(Seen, (status.st_ino, status.st_dev, generation, subvolume, handle, none, mount_id))


def look_at(
    fs_type: str, open_it: Callable[..., int], *where: bytes | int, failures: list[OSError] | None = None
) -> Seen | None:
    """What is there now; None where nothing is, or it can't be opened or looked at, which is noted in `failures`."""
    try:
        with closing(open_it(*where)) as fd:
            return look(fd, fs_type)
    except OSError as failure:
        if failures is not None and failure.errno not in _NOT_THERE:
            failures.append(failure)
        return None


def same(directory: Directory, seen: Seen, *, device_known: bool) -> bool:
    """Whether what was seen is that directory; `device_known`: its superblock is established in another way."""
    if seen.inode != directory.inode:
        return False
    if not device_known and f"{os.major(seen.device)}:{os.minor(seen.device)}" != directory.device:
        return False
    if directory.generation != seen.generation and None not in (directory.generation, seen.generation):
        return False
    if directory.fs_type == "btrfs":
        return directory.subvolume is not None and seen.subvolume == directory.subvolume
    return directory.handle is None or seen.handle is None or directory.handle == seen.handle


def refined(directory: Directory, seen: Seen) -> Directory:
    """The directory with what was seen of it."""
    fields = directory.fields() | {"handle_none": seen.handle_none}
    if fields["generation"] is None:
        fields["generation"] = seen.generation
    if fields["subvolume"] is None:
        fields["subvolume"] = seen.subvolume
    if seen.handle is not None:
        fields["handle"] = seen.handle
        fields["handle_made"] = False
    return Directory(**fields)
