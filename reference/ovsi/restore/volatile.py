"""The mark that a volatile mount leaves in its workdir, which the kernel then refuses: found, removed, put back."""

from __future__ import annotations

import errno
import os

from ..errors import Refusal
from ..linux.files import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, openat2
from ..linux.syscall import closing
from ..plan.options import is_volatile
from .result import Accepted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..plan.records import OverlayPlan
    from .search import Opened

_PARENT, _NAME, _DIRTY = b"work/incompat", b"volatile", b"dirty"
_BELOW = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class Leftovers:
    """A mark that was met and accepted. `work`: the workdir that bears it; `accepted`: what the result says of it."""

    def __init__(self, work: Opened, accepted: Accepted) -> None:
        self.accepted = accepted
        self._work = work
        self._dirty = _is_there(work.fd, b"/".join((_PARENT, _NAME, _DIRTY)))

    def remove(self) -> None:
        """The last thing before the superblock is created. Raises OSError ENOTEMPTY where more than a mark is there."""
        with closing(openat2(self._work.fd, _PARENT, _DIRECTORY, resolve=_BELOW)) as parent:
            try:
                if self._dirty:
                    os.unlink(_NAME + b"/" + _DIRTY, dir_fd=parent)
                os.rmdir(_NAME, dir_fd=parent)
            except FileNotFoundError:
                return  # another way of layer setup was tried before

    def put_back(self) -> None:
        """As it was, where the superblock was not created after all; what is still there stays."""
        with closing(openat2(self._work.fd, _PARENT, _DIRECTORY, resolve=_BELOW)) as parent:
            if not _is_there(parent, _NAME):  # else the removal came only so far, or the kernel made a new one
                os.mkdir(_NAME, 0o700, dir_fd=parent)
            if self._dirty:
                flags = os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
                os.close(os.open(_NAME + b"/" + _DIRTY, flags, 0o600, dir_fd=parent))


def leftovers(overlay: OverlayPlan, opened: Sequence[Opened], accept: frozenset[str]) -> Leftovers | None:
    """The mark in the workdir, None where there is none. Raises Refusal volatile-leftovers unless that is accepted."""
    work = next((source for source in opened if source.plan.role == "work"), None)
    if work is None or not _is_there(work.fd, _PARENT + b"/" + _NAME):
        return None
    subject = overlay.subject(work.plan)
    what = "its volatile mount" if is_volatile(overlay.options) else "a volatile mount"
    if "volatile-leftovers" not in accept:
        raise Refusal("volatile-leftovers", f"the workdir bears the mark of {what}: data may be incomplete", subject)
    told = Accepted("volatile-leftovers", subject, f"the mark that {what} left in the workdir was removed")
    return Leftovers(work, told)


def _is_there(work: int, path: bytes) -> bool:
    try:
        os.close(openat2(work, path, os.O_PATH | os.O_NOFOLLOW, resolve=_BELOW))
    except OSError as failure:
        if failure.errno in (errno.ENOENT, errno.ENOTDIR):
            return False
        raise
    return True
