"""A block device that is mounted nowhere, mounted where no one sees it: only if `--mount-devices` was given.

The mount is never attached; the overlay keeps what it needs of it. Mounting may write to the device (a journal is
replayed), so it is read-only where neither upper nor work is on it.
"""

from __future__ import annotations

import os
import stat

from ..errors import text
from ..linux.mountapi import create, fsmount, fsopen, set_flag, set_string
from ..linux.syscall import closing
from .look import Superblock, uuid_of_root
from .reach import Anchor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..image.model import Filesystem
    from ..plan.records import ByMount, SourcePlan
    from .find import Finder
    from .search import Opened, Search

TYPES = ("ext2", "ext3", "ext4", "xfs", "btrfs", "squashfs", "erofs")
"""The types of the identity table that lie on a block device."""


def look_on_devices(
    finder: Finder, missing: Sequence[tuple[SourcePlan, ByMount]], searches: dict[str, Search], found: dict[str, Opened]
) -> None:
    """Look for each missing source on the device of its file system, if no mount of that was found."""
    roots: dict[str, Anchor | None] = {}
    for source, way in missing:
        filesystem, search = source.filesystem, searches[source.name]
        if filesystem is None or way.path is None or search.mounted or search.only_unfit():
            continue
        if filesystem.id not in roots:
            writable = any(other.filesystem == filesystem and other.role == "upper" for other, _way in missing)
            roots[filesystem.id] = _root(finder, filesystem, search, writable)
        anchor = roots[filesystem.id]
        opened = search.on_device(anchor, way) if anchor is not None else None
        if opened is not None:
            found[source.name] = opened


def _root(finder: Finder, filesystem: Filesystem, search: Search, writable: bool) -> Anchor | None:
    device = device_of(filesystem, finder.plan.same_boot)
    if device is None:
        return None
    if not finder.plan.mount_devices:
        search.hint = f"; with --mount-devices {text(device)} would be looked at"
        return None
    try:
        anchor = mount_privately(device, filesystem, writable=writable)
    except OSError as failure:
        search.barred = f"{text(device)} can't be mounted: {failure.strerror}"
        return None
    finder.notes.append(f"{text(device)} was mounted privately")
    return finder.namespace.keep(anchor)


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
    return Anchor(root, Superblock(filesystem.type, number, uuid_of_root(root)), None)
