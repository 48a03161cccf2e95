"""The mounts of a mount namespace, those under covered mount points too (fs/mount.h)."""

from __future__ import annotations

import os

from ..linux.namespaces import CLONE_NEWNS, namespace_type
from ..record import unchecked
from . import shapes_of_mounts
from .directories import Directories, device
from .errors import Inconsistent, IntrospectionUnavailable
from .facts import MountFacts
from .walk import file_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .layout import Layout
    from .memory import Memory
    from .snapshot import Snapshot

_MAX_MOUNTS = 200_000


def mounts_of(memory: Memory, layout: Layout, snapshot: Snapshot, fd: int) -> list[MountFacts]:
    """The mounts of the namespace that a descriptor of /proc/PID/ns/mnt means, in no certain order.

    Raises Inconsistent where that is no mount namespace, or it changed meanwhile.
    """
    try:
        kind = namespace_type(fd)
    except OSError:
        kind = 0
    if kind != CLONE_NEWNS:
        raise Inconsistent(f"descriptor {fd} is not of a mount namespace")
    view = layout[shapes_of_mounts.MountNamespace]
    inode = snapshot.row(layout[shapes_of_mounts.InodeOfNamespace], file_of(memory, layout, snapshot, fd).inode)
    address = inode.private - view.row.ns
    namespace = snapshot.row(view, address)
    if namespace.inum != os.fstat(fd).st_ino:
        raise Inconsistent("a mount namespace did not read as what it is")
    if namespace.tree is not None:
        found = _in_tree(layout, snapshot, namespace.tree)
    elif namespace.list is not None and namespace.list_head is not None:
        found = _in_list(layout, snapshot, namespace.list, address + namespace.list_head)
    else:
        raise IntrospectionUnavailable("layout", "struct mnt_namespace has neither a tree nor a list of mounts")
    rows = snapshot.rows(layout[shapes_of_mounts.Mount], found)
    real = [mount for mount in found if rows[mount].superblock]  # a list may hold cursors, which mount nothing
    if not real or any(rows[mount].namespace != address for mount in real):
        raise Inconsistent("the mounts of a namespace changed while they were read")
    return _describe(layout, snapshot, real, rows)


def _in_tree(layout: Layout, snapshot: Snapshot, root: int) -> list[int]:
    view = layout[shapes_of_mounts.MountInTree]
    found: dict[int, None] = {}
    level = [root - view.row.node] if root else []
    while level:
        found.update(dict.fromkeys(level))
        rows = snapshot.rows(view, level)
        nodes = [node for mount in level for node in (rows[mount].left, rows[mount].right) if node]
        level = [node - view.row.node for node in nodes]
        if len(found) > _MAX_MOUNTS or not found.keys().isdisjoint(level):
            raise Inconsistent("the tree of mounts changed while it was read")
    return list(found)


def _in_list(layout: Layout, snapshot: Snapshot, entry: int, head: int) -> list[int]:
    view = layout[shapes_of_mounts.MountInList]
    found: dict[int, None] = {}
    while entry != head:
        mount = entry - view.row.entry
        if mount in found or len(found) > _MAX_MOUNTS:
            raise Inconsistent("the list of mounts changed while it was read")
        found[mount] = None
        entry = snapshot.row(view, mount).next
    return list(found)


def _describe(
    layout: Layout, snapshot: Snapshot, mounts: list[int], rows: dict[int, shapes_of_mounts.Mount]
) -> list[MountFacts]:
    directories = Directories(layout, snapshot)
    directories.load([dentry for mount in mounts for dentry in (rows[mount].root, rows[mount].mountpoint)])
    directories.load_superblocks({rows[mount].superblock for mount in mounts})
    known = set(mounts)
    facts = []
    for mount in mounts:
        row = rows[mount]
        parent = rows[row.parent] if row.parent in known and row.parent != mount else None
        above = parent.mnt_id if parent else None
        kind = (directories.filesystem(row.superblock), device(directories.superblock(row.superblock).device))
        point = directories.below(row.mountpoint, parent.root) if parent else None
        place = (directories.path(row.root)[0], point)
        ids = (row.mnt_id, row.unique_id, above)
        facts.append(unchecked(MountFacts, (*ids, *kind, *place, row.flags, row.group, row.superblock)))
    return facts
