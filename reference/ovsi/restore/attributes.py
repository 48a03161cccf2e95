"""Per-mount attributes and propagation, in the kernel's words as mountinfo has them."""

from __future__ import annotations

import errno

from ..errors import Refusal
from ..linux.mountapi import (
    MOUNT_ATTR__ATIME,
    MOUNT_ATTR_NOATIME,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NODIRATIME,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_NOSYMFOLLOW,
    MOUNT_ATTR_RDONLY,
    MOUNT_ATTR_STRICTATIME,
    MOVE_MOUNT_F_EMPTY_PATH,
    MOVE_MOUNT_SET_GROUP,
    MOVE_MOUNT_T_EMPTY_PATH,
    MS_PRIVATE,
    MS_SHARED,
    MS_SLAVE,
    MS_UNBINDABLE,
    mount_setattr,
    move_mount,
)
from ..linux.mountapi import mount as mount_call
from ..linux.syscall import AT_EMPTY_PATH
from . import own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..plan.records import MountPlan

_BITS = {
    "rw": 0,
    "ro": MOUNT_ATTR_RDONLY,
    "nosuid": MOUNT_ATTR_NOSUID,
    "nodev": MOUNT_ATTR_NODEV,
    "noexec": MOUNT_ATTR_NOEXEC,
    "noatime": MOUNT_ATTR_NOATIME,
    "relatime": 0,
    "strictatime": MOUNT_ATTR_STRICTATIME,
    "nodiratime": MOUNT_ATTR_NODIRATIME,
    "nosymfollow": MOUNT_ATTR_NOSYMFOLLOW,
}
_ATIME_WORDS = {"noatime", "relatime", "strictatime"}
_RIVALS = ({"rw", "ro"}, _ATIME_WORDS)
_ALL = (
    MOUNT_ATTR_RDONLY
    | MOUNT_ATTR_NOSUID
    | MOUNT_ATTR_NODEV
    | MOUNT_ATTR_NOEXEC
    | MOUNT_ATTR__ATIME
    | MOUNT_ATTR_NODIRATIME
    | MOUNT_ATTR_NOSYMFOLLOW
)


def attribute_bits(words: tuple[str, ...]) -> int:
    """MOUNT_ATTR_* of mountinfo's words; no word of an access time mode means strictatime. Empty: not known, relatime.

    Raises Refusal unsupported-option for a word that is not known here, or that another one excludes.
    """
    for rivals in _RIVALS:
        if len(met := [word for word in words if word in rivals]) > 1:
            raise Refusal("unsupported-option", f"no mount has both attributes, {' and '.join(met)}", met[-1])
    bits = 0
    for word in words:
        if word not in _BITS:
            raise Refusal("unsupported-option", f"no mount attribute {word} is known here", word)
        bits |= _BITS[word]
    if words and not _ATIME_WORDS & set(words):
        bits |= MOUNT_ATTR_STRICTATIME
    return bits


def set_before(mount: int, plan: MountPlan, shared: bool | None, *, remounted: bool) -> None:
    """Attributes and propagation of a detached mount, as far as the kernel lets them be set before it is attached.

    A slave is one already, and a peer of another mount is shared. Absent attributes leave those of a new mount.
    shared: whether it will be attached below a shared mount, None where that is not known yet. remounted: it has its
    attributes, since this kernel sets none of a detached mount (`remount`).
    """
    propagation = MS_SHARED if plan.peer_group is not None else 0
    if plan.unbindable and plan.peer_group is None and shared is False:
        propagation = MS_UNBINDABLE
    if remounted:
        if propagation:
            set_propagation(mount, propagation)
        return
    bits = attribute_bits(plan.attributes)
    mount_setattr(mount, b"", AT_EMPTY_PATH, set_=bits, clear=_ALL & ~bits | MOUNT_ATTR__ATIME, propagation=propagation)


def set_propagation(mount: int, propagation: int) -> None:
    """MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE of a mount, be it attached or not."""
    try:
        mount_setattr(mount, b"", AT_EMPTY_PATH, propagation=propagation)
    except OSError as failure:
        if failure.errno != errno.ENOSYS:
            raise
        with own.among_descriptors():  # before Linux 5.12
            mount_call(None, b"%d" % mount, None, propagation)


def set_after(mount: int, plan: MountPlan, masters: Iterable[int]) -> None:
    """What a shared parent undoes: below it every new mount becomes shared, and an unbindable one is refused.

    `masters`: mounts of the peer group of which a slave is to be one.
    """
    if plan.peer_group is not None:
        return
    if plan.master is not None:
        _make_slave(mount, plan, masters)
    else:
        set_propagation(mount, MS_UNBINDABLE if plan.unbindable else MS_PRIVATE)


def _make_slave(mount: int, plan: MountPlan, masters: Iterable[int]) -> None:
    """Have a mount that became shared be no more than the slave that it was.

    Made that among copies of it, which are below peers of its parent, it is theirs. So it leaves them, and its master,
    and becomes a peer of that first. Raises Refusal unsupported-kernel where it can't.
    """
    before = _master(mount)
    set_propagation(mount, MS_SLAVE)
    if before is not None and _master(mount) == before:
        return
    if not any(_join(mount, master) for master in masters):
        message = "below a shared mount that has peers, this kernel makes no slave of another mount than of its copies"
        raise Refusal("unsupported-kernel", message, plan.target)
    set_propagation(mount, MS_SLAVE)


def _master(mount: int) -> int | None:
    """The number of the peer group of which an attached mount is a slave."""
    entry = own.mount_table(unique_ids=False).by_mount_id(own.mount_id(mount) or 0)
    return None if entry is None else entry.master


def _join(mount: int, peer: int) -> bool:
    """Have a mount leave its peers and become one of another's.

    False where this kernel can't (MOVE_MOUNT_SET_GROUP, Linux 5.15), or not with this one: it must show all that the
    mount shows.
    """
    set_propagation(mount, MS_PRIVATE)
    try:
        move_mount(peer, b"", mount, b"", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH | MOVE_MOUNT_SET_GROUP)
    except OSError as failure:
        if failure.errno != errno.EINVAL:
            raise
        return False
    return True
