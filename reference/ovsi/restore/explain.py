"""Why the kernel did not create a superblock, found out afterwards: errno alone says little of mount calls."""

from __future__ import annotations

import errno
import os

from ..errors import Refusal, from_oserror
from .context import told_options
from .probe import is_locked, locked, refuse_if_in_use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..plan.records import OverlayPlan
    from .search import Opened


def explain(failure: OSError, overlay: OverlayPlan, opened: Sequence[Opened]) -> Refusal:
    """The refusal that fits; the failure's own text where nothing more is found."""
    if failure.errno == errno.EBUSY:
        try:
            refuse_if_in_use(overlay, opened)
        except Refusal as refusal:
            return refusal
        return Refusal(
            "upper-in-use", f"overlay {overlay.id}: a layer is upperdir or workdir of a mounted overlay", overlay.id
        )
    if failure.errno == errno.ESTALE:
        return Refusal("origin-stale", f"overlay {overlay.id}: the upperdir belongs to other layers", overlay.id)
    if failure.errno == errno.ELOOP:
        message = (
            f"overlay {overlay.id}: one directory is two layers, or one layer lies in another ({failure.strerror})"
        )
        return Refusal("system-call", message, overlay.id)
    if failure.errno == errno.EINVAL:
        return _invalid(overlay, opened) or from_oserror(failure, overlay.id)
    return from_oserror(failure, overlay.id)


def _invalid(overlay: OverlayPlan, opened: Sequence[Opened]) -> Refusal | None:
    try:
        tuple(told_options(overlay))
    except Refusal as refusal:
        return refusal
    for source in opened:
        if source.tree is None and is_locked(source.fd):
            return locked(overlay, source)
    pair = [source for source in opened if source.plan.role in ("upper", "work")]
    if len(pair) == 2 and os.fstat(pair[0].fd).st_dev != os.fstat(pair[1].fd).st_dev:
        return Refusal("bad-layers", f"overlay {overlay.id}: upper and work are not on one file system", overlay.id)
    return None
