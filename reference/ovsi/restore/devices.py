"""A block device that is mounted nowhere, mounted where no one sees it: only if `--mount-devices` was given.

The mount is never attached; the overlay keeps what it needs of it. Mounting may write to the device (a journal is
replayed), so it is read-only where neither upper nor work is on it.
"""

from __future__ import annotations

import os
import stat

from ..linux.mountapi import create, fsmount, fsopen, set_flag, set_string
from ..linux.syscall import closing
from .look import Superblock, uuid_of_fd
from .reach import Anchor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..image.model import Filesystem

TYPES = ("ext2", "ext3", "ext4", "xfs", "btrfs", "squashfs", "erofs")
"""The types of the identity table that lie on a block device."""


def device_of(filesystem: Filesystem, same_boot: bool) -> bytes | None:
    """The block device that may bear a file system of the image; what is on it is compared after it is mounted.

    By its number on the boot of the image (that of a btrfs is none of a device), else by the name that udev gives to
    its UUID, or by the name that the image has of it.
    """
    if filesystem.type not in TYPES:
        return None
    names = []
    if filesystem.uuid is not None:
        names.append(b"/dev/disk/by-uuid/" + filesystem.uuid.encode())
    if filesystem.source is not None and filesystem.source.startswith(b"/dev/"):
        names.append(filesystem.source)
    by_number = same_boot and filesystem.type != "btrfs"
    if by_number:
        names.append(b"/dev/block/" + filesystem.device.encode())
    for name in names:
        try:
            status = os.stat(name)
        except OSError:
            continue
        number = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
        if stat.S_ISBLK(status.st_mode) and (not by_number or number == filesystem.device):
            return name
    return None


def mount_privately(device: bytes, filesystem: Filesystem, *, writable: bool) -> Anchor:
    """The root of the file system on a device, in a detached mount. Raises OSError of the call that failed."""
    with closing(fsopen(filesystem.type.encode())) as fs:
        set_string(fs, b"source", device)
        if not writable:
            set_flag(fs, b"ro")
        if filesystem.type == "btrfs":
            set_string(fs, b"subvolid", b"5")  # paths of an image begin at the root of all subvolumes
        create(fs)
        root = fsmount(fs)
    status = os.fstat(root)
    number = f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
    return Anchor(root, Superblock(filesystem.type, number, _uuid(root)), None)


def _uuid(root: int) -> str | None:
    with closing(os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root)) as readable:
        return uuid_of_fd(readable)
