"""An overlay as it is seen from outside of the kernel, and only as far as looking writes nothing.

To look a merged directory up may set an xattr, so nothing is looked at that the upper holds too; a listing of the root
may remove one, and where overlayfs makes inode numbers of its own (xino) it looks at each entry. What lies in lower
layers alone is harmless (the specification's annex on the kernel, "Looking can write").
"""

from __future__ import annotations

import errno
import os
import stat

from ..linux.syscall import closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..linux.mountinfo import Mount
    from .vantage import MountNamespace, Vantage

_MAX_NAMES = 4096
_LISTABLE = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class Merged:
    """The root of an overlay, open. `with_upper`: writes are possible; `upper`: a descriptor of it, once proved.

    `renumbers`: its listing may look at each entry, to make an inode number for it. `userxattr`: as the option says.
    """

    def __init__(self, fd: int, *, with_upper: bool, renumbers: bool, userxattr: bool) -> None:
        self.fd = fd
        self.with_upper = with_upper
        self.renumbers = renumbers
        self.userxattr = userxattr
        self.upper: int | None = None
        self._names: tuple[bytes, ...] | None = None
        self._asked = False
        status = os.fstat(fd)
        self.device = status.st_dev
        self.inode = status.st_ino

    def harmless(self, name: bytes) -> bool:
        """Whether looking at an entry of the root writes nothing: an upper is known not to hold it."""
        if not self.with_upper:
            return True
        return self.upper is not None and entry(self.upper, name) is None

    def entry(self, name: bytes) -> os.stat_result | None:
        """What the overlay shows under a name, None where nothing. Only of what is harmless."""
        return entry(self.fd, name)

    def names(self) -> tuple[bytes, ...] | None:
        """The names in the root; None where a listing might write, fails, or is longer than can be weighed."""
        if not self._asked:
            self._asked, self._names = True, self._list()
        return self._names

    def remembers_only(self, name: bytes) -> bool:
        """Whether a lookup of a name, if it finds anything, finds what the overlay only remembers.

        What was moved out of a layer behind the overlay's back is still found, as long as it is remembered, but no
        longer listed; the directory that it is in by now need be no layer.
        """
        names = self.names()
        return names is not None and name not in names

    def _list(self) -> tuple[bytes, ...] | None:
        if self.with_upper and (self.renumbers or self.upper is None or self._may_be_impure(self.upper)):
            return None
        try:
            with closing(os.open(f"/proc/self/fd/{self.fd}", os.O_RDONLY | os.O_DIRECTORY)) as fd:
                names = tuple(listing(fd))
        except OSError:
            return None
        return names if len(names) < _MAX_NAMES else None

    def _may_be_impure(self, upper: int) -> bool:
        """Whether the upper may bear the mark for which a listing looks at what the upper holds."""
        try:
            os.getxattr(f"/proc/self/fd/{upper}", f"{'user' if self.userxattr else 'trusted'}.overlay.impure")
        except OSError as failure:
            if failure.errno not in (errno.ENODATA, errno.EOPNOTSUPP):
                return True
            return not self.userxattr and not _sees_trusted()
        return True


def open_root(
    vantage: Vantage, mounts: Iterable[Mount], *, with_upper: bool, renumbers: bool, userxattr: bool
) -> Merged | None:
    """The overlay's root by way of a mount of it, not of a subdirectory, that lookups reach."""
    here = vantage.here
    for mount in mounts:
        if mount.root == b"/" and here.table.visible(mount):
            try:
                fd = here.open(mount.mount_point)
                merged = Merged(fd, with_upper=with_upper, renumbers=renumbers, userxattr=userxattr)
            except OSError:
                continue
            if f"{os.major(merged.device)}:{os.minor(merged.device)}" == mount.device:
                return merged
            os.close(merged.fd)  # something else was mounted there meanwhile
    return None


def _sees_trusted() -> bool:
    """Whether trusted.* xattrs show: to root in the initial user namespace."""
    try:
        with open("/proc/self/uid_map", "rb") as file:
            return os.geteuid() == 0 and file.read().split() == [b"0", b"0", b"4294967295"]
    except OSError:
        return False


def entry(fd: int, name: bytes) -> os.stat_result | None:
    """lstat of an entry of a directory, None where there is none or it can't be looked at."""
    try:
        return os.stat(name, dir_fd=fd, follow_symlinks=False)
    except OSError:
        return None


def listing(fd: int) -> list[bytes]:
    """The names in a directory of a readable descriptor, sorted, not more than can be weighed."""
    return sorted(map(os.fsencode, os.listdir(fd)))[:_MAX_NAMES]


def open_listable(space: MountNamespace, path: bytes) -> int:
    """A descriptor to list a directory by, its access time left alone where that is permitted."""
    try:
        return space.open(path, _LISTABLE | os.O_NOATIME)
    except PermissionError:
        return space.open(path, _LISTABLE)


def is_whiteout(status: os.stat_result) -> bool:
    """Whether it is overlay's mark that a name is gone."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0
