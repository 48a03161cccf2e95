"""Whether the directory of an overlay that is to be mounted can be in it: asked of the layers, before it is created.

A redirect leads elsewhere, and what is opaque or whited out is not seen: so only that it is nowhere is told, not that
it is there. Nothing is looked up in a layer that is an overlay, for that could write.
"""

from __future__ import annotations

import errno
import os

from ..errors import Refusal, text
from ..linux.files import RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV, openat2
from . import own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..plan.records import OverlayPlan
    from .search import Opened

_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
_BELOW = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV
_NO_DIRECTORY = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
_REDIRECTS = ("trusted.overlay.redirect", "user.overlay.redirect")


def refuse_without_roots(overlay: OverlayPlan, opened: Sequence[Opened]) -> None:
    """Raises Refusal source-missing where the root of a planned mount was removed, or is in no layer."""
    layers = [source for source in opened if source.plan.role in ("upper", "lower")]
    for root in dict.fromkeys(planned.root for planned in overlay.mounts):
        if root is None or (root != b"/" and _is_nowhere(root, layers)):
            raise absent(overlay, root)


def absent(overlay: OverlayPlan, root: bytes | None) -> Refusal:
    """The refusal of a directory that the overlay does not have; None: it was removed before the dump."""
    if root is None:
        message = f"the directory of overlay {overlay.id} that was mounted was removed"
        return Refusal("source-missing", message, overlay.id)
    return Refusal("source-missing", f"overlay {overlay.id} has no {text(root)} to be mounted", root)


def _is_nowhere(root: bytes, layers: Sequence[Opened]) -> bool:
    """False too where that can't be told."""
    if any(source.anchor.superblock.fs_type == "overlay" for source in layers):
        return False
    directories = [source.fd for source in layers]
    kept: list[int] = []
    try:
        for name in root.strip(b"/").split(b"/"):
            directories = _entries(directories, name)
            kept += directories
            if not directories:
                return True
            if _has_redirect(directories):
                return False
    except OSError:
        return False
    finally:
        own.put_away(kept)
    return False


def _entries(directories: Sequence[int], name: bytes) -> list[int]:
    """The directories of a name in these. Raises OSError where one can't be looked at."""
    found: list[int] = []
    try:
        for directory in directories:
            try:
                found.append(openat2(directory, name, _DIRECTORY, resolve=_BELOW))
            except OSError as failure:
                if failure.errno not in _NO_DIRECTORY:
                    raise
    except OSError:
        own.put_away(found)
        raise
    return found


def _has_redirect(directories: Sequence[int]) -> bool:
    with own.among_descriptors():
        return any(attribute in _REDIRECTS for fd in directories for attribute in os.listxattr(b"%d" % fd))
