"""ID-mapped layers: each in a detached copy of its tree that bears the same map."""

from __future__ import annotations

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
                namespaces[idmap] = user_namespace(_ranges(idmap.uid_map), _ranges(idmap.gid_map))
            tree = in_one_tree(pair) if pair is not None and source in pair else _own_tree(source)
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


def _ranges(extents: Iterable[Extent]) -> list[IdRange]:
    return [IdRange(part.inside, part.outside, part.count) for part in extents]


def _own_tree(source: Opened) -> int:
    tree = own.clone_tree(source.fd)
    reopen(source, tree, b"/")
    return tree


def _apply(tree: int, namespace: int, subject: str) -> None:
    try:
        mount_setattr(tree, b"", AT_EMPTY_PATH, set_=MOUNT_ATTR_IDMAP, userns_fd=namespace)
    except PermissionError as failure:
        raise Refusal("permission-denied", f"{subject} can't be ID-mapped: {failure}", subject) from None
    except OSError as failure:
        raise Refusal("unsupported-kernel", f"{subject} can't be ID-mapped: {failure}", subject) from None
