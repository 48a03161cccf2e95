"""Whether the caller is whom the image names as the mounter: an overlay acts with its mounter's rights."""

from __future__ import annotations

from ..errors import Refusal
from ..linux.namespaces import read_id_map
from ..linux.syscall import closing
from . import own
from .context import in_initial_user_namespace
from .result import Accepted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..image.model import UserNamespace
    from ..plan.records import OverlayPlan


def check_mounter(overlay: OverlayPlan, same_boot: bool, accept: frozenset[str]) -> Accepted | None:
    """Raises Refusal mounter-differs unless accepted: another user namespace than the one that owned the overlay."""
    difference = mounter_differs(overlay, same_boot)
    if not difference:
        return None
    if "mounter-differs" not in accept:
        raise Refusal("mounter-differs", f"overlay {overlay.id}: {difference}", overlay.id)
    return Accepted("mounter-differs", overlay.id, difference)


def mounter_differs(overlay: OverlayPlan, same_boot: bool) -> str:
    """In what the caller's user namespace differs from the one that owned the overlay; empty if in nothing."""
    wanted = overlay.mounter.user_namespace if overlay.mounter is not None else None
    return _difference(wanted, same_boot) if wanted is not None else ""


def _difference(wanted: UserNamespace, same_boot: bool) -> str:
    initial = in_initial_user_namespace()
    if wanted.initial is not None and wanted.initial != initial:
        return f"it belonged to {_which(wanted.initial)}, and this is {_which(initial)}"
    if initial or wanted.initial:
        return ""
    if same_boot and wanted.inode is not None and own.user_namespace() == wanted.inode:
        return ""
    return _maps_differ(wanted)


def _which(initial: bool) -> str:
    return "the initial user namespace" if initial else "a user namespace of its own"


def _maps_differ(wanted: UserNamespace) -> str:
    """Another namespace with the same maps gives the same rights."""
    with closing(own.process()) as process:
        for kind, ranges in (("uid", wanted.uid_map), ("gid", wanted.gid_map)):
            here = [(part.inside, part.outside, part.count) for part in read_id_map(process, kind)]
            there = [(part.inside, part.outside, part.count) for part in ranges or ()]
            if ranges is not None and here != there:
                return f"the {kind} map of its user namespace was {there}, and is {here} here"
    return ""
