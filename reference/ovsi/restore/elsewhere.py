"""Other mount namespaces: found by a process in them, entered by a child only."""

from __future__ import annotations

import os

from ..linux.namespaces import CLONE_NEWNS, CLONE_NEWUSER, namespace_inode, open_namespace, setns
from . import own
from .child import die_with_parent


class Elsewhere:
    """A process's mount namespace and root directory, open; its user namespace too, where that is to be entered."""

    def __init__(self, process: int, *, with_user: bool = False) -> None:
        self._namespace = open_namespace(process, "mnt")
        self._root = os.open("root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=process)
        self._user = open_namespace(process, "user") if with_user else None

    def enter(self) -> None:
        """Go there for good. Raises OSError EPERM without CAP_SYS_ADMIN over it and CAP_SYS_CHROOT."""
        if self._user is not None:
            setns(self._user, CLONE_NEWUSER)
            die_with_parent()  # new rights took that away
        setns(self._namespace, CLONE_NEWNS)
        os.fchdir(self._root)
        os.chroot(b".")

    def close(self) -> None:
        for fd in (self._namespace, self._root, self._user):
            if fd is not None:
                os.close(fd)


def with_inode(inode: int) -> Elsewhere | None:
    """The mount namespace of that inode number, if a process that one may look at is in it, and it is not one's own."""
    me = own.process()
    try:
        if namespace_inode(me, "mnt") == inode:
            return None
    finally:
        os.close(me)
    for pid in own.pids():
        try:
            process = own.process_of(pid)
        except OSError:
            continue
        try:
            if namespace_inode(process, "mnt") == inode:
                return Elsewhere(process)
        except OSError:
            continue
        finally:
            os.close(process)
    return None
