"""The place where a mount will appear: checked, held open, and used by descriptor at the commit."""

from __future__ import annotations

import errno
import os

from ..errors import Refusal, from_oserror
from ..linux.files import stat_of_fd


def open_target(path: bytes) -> int:
    """An O_PATH descriptor of a directory that is no mount point. `path` has no trailing slash.

    The last component may not be a symbolic link. Raises Refusal: target-missing, target-not-a-directory,
    target-busy, permission-denied.
    """
    try:
        fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as failure:
        if failure.errno == errno.ENOENT:
            raise Refusal("target-missing", "the target does not exist", path) from None
        if failure.errno in (errno.ENOTDIR, errno.ELOOP):
            raise Refusal("target-not-a-directory", "the target is not a directory", path) from None
        raise from_oserror(failure, path) from None
    if stat_of_fd(fd).mount_root:
        os.close(fd)
        raise Refusal("target-busy", "the target is a mount point already", path)
    return fd
