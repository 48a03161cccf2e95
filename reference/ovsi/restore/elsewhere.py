"""Other mount namespaces: found by a process in them, entered by a child only.

Nothing of what stands there is believed, and no code is loaded from there: what a child may need is loaded before.
"""

from __future__ import annotations

import os
import sys

from ..linux.namespaces import CLONE_NEWNS, CLONE_NEWUSER, namespace_inode, open_namespace, setns
from . import own
from .child import die_with_parent

_OF_THE_INTERPRETER = ("BuiltinImporter", "FrozenImporter")


class Elsewhere:
    """A process's mount namespace and root directory, open; its user namespace and working directory, where wanted."""

    def __init__(self, process: int, *, with_user: bool = False, with_directory: bool = False) -> None:
        flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
        opened: list[int] = []

        def kept(fd: int) -> int:
            opened.append(fd)
            return fd

        try:
            self._namespace = kept(open_namespace(process, "mnt"))
            self._root = kept(os.open("root", flags, dir_fd=process))
            self._user = kept(open_namespace(process, "user")) if with_user else None
            self._directory = kept(os.open("cwd", flags, dir_fd=process)) if with_directory else None
        except OSError:
            own.put_away(opened)
            raise

    def enter(self) -> None:
        """Go there for good. Raises OSError EPERM without CAP_SYS_ADMIN over it and CAP_SYS_CHROOT."""
        load_no_more()
        if self._user is not None:
            setns(self._user, CLONE_NEWUSER)
            become_root_there()
            own.enter_user_namespace()
        self.visit()

    def visit(self) -> None:
        """Go there, in the user namespace that this process is in. Raises OSError EPERM as `enter`."""
        setns(self._namespace, CLONE_NEWNS)
        os.fchdir(self._root)
        os.chroot(b".")
        if self._directory is not None:
            os.fchdir(self._directory)

    def may_visit(self, home: Elsewhere) -> bool:
        """Whether this process may go there, and come back to where it was."""
        try:
            self.visit()
        except PermissionError:
            return False
        finally:
            home.visit()
        return True

    def close(self) -> None:
        held = (self._namespace, self._root, self._user, self._directory)
        own.put_away(fd for fd in held if fd is not None)


def become_root_there() -> None:
    """Be user and group 0 of the user namespace just entered: an overlay acts as who makes it (OVSI-REST-033).

    Raises OSError EINVAL where that has none.
    """
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    die_with_parent()  # new rights took that away
    try:
        os.setgroups([])
    except PermissionError:
        return  # a namespace that its owner made without rights: groups stay as they are


def load_no_more() -> None:
    """Load all that a restore may import or read later of this system, and let no import look for a file again."""
    from . import context, covered, explain, held, idmapped, inside, names, peers, remount  # noqa: F401 - to have them

    context.load_module_defaults()
    sys.meta_path[:] = [finder for finder in sys.meta_path if getattr(finder, "__name__", "") in _OF_THE_INTERPRETER]


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
