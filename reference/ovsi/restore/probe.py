"""What is asked of upper and work before a superblock is created; nothing of it writes."""

from __future__ import annotations

import errno
import os

from ..errors import Refusal
from ..linux.mountapi import (
    MOVE_MOUNT_F_EMPTY_PATH,
    MOVE_MOUNT_T_EMPTY_PATH,
    OPEN_TREE_CLONE,
    create,
    mount_setattr,
    move_mount,
    open_tree,
    set_fd,
    set_string,
)
from ..linux.syscall import AT_EMPTY_PATH, closing
from ..plan.options import value_of
from . import own
from .context import in_initial_user_namespace, open_overlay_context
from .workshop import new_tmpfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ..plan.records import OverlayPlan, Plan
    from .reach import Namespace
    from .search import Opened


NO_DESCRIPTOR = (errno.EINVAL, errno.EBADF, errno.EOPNOTSUPP, errno.ENAMETOOLONG)
"""Of a kernel that takes no layer by descriptor (before Linux 6.5 EOPNOTSUPP), or not this one: its path is longer than
what can be shown."""


def refuse_without_calls() -> None:
    """Raises Refusal unsupported-kernel, OSError EPERM, where a call that is needed later is missing or not permitted.

    Each is asked for nothing, on no descriptor.
    """
    for name, call in (("open_tree", open_tree), ("move_mount", _move_nothing)):
        if _is_missing(call):
            raise Refusal("unsupported-kernel", f"this kernel lacks {name}, or it is filtered here", name)


def lacks_mount_setattr(plan: Plan) -> bool:
    """Whether attributes can't be set of a detached mount (before Linux 5.12): `remount` does it in another way then.

    Raises Refusal unsupported-kernel where a layer is ID-mapped, for which there is no other way; OSError EPERM.
    """
    if not _is_missing(mount_setattr):
        return False
    for overlay in plan.overlays:
        for source in overlay.sources:
            if source.idmap is not None:
                subject = overlay.subject(source)
                message = f"{subject} is ID-mapped, and this kernel lacks mount_setattr, or it is filtered here"
                raise Refusal("unsupported-kernel", message, subject)
    return True


def _is_missing(call: Callable[[int, bytes, int], object]) -> bool:
    try:
        call(-1, b"", AT_EMPTY_PATH)
    except OSError as failure:
        if failure.errno not in (errno.ENOSYS, errno.EBADF):
            raise
        return failure.errno == errno.ENOSYS
    return False


def _move_nothing(fd: int, path: bytes, _flags: int) -> int:
    move_mount(fd, path, fd, path, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
    return 0


def refuse_if_in_use(overlay: OverlayPlan, opened: Sequence[Opened]) -> None:
    """Raises Refusal upper-in-use or work-in-use where a mounted overlay writes to the directory."""
    pair = [source for source in opened if source.plan.role in ("upper", "work")]
    if not pair:
        return
    with closing(new_tmpfs()) as other:
        for source in pair:
            if _in_use(source.fd, other):
                subject = overlay.subject(source.plan)
                raise Refusal(
                    f"{source.plan.role}-in-use", f"a mounted overlay uses the {source.plan.role}dir", subject
                )


def _in_use(directory: int, other: int) -> bool:
    """Asks for an overlay that can't be: its workdir on another file system than its upperdir.

    The kernel looks whether the upperdir is in use before it looks at that (ovl_get_upper, ovl_get_workdir): with
    index=on EBUSY means in use, EINVAL free.
    """
    with closing(open_overlay_context()) as fs:
        set_string(fs, b"index", b"on")
        # Before Linux 6.5 names are looked up when the superblock is to be created, so all is done from there.
        with own.among_descriptors():
            for key, fd in ((b"lowerdir+", other), (b"upperdir", directory), (b"workdir", other)):
                _set_directory(fs, key, fd)
            try:
                create(fs)
            except OSError as failure:
                if failure.errno not in (errno.EBUSY, errno.EINVAL):
                    raise  # not asked, not answered
                return failure.errno == errno.EBUSY
    return False


def _set_directory(fs: int, key: bytes, fd: int) -> None:
    """By descriptor where this kernel takes one, else by a name that is its number, from `among_descriptors`."""
    try:
        set_fd(fs, key, fd)
    except OSError as failure:
        if failure.errno not in NO_DESCRIPTOR:
            raise
        set_string(fs, key.rstrip(b"+"), b"%d" % fd)


def refuse_if_locked(overlay: OverlayPlan, opened: Sequence[Opened], namespace: Namespace) -> None:
    """Raises Refusal locked-mount where a mount lies below a layer that this user namespace may not uncover.

    Only a mount namespace that belongs to a user namespace has such mounts. The kernel would refuse the layer.
    """
    if in_initial_user_namespace():
        return
    above: dict[int, set[bytes]] = {}
    for source in opened:
        mount = source.anchor.mount
        if mount is None or source.tree is not None:
            continue
        if mount.mount_id not in above:
            above[mount.mount_id] = _directories_above(child.mount_point for child in namespace.table.children(mount))
        if above[mount.mount_id] and own.path_of(source.fd) in above[mount.mount_id] and is_locked(source.fd):
            raise locked(overlay, source)


def _directories_above(paths: Iterable[bytes]) -> set[bytes]:
    above: set[bytes] = set()
    for path in paths:
        while path not in above:
            above.add(path)
            path = path[: path.rfind(b"/")] or b"/"
    return above


def is_locked(fd: int) -> bool:
    """Whether a copy of the tree without the mounts on it is refused."""
    try:
        os.close(open_tree(fd, b"", AT_EMPTY_PATH | OPEN_TREE_CLONE))
    except OSError as failure:
        return failure.errno == errno.EINVAL
    return False


def locked(overlay: OverlayPlan, source: Opened) -> Refusal:
    """The refusal of a layer with a locked mount below it."""
    subject = overlay.subject(source.plan)
    return Refusal("locked-mount", f"a mount that this user namespace may not uncover lies below {subject}", subject)


def refuse_if_stale(overlay: OverlayPlan, opened: Sequence[Opened]) -> None:
    """Raises Refusal origin-stale where index or nfs_export would find the handles of layers that were moved."""
    moved = next((source for source in opened if source.verdict.kind in ("moved", "unconfirmed")), None)
    has_upper = any(source.plan.role == "upper" for source in opened)
    for name in ("index", "nfs_export"):
        if moved is not None and has_upper and value_of(overlay.options, name) == b"on":
            message = (
                f"{name}=on keeps file handles of the layers, and {moved.plan.name} was moved: {moved.verdict.detail}"
            )
            raise Refusal("origin-stale", message, overlay.subject(moved.plan))
