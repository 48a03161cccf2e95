"""True paths as safe names: for kernels that take names only and show in mountinfo what they were given.

A name is looked up when it is set, a mount is required to be in the caller's mount namespace when the superblock is
created. So the names are set below a root of one's own, in a private mount namespace, where each is a link to the
checked descriptor, and no one else can make it lead elsewhere; then the process goes back.
"""

from __future__ import annotations

import os

from ..linux.mountapi import set_strings
from ..linux.namespaces import CLONE_NEWNS, open_namespace, setns
from ..linux.syscall import closing
from ..plan.paths import joined
from . import own
from .context import KEYS
from .workshop import attach, enter_private_namespace, new_tmpfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from .search import Opened

    Name = tuple[bytes, bytes, bytes, int]  # of a layer: the key, its name, how that is said for its role, descriptor

_DESCRIPTORS = b".descriptors of the restore"
_LINK = b"/.link of the restore"
_LONGEST = 255


def may_return() -> bool:
    """Whether this process may change its root and enter its mount namespace again."""
    with closing(own.process()) as me:
        here = _Whereabouts(me)
    try:
        here.enter()
    except PermissionError:
        return False
    return True


def set_numbers(fs: int, layers: Iterable[tuple[bytes, int]]) -> None:
    """Set layers of a context, keys and descriptors, each under the number of its descriptor."""
    own.stand_among_descriptors()
    set_strings(fs, [(key, b"%d" % fd) for key, fd in layers])


def true_names(opened: Sequence[Opened]) -> list[Name]:
    """The layers' names: where they were found below what the kernel shows of their anchors."""
    found = []
    for source in opened:
        above, role = source.anchor.shown, source.plan.role
        name = joined(above, source.path) if above else own.path_of(source.fd)
        said = name.replace(b"\\", b"\\\\") if role in ("upper", "work") and b"\\" in name else name
        found.append((KEYS[role], name, said, source.fd))
    return found


def set_true_names(fs: int, names: Sequence[Name]) -> Callable[[], None]:
    """Set every layer of a context under its name; gives the way into a private mount namespace.

    That is the one in which this was done, for there is time to be saved by not making another.
    A path over 255 bytes, or above another layer's, is replaced by the descriptor's number. Only where
    `may_return`.
    """
    proc = own.copy()
    if proc is None:
        set_numbers(fs, [(key, fd) for key, _name, _said, fd in names])
        return enter_private_namespace
    with closing(own.process()) as me:
        home = _Whereabouts(me)
        enter_private_namespace()
        private = _Whereabouts(me)
    top = new_tmpfs()
    attach(top)
    os.mkdir(_DESCRIPTORS, dir_fd=top)
    attach(proc, top, _DESCRIPTORS)
    # Only what the link leads to: each step less on the way there is one less for every layer.
    with closing(os.open(_DESCRIPTORS + b"/self/fd", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=top)) as numbers:
        attach(own.clone_tree(numbers), top, _DESCRIPTORS)
    os.fchdir(top)
    os.chroot(b".")
    own.stand_among_descriptors()
    set_strings(fs, _linked(names))
    home.enter()
    return private.enter


class _Whereabouts:
    """The mount namespace and the root directory that this process has."""

    def __init__(self, me: int) -> None:
        self.namespace = open_namespace(me, "mnt")
        self.root = os.open(b"/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def enter(self) -> None:
        """Go there again, once."""
        setns(self.namespace, CLONE_NEWNS)
        os.fchdir(self.root)
        os.chroot(b".")
        own.put_away((self.namespace, self.root))


def _linked(names: Sequence[Name]) -> Iterator[tuple[bytes, bytes]]:
    """Keys and names to set, each before the next is asked for: it is a link to one number, which changes its meaning.

    That is quicker than a link for each number, of which the kernel would have to look up and forget every one.
    """
    number = os.open(b"/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    os.symlink(b"/%s/%d" % (_DESCRIPTORS, number), _LINK)
    made: set[bytes] = {b""}
    links: set[bytes] = set()
    for key, name, said, fd in names:
        if len(said) > _LONGEST or not name.startswith(b"/") or name in made or name == b"/":
            yield key, b"%d" % fd
            continue
        if name not in links:  # two mounts may show one path
            if name[: name.rfind(b"/")] not in made:
                _make_parents(name, made, links)
            os.link(_LINK, name, follow_symlinks=False)
            links.add(name)
        os.dup2(fd, number, inheritable=False)
        yield key, said
    os.close(number)


def _make_parents(path: bytes, made: set[bytes], links: set[bytes]) -> None:
    """Directories above a path; a link that served, of a layer that another lies below, makes room."""
    parent = path[: path.rfind(b"/")]
    if parent not in made:
        _make_parents(parent, made, links)
        if parent in links:
            os.unlink(parent)
        os.mkdir(parent)
        made.add(parent)
