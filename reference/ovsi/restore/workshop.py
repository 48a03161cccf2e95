"""The private mount namespace of a child in which a stack is put together, or looked at, before anyone sees it.

What is attached there propagates nowhere and is gone with the child. A finished mount leaves it as a detached copy.
"""

from __future__ import annotations

import errno
import os

from ..linux.files import (
    RESOLVE_BENEATH,
    RESOLVE_NO_MAGICLINKS,
    RESOLVE_NO_SYMLINKS,
    openat2,
    stat_of_fd,
)
from ..linux.mountapi import (
    MOVE_MOUNT_F_EMPTY_PATH,
    MS_PRIVATE,
    MS_REC,
    OPEN_TREE_CLONE,
    create,
    fsmount,
    fsopen,
    move_mount,
    open_tree,
)
from ..linux.mountapi import mount as mount_call
from ..linux.namespaces import CLONE_NEWNS, open_namespace, setns, unshare
from ..linux.statmount import OPT_ARRAY, SB_BASIC, statmount
from ..linux.syscall import AT_EMPTY_PATH, AT_FDCWD, closing
from ..plan.paths import relative
from . import own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..plan.records import OverlayPlan
    from .child import Outcome

_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
_BELOW = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS


def enter_private_namespace(existing: int | None = None) -> None:
    """A copy of the mount namespace from which no mount event gets out, or one that was made so before."""
    if existing is not None:
        setns(existing, CLONE_NEWNS)
        return
    unshare(CLONE_NEWNS)
    try:
        mount_call(None, b"/", None, MS_REC | MS_PRIVATE)
    except OSError as failure:
        if failure.errno != errno.EINVAL:
            raise
        _make_private_around_root()


def _make_private_around_root() -> None:
    """The same where the root directory of this process is no mount's: from the namespace's own root."""
    with (
        closing(os.open(b"/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as root,
        closing(own.process()) as me,
        closing(open_namespace(me, "mnt")) as here,
    ):
        setns(here, CLONE_NEWNS)
        mount_call(None, b"/", None, MS_REC | MS_PRIVATE)
        os.fchdir(root)
        os.chroot(b".")


def attach(tree: int, directory: int = AT_FDCWD, name: bytes = b"/") -> None:
    """Attach a detached tree."""
    move_mount(tree, b"", directory, name, MOVE_MOUNT_F_EMPTY_PATH)


def new_tmpfs() -> int:
    """An empty tmpfs, detached."""
    with closing(fsopen(b"tmpfs")) as fs:
        create(fs)
        return fsmount(fs)


def detached_copy(mount: int) -> int | None:
    """A copy of a mount that `fsmount` just made, which every process of this mount namespace may use as a layer.

    None where this kernel copies no detached mount (about Linux 6.15).
    """
    try:
        return open_tree(mount, b"", AT_EMPTY_PATH | OPEN_TREE_CLONE)
    except OSError as failure:
        if failure.errno != errno.EINVAL:
            raise
        return None


def bring_out(overlay: OverlayPlan, mount: int, spare: int | None, *, remounted: bool) -> Outcome:
    """Of an attached overlay: the options that the kernel shows, and descriptors.

    A detached copy for each planned mount, and one of the overlay's root. Of an overlay that serves as a layer the last
    is `spare`; where that is None, the attached mount itself, and the private namespace in which it can be used.
    remounted: the copies have their attributes already, for none can be set of what is detached.
    """
    options = shown_options(mount)
    copies = _copies(overlay, mount)
    if remounted:
        from .remount import with_attributes

        copies = [with_attributes(*pair) for pair in zip(copies, overlay.mounts, strict=True)]
    if not overlay.serves:
        copies.append(_copy(overlay, mount, b"/"))
    elif spare is not None:
        copies.append(spare)
    else:
        with closing(own.process()) as me:
            return options, [*copies, mount, open_namespace(me, "mnt")]
    return options, copies


def shown_options(mount: int) -> list[bytes]:
    """The superblock's options, each without octal escapes, of an attached mount."""
    unique_id = stat_of_fd(mount).unique_mount_id
    if unique_id is not None:
        try:
            options = statmount(unique_id, OPT_ARRAY | SB_BASIC).option_array
        except OSError:
            options = None
        if options is not None:
            return list(options)
    entry = own.mount_table(unique_ids=False).by_mount_id(own.mount_id(mount) or 0)
    if entry is None:
        raise OSError(errno.ENOENT, "mountinfo does not show the new overlay")
    return list(entry.options)


def _copies(overlay: OverlayPlan, mount: int) -> list[int]:
    def copy(of: int, root: bytes | None) -> int:
        return _copy(overlay, of, root)

    groups = [planned.peer_group for planned in overlay.mounts if planned.peer_group is not None]
    if len(set(groups)) == len(groups) and all(planned.master is None for planned in overlay.mounts):
        return [copy(mount, planned.root) for planned in overlay.mounts]
    from .peers import Groups

    peers = Groups(mount, copy)
    try:
        return peers.copies(overlay.mounts)
    finally:
        peers.close()


def _copy(overlay: OverlayPlan, mount: int, root: bytes | None) -> int:
    if root == b"/":
        return open_tree(mount, b"", AT_EMPTY_PATH | OPEN_TREE_CLONE)
    from .inside import absent

    try:
        if root is not None:
            with closing(openat2(mount, relative(root), _DIRECTORY, resolve=_BELOW)) as inside:
                return open_tree(inside, b"", AT_EMPTY_PATH | OPEN_TREE_CLONE)
    except OSError as failure:
        if failure.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise
    raise absent(overlay, root)
