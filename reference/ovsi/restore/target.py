"""The place where a mount will appear: checked, held open, and used by descriptor at the commit."""

from __future__ import annotations

import errno
import os

from ..errors import Refusal, from_oserror
from ..linux.files import RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS, openat2, stat_of_fd
from ..linux.statmount import SB_BASIC, statmount
from ..linux.syscall import closing
from ..plan.paths import below, relative
from . import own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..linux.mounttable import MountTable

_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


def open_target(path: bytes, within: bytes | None = None) -> int:
    """An O_PATH descriptor of a directory that is no mount point, opened as `open_directory` does.

    Raises Refusal: target-missing, target-not-a-directory, target-busy, permission-denied.
    """
    fd = open_directory(path, within)
    try:
        refuse_mount_point(fd, path)
    except Refusal:
        os.close(fd)
        raise
    return fd


def refuse_mount_point(fd: int, path: bytes) -> None:
    """Raises Refusal target-busy for a directory that is the root of a mount."""
    if stat_of_fd(fd).mount_root:
        raise Refusal("target-busy", "the target is a mount point already", path)


def open_directory(path: bytes, within: bytes | None = None) -> int:
    """An O_PATH descriptor of a directory. `path` has no trailing slash.

    Links are followed, for the path is the caller's own word (spec 13.2). What lies below `within`, a directory above
    it, is the image's: there a link may not lead out, and the last component may not be one.
    Raises Refusal: target-missing, target-not-a-directory, permission-denied.
    """
    try:
        fd = os.open(path, _FLAGS) if within is None else _open_within(path, within)
    except OSError as failure:
        if failure.errno == errno.ENOENT:
            raise Refusal("target-missing", "the target does not exist", path) from None
        if failure.errno in (errno.ENOTDIR, errno.ELOOP):
            raise Refusal("target-not-a-directory", "the target is not a directory", path) from None
        if failure.errno == errno.EXDEV:
            raise Refusal("target-not-a-directory", "a link leads out of the directory of --root", path) from None
        raise from_oserror(failure, path) from None
    if not os.fstat(fd).st_nlink:
        os.close(fd)
        raise Refusal("target-missing", "the target was removed", path)
    return fd


def _open_within(path: bytes, within: bytes) -> int:
    """OVSI-SEC-002: the way from there on is the image's."""
    with closing(os.open(within, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as top:
        rest = relative(below(path, within) or b"/")
        return openat2(top, rest, _FLAGS | os.O_NOFOLLOW, resolve=RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)


def refuse_foreign(fd: int, path: bytes, table: MountTable) -> None:
    """Raises Refusal target-missing for a directory on a mount of another mount namespace, if that can be told.

    A path through /proc/PID/root or a descriptor leads to one; the kernel attaches nothing there.
    """
    if table.by_mount_id(own.mount_id(fd) or 0) is not None:
        return
    if not _is_here(fd):  # what a table does not show may still be here, above this process's root
        message = "the target is on no mount of this mount namespace; --pid mounts in that of a process"
        raise Refusal("target-missing", message, path)


def _is_here(fd: int) -> bool:
    """Whether a directory is on a mount of this namespace; True where that can't be told."""
    unique_id = stat_of_fd(fd).unique_mount_id
    if unique_id is not None:
        try:
            statmount(unique_id, SB_BASIC)
        except FileNotFoundError:
            return False
        except OSError as failure:
            if failure.errno != errno.ENOSYS:
                return True
        else:
            return True
    try:
        os.close(own.clone_tree(fd))  # before Linux 6.8
    except OSError as failure:
        return failure.errno != errno.EINVAL
    return True


def parent_is_shared(target: int, table: MountTable) -> bool:
    """Whether what is mounted on an opened target lies below a shared mount, of which it gets the propagation."""
    parent = table.by_mount_id(own.mount_id(target) or 0)
    return parent is None or parent.shared is not None
