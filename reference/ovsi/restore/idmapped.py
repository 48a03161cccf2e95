"""ID-mapped layers: each in a detached copy of its tree that bears the same map."""

from __future__ import annotations

import errno
import os

from ..errors import Refusal
from ..linux.idmap import user_namespace
from ..linux.mountapi import MOUNT_ATTR_IDMAP, mount_setattr
from ..linux.namespaces import IdRange
from ..linux.syscall import AT_EMPTY_PATH
from . import own
from .pair import in_one_tree, pair_of, reopen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..image.model import IdRange as Extent
    from ..image.model import LayerIdmap
    from ..plan.records import OverlayPlan
    from .search import Opened


def map_ids(overlay: OverlayPlan, opened: Sequence[Opened]) -> list[int]:
    """Give every source that the image shows as ID-mapped its map; the trees made for it, to be closed in the end.

    Raises Refusal: unsupported-kernel, permission-denied.
    """
    namespaces: dict[LayerIdmap, int] = {}
    trees: list[int] = []
    try:
        pair = pair_of(opened)
        for source in opened:
            idmap = source.plan.idmap
            if idmap is None or (source.plan.role == "work" and pair is not None and pair[0].plan.idmap == idmap):
                continue
            if idmap not in namespaces:
                subject = overlay.subject(source.plan)
                uids, gids = _ranges("uid", idmap.uid_map, subject), _ranges("gid", idmap.gid_map, subject)
                namespaces[idmap] = user_namespace(uids, gids, own.process_of)
            together = pair if pair is not None and source in pair else (source,)
            tree = _own_tree(together, opened)
            trees.append(tree)
            _apply(tree, namespaces[idmap], overlay.subject(source.plan))
    except BaseException:
        for tree in trees:
            os.close(tree)
        raise
    finally:
        for fd in namespaces.values():
            os.close(fd)
    return trees


def _ranges(kind: str, extents: Iterable[Extent], subject: str) -> list[IdRange]:
    ranges = []
    for part in extents:
        outside = own.ids_here(kind, part.outside, part.count)
        if outside is None:
            message = f"{subject} can't be ID-mapped: {kind} {part.outside} has no number in this user namespace"
            raise Refusal("permission-denied", message, subject)
        ranges.append(IdRange(part.inside, outside, part.count))
    return ranges


def _own_tree(together: Sequence[Opened], opened: Sequence[Opened]) -> int:
    """A detached tree in which nothing but these is: a layer, or upper and work."""
    try:
        if len(together) == 2:
            return in_one_tree((together[0], together[1]))
        tree = own.clone_tree(together[0].fd)
    except OSError as failure:
        # A tree that was copied in another mount namespace can't be copied again; it may serve as it is.
        held = together[0].tree
        alone = all((source.tree == held) == (source in together) for source in opened)
        if failure.errno != errno.EINVAL or held is None or not alone:
            raise
        return os.dup(held)
    reopen(together[0], tree, b"/")
    return tree


def _apply(tree: int, namespace: int, subject: str) -> None:
    try:
        mount_setattr(tree, b"", AT_EMPTY_PATH, set_=MOUNT_ATTR_IDMAP, userns_fd=namespace)
    except PermissionError as failure:
        raise Refusal("permission-denied", f"{subject} can't be ID-mapped: {failure}", subject) from None
    except OSError as failure:
        raise Refusal("unsupported-kernel", f"{subject} can't be ID-mapped: {failure}", subject) from None
