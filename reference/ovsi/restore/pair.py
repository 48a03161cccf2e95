"""Upper and work on one mount: the kernel takes them in no other way."""

from __future__ import annotations

import os

from ..errors import Refusal
from ..plan.paths import common
from . import own
from .reach import open_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .search import Opened


def pair_of(opened: Sequence[Opened]) -> tuple[Opened, Opened] | None:
    """Upper and work of a stack, None where it has no upper."""
    by_role = {source.plan.role: source for source in opened if source.plan.role in ("upper", "work")}
    return (by_role["upper"], by_role["work"]) if len(by_role) == 2 else None


def on_one_mount(opened: Sequence[Opened]) -> None:
    """Open again what is not on the mount of the other, where that can be. Raises Refusal unsupported-kernel."""
    pair = pair_of(opened)
    if pair is None or (pair[0].anchor is pair[1].anchor and pair[0].tree == pair[1].tree):
        return
    upper, work = pair
    if upper.anchor is not work.anchor:
        raise Refusal(
            "unsupported-kernel", "upperdir and workdir can't be reached through one mount, as the kernel wants", "work"
        )
    for source in pair:
        if source.tree is None:
            reopen(source, source.anchor.clone, source.path)


def in_one_tree(pair: tuple[Opened, Opened]) -> int:
    """Copy the tree that holds both, open both in the copy, and return it."""
    upper, work = pair
    base = common(upper.path, work.path)
    top = open_below(upper.anchor.fd if upper.tree is None else upper.tree, base)
    try:
        tree = own.clone_tree(top)
    finally:
        os.close(top)
    for source in pair:
        reopen(source, tree, source.path[len(base.rstrip(b"/")) :] or b"/")
    return tree


def reopen(source: Opened, tree: int, path: bytes) -> None:
    """Put a descriptor of the same directory, opened in a copy of its tree, in the place of the checked one.

    The checked one is still open, so its inode number can't have gone to another directory. Raises Refusal.
    """
    try:
        fd = open_below(tree, path)
    except OSError as failure:
        raise Refusal(
            "identity-differs", f"{source.plan.name} was moved while it was used: {failure}", source.plan.name
        ) from None
    if not os.path.samestat(os.fstat(fd), os.fstat(source.fd)):
        os.close(fd)
        raise Refusal("identity-differs", f"{source.plan.name} was replaced while it was used", source.plan.name)
    os.close(source.fd)
    source.fd = fd
    source.tree = tree
