"""Per-mount attributes where mount_setattr(2) is missing (before Linux 5.12): by a remount, before the mount is seen.

mount(2) remounts only what is attached in the caller's mount namespace. So a detached mount is attached for that in the
private one of a child, and what comes out is a copy: attributes, peer group and master are the same on it.
"""

from __future__ import annotations

import os

from ..linux.mountapi import (
    MNT_DETACH,
    MOUNT_ATTR__ATIME,
    MOUNT_ATTR_NOATIME,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NODIRATIME,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_NOSYMFOLLOW,
    MOUNT_ATTR_RDONLY,
    MOUNT_ATTR_RELATIME,
    MOUNT_ATTR_STRICTATIME,
    MS_BIND,
    MS_NOATIME,
    MS_NODEV,
    MS_NODIRATIME,
    MS_NOEXEC,
    MS_NOSUID,
    MS_NOSYMFOLLOW,
    MS_RDONLY,
    MS_RELATIME,
    MS_REMOUNT,
    MS_STRICTATIME,
    OPEN_TREE_CLONE,
    open_tree,
    umount2,
)
from ..linux.mountapi import mount as mount_call
from ..linux.syscall import AT_EMPTY_PATH
from . import own
from .attributes import attribute_bits
from .workshop import attach

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..plan.records import MountPlan

_FLAGS = {
    MOUNT_ATTR_RDONLY: MS_RDONLY,
    MOUNT_ATTR_NOSUID: MS_NOSUID,
    MOUNT_ATTR_NODEV: MS_NODEV,
    MOUNT_ATTR_NOEXEC: MS_NOEXEC,
    MOUNT_ATTR_NODIRATIME: MS_NODIRATIME,
    MOUNT_ATTR_NOSYMFOLLOW: MS_NOSYMFOLLOW,
}
_ATIME = {MOUNT_ATTR_RELATIME: MS_RELATIME, MOUNT_ATTR_NOATIME: MS_NOATIME, MOUNT_ATTR_STRICTATIME: MS_STRICTATIME}


def with_attributes(mount: int, plan: MountPlan) -> int:
    """A detached mount like this one, which is closed, with the attributes of the plan.

    To be called in a private mount namespace; the working directory becomes /proc/self/fd.
    """
    bits = attribute_bits(plan.attributes)
    flags = sum(flag for bit, flag in _FLAGS.items() if bits & bit) | _ATIME[bits & MOUNT_ATTR__ATIME]
    attach(mount)
    own.stand_among_descriptors()
    try:
        mount_call(None, b"%d" % mount, None, MS_REMOUNT | MS_BIND | flags)
        return open_tree(mount, b"", AT_EMPTY_PATH | OPEN_TREE_CLONE)
    finally:
        umount2(b"%d" % mount, MNT_DETACH)
        os.close(mount)
