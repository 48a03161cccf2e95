"""A mount that others hide: uncovered in a private copy of the mount namespace, where no one but a child sees it."""

from __future__ import annotations

import errno
import os

from ..errors import text
from ..linux.mountapi import MNT_DETACH, UMOUNT_NOFOLLOW, umount2
from ..linux.namespaces import CLONE_NEWUSER, open_namespace, owning_user_namespace, setns
from ..linux.syscall import closing
from . import own
from .child import in_child
from .elsewhere import become_root_there
from .look import told_uuid
from .workshop import enter_private_namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..linux.mounttable import Mount, MountTable
    from .child import Outcome


class Uncovered:
    """The caller's mount namespace as it would be if nothing hid one mount of it. To be entered by a child."""

    def __init__(self, mount: Mount) -> None:
        self.mount = mount

    def enter(self) -> None:
        """Go there for good. Raises PermissionError where this user namespace may not undo what hides the mount."""
        _enter_owner()
        enter_private_namespace()
        table = own.mount_table(unique_ids=False)
        for _ in table.entries:
            cover = _cover(table, self.mount)
            if cover is None:
                return
            try:
                umount2(cover.mount_point, MNT_DETACH | UMOUNT_NOFOLLOW)
            except OSError as failure:
                if failure.errno not in (errno.EINVAL, errno.EPERM):
                    raise
                raise PermissionError(
                    errno.EPERM, f"what covers {text(self.mount.mount_point)} may not be undone here"
                ) from None
            table = own.mount_table(unique_ids=False)


def uuid_below_covers(mount: Mount) -> str | None:
    """As `told_uuid`, of the file system of a mount that others hide."""

    def work() -> Outcome:
        Uncovered(mount).enter()
        with closing(os.open(mount.mount_point, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as fd:
            found = own.mount_table(unique_ids=False).by_mount_id(own.mount_id(fd) or 0)
            return told_uuid(fd) if found is not None and found.device == mount.device else None, ()

    try:
        uuid, _none = in_child(work)
    except OSError:
        return None
    assert uuid is None or isinstance(uuid, str)
    return uuid


def _enter_owner() -> None:
    """Go into the user namespace that owns this mount namespace: to any other, a copy's mounts are locked."""
    with closing(own.process()) as me, closing(open_namespace(me, "mnt")) as here:
        try:
            owner = owning_user_namespace(here)
        except PermissionError:
            return  # the owner is above this process's own, so it has to do
    with closing(owner):
        if os.fstat(owner).st_ino != own.user_namespace():
            setns(owner, CLONE_NEWUSER)
            become_root_there()


def _cover(table: MountTable, wanted: Mount) -> Mount | None:
    """What a lookup of the mount's place meets before it, None where it meets nothing, or the mount is gone."""
    mount = _same_in(table, wanted)
    if mount is None:
        return None
    chain = [mount]
    while (parent := table.by_mount_id(chain[-1].parent_id)) is not None and parent not in chain:
        chain.append(parent)
    following: list[Mount | None] = [None, *chain[:-1]]
    for parent, child in reversed(list(zip(chain, following, strict=True))):
        way = mount.mount_point if child is None else child.mount_point
        for other in table.children(parent):
            hides = way == other.mount_point or way.startswith(other.mount_point + b"/")
            if other is not child and hides and other.mount_point != b"/":
                return other
    return None


def _same_in(table: MountTable, wanted: Mount) -> Mount | None:
    """A mount of a namespace in its copy, where it has another number."""
    for mount in table.by_mount_point(wanted.mount_point):
        if (mount.device, mount.root, mount.attributes) == (wanted.device, wanted.root, wanted.attributes):
            return mount
    return None
