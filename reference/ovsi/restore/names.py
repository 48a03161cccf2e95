"""True paths as safe names: for kernels that take names only and show in mountinfo what they were given.

A name is looked up when it is set, a mount is required to be in the caller's mount namespace when the superblock is
created. So the names are set below a root of one's own, in a private mount namespace, where each is a link to the
checked descriptor and no one else can make it lead elsewhere; then the process goes back.
"""

from __future__ import annotations

import os

from ..linux.mountapi import set_string
from ..linux.namespaces import CLONE_NEWNS, open_namespace, setns
from ..linux.syscall import closing
from . import own
from .context import KEYS
from .workshop import attach, enter_private_namespace, new_tmpfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .search import Opened

_PROC = b".proc of the restore"
_LONGEST = 255


def may_return() -> bool:
    """Whether this process may change its root and enter its mount namespace again."""
    with closing(own.process()) as me, closing(open_namespace(me, "mnt")) as home:
        root = os.open(b"/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            setns(home, CLONE_NEWNS)
            os.fchdir(root)
            os.chroot(b".")
        except PermissionError:
            return False
        finally:
            os.close(root)
    return True


def set_numbers(fs: int, opened: Sequence[Opened]) -> None:
    """Set every layer of a context under the number of its descriptor."""
    own.stand_among_descriptors()
    for source in opened:
        set_string(fs, KEYS[source.plan.role], b"%d" % source.fd)


def set_true_names(fs: int, opened: Sequence[Opened]) -> None:
    """Set every layer of a context under the path that the kernel shows of its descriptor.

    A path over 255 bytes, or above another layer's, is replaced by the descriptor's number. Only where
    `may_return`.
    """
    names = [_name(source) for source in opened]
    proc = own.copy()
    if proc is None:
        set_numbers(fs, opened)
        return
    with closing(own.process()) as me:
        home = open_namespace(me, "mnt")
    root = os.open(b"/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    enter_private_namespace()
    top = new_tmpfs()
    attach(top)
    os.mkdir(_PROC, dir_fd=top)
    attach(proc, top, _PROC)
    os.fchdir(top)
    os.chroot(b".")
    own.stand_among_descriptors()
    made: set[bytes] = {b""}
    links: set[bytes] = set()
    for source, name in zip(opened, names, strict=True):
        key = KEYS[source.plan.role]
        given = name.replace(b"\\", b"\\\\") if source.plan.role in ("upper", "work") else name
        if len(given) > _LONGEST or not name.startswith(b"/") or name in made:
            set_string(fs, key, b"%d" % source.fd)
            continue
        _make_parents(name, made, links)
        if name in links:  # two mounts may show one path
            os.unlink(name)
        os.symlink(b"/%s/self/fd/%d" % (_PROC, source.fd), name)
        links.add(name)
        set_string(fs, key, given)
    setns(home, CLONE_NEWNS)
    os.fchdir(root)
    os.chroot(b".")
    os.close(home)
    os.close(root)


def _name(source: Opened) -> bytes:
    name = own.path_of(source.fd)
    return b"" if name == b"/" else name


def _make_parents(path: bytes, made: set[bytes], links: set[bytes]) -> None:
    """Directories above a path; a link that served, of a layer that another lies below, makes room."""
    parent = path[: path.rfind(b"/")]
    if parent not in made:
        _make_parents(parent, made, links)
        if parent in links:
            os.unlink(parent)
        os.mkdir(parent)
        made.add(parent)
