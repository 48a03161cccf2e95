"""Sources whose mounts are gone or hidden, that moved or were removed: the names lead nowhere, or to something else."""

from functools import partial
from typing import Any

from ..harness.stack import (
    BindSubtree,
    Cover,
    Delete,
    Emptied,
    FileSystem,
    Holding,
    LazyUnmount,
    Lookalikes,
    Manner,
    Move,
    Name,
    OverSource,
    Rename,
    RenameAbove,
    Source,
    Stack,
    Standing,
    Step,
    Twin,
)
from . import parts
from .core import STORE
from .deep import many
from .parts import lower, lowers, upper, work

GONE = LazyUnmount("store")
TAKEN = Lookalikes(b"")
LEFT = BindSubtree("store", b"/", b"/left")


after = partial(parts.after, "unmounted")


def scratch(name: str, *since: Step) -> Stack:
    """A tool's way: upper and work on a tmpfs of their own, which is unmounted once the overlay stands."""
    layers = (Source("upper", "scratch", b"/u"), *lowers(2))
    filesystems = (STORE, FileSystem("scratch", b"/scratch"))
    states = {"upper": "unmounted", "work": "unmounted"}
    steps = (LazyUnmount("scratch", remove=True), *since)
    return Stack(name, "unmounted", layers, Source("work", "scratch", b"/w"), filesystems, since=steps, states=states)


APART: dict[str, Any] = {"layers": (upper(b"/a/u"), lower(b"/a/l"), lower(b"/b/l")), "work": work(b"/a/w")}
"""Sources in two subtrees of one file system."""
TOGETHER: dict[str, Any] = {"layers": (upper(b"/a/u"), lower(b"/a/l"), lower(b"/a/b/l")), "work": work(b"/a/w")}
"""Sources below one directory."""
RELATIVE: dict[str, Any] = {
    "layers": (upper(b"/u", b"u"), lower(b"/a", b"a"), lower(b"/b", b"b")),
    "work": work(b"/w", b"w"),
    "cwd": b"/store",
}
"""Names that begin at the root of the file system: in a tree that is attached nowhere they look like the host's."""
TREES: dict[str, Any] = {
    "layers": (upper(b"/u", Name.TREE), lower(b"/l1", Name.TREE), lower(b"/d/l2", Name.TREE)),
    "work": work(b"/w", Name.TREE),
    "manner": Manner.DESCRIPTOR,
    "needs": ("descriptor",),
}
TEMPORARY: dict[str, Any] = {"layers": (upper(), lower(b"/l0", Name.TEMPORARY), lower(b"/l1", Name.TEMPORARY))}

_NOWHERE = (
    after("lazily", "unmounted", GONE),
    after("names-taken", "unmounted", GONE, TAKEN),
    after("twin-in-its-place", "unmounted", GONE, Twin("store", b"/store")),
    after(
        "relative", "unmounted", GONE, Lookalikes(b"/"), Lookalikes(b"/elsewhere"), Standing(b"/elsewhere"), **RELATIVE
    ),
    after("read-only", "unmounted", GONE, layers=lowers(3), work=None),
    after("detached-trees", "unmounted", GONE, TAKEN, **TREES),
    after("detached-trees-of-what-is-mounted", "located", TAKEN, **TREES),
    after("temporary-binds", "located", TAKEN, **TEMPORARY),
    after("temporary-binds-and-store-gone", "unmounted", GONE, TAKEN, **TEMPORARY),
    scratch("scratch-upper"),
    scratch("scratch-upper-and-lookalikes", TAKEN),
    scratch("scratch-upper-and-twin", Twin("scratch", b"/scratch")),
)

_LEFT = (
    after("bind-left", "located", LEFT, GONE),
    after("bind-left-and-names-taken", "located", LEFT, GONE, TAKEN),
    after("bind-left-and-twin", "located", LEFT, GONE, Twin("store", b"/store")),
    after("subtree-left", "located", BindSubtree("store", b"/a", b"/left"), GONE, TAKEN, **TOGETHER),
    after(
        "one-subtree-left",
        {"*": "located", "lower/1": "unknown"},
        BindSubtree("store", b"/a", b"/left"),
        GONE,
        **APART,
    ),
    after(
        "two-subtrees-left",
        "located",
        BindSubtree("store", b"/a", b"/left/a"),
        BindSubtree("store", b"/b", b"/left/b"),
        GONE,
        **APART,
    ),
    after("only-a-sibling-left", "unknown", BindSubtree("store", b"/aa", b"/left"), GONE, **TOGETHER),
    after(
        "only-a-source-left",
        {"*": "unknown", "lower/1": "located"},
        BindSubtree("store", b"/l1", b"/left"),
        GONE,
    ),
    after("bound-many-times", "located", *(BindSubtree("store", b"/", b"/again/%d" % n) for n in range(5))),
    after("bound-in-itself", "located", BindSubtree("store", b"/l1", b"/store/again")),
    after("moved-mount", "located", Move("store", b"/moved"), TAKEN),
    after(
        "mounted-by-a-subtree",
        "located",
        layers=(upper(b"/sub/u"), lower(b"/sub/l"), lower(b"/sub/m")),
        work=work(b"/sub/w"),
        filesystems=(FileSystem("store", b"/store", root=b"/sub"),),
    ),
    after(
        "500-lowers-and-a-bind-left",
        "located",
        LEFT,
        GONE,
        layers=(upper(b"/i/u", b"u"), *many(500)),
        work=work(b"/i/w", b"w"),
        cwd=b"/store/i",
    ),
)

_COVERED = (
    after("covered-mount-point", "covered", Cover(b"/store"), TAKEN),
    after("covered-twice", "covered", Cover(b"/store"), Cover(b"/store")),
    after(
        "covered-above-mount-point",
        "covered",
        Cover(b"/far"),
        TAKEN,
        filesystems=(FileSystem("store", b"/far/store"),),
    ),
    after("covered-source", {"lower/1": "covered"}, Cover(b"/store/l1")),
    after(
        "covered-upper-and-work", {"upper": "covered", "work": "covered"}, Cover(b"/store/upper"), Cover(b"/store/work")
    ),
    after("covered-above-sources", {"*": "covered", "lower/1": "located"}, Cover(b"/store/a"), **APART),
    after("covered-and-bound", "located", LEFT, Cover(b"/store"), TAKEN),
    after("covered-by-another-source", {"lower/0": "covered"}, BindSubtree("store", b"/l1", b"/store/l0")),
    after("covered-by-another-overlay", {"lower/0": "covered"}, OverSource(b"/store/l0")),
    after("over-own-lower", {"lower/0": "covered"}, target=b"/store/l0"),
    after("over-own-upper", {"upper": "covered"}, target=b"/store/upper"),
    after("over-all-its-sources", "covered", target=b"/store/a", **TOGETHER),
    after("over-the-mount-point", "covered", target=b"/store"),
)

_HELD = (
    after("held-by-cwd", "detached", Holding(b"/store"), GONE, TAKEN),
    after("held-by-descriptor", "detached", Holding(b"/store", "fd"), GONE),
    after("held-by-root", "detached", Holding(b"/store", "root"), GONE),
    after("held-and-named-as-the-host", "detached", Holding(b"/store"), GONE, Lookalikes(b"/"), **RELATIVE),
    after("held-above-the-sources", "detached", Holding(b"/store/a"), GONE, Lookalikes(b"/"), **TOGETHER),
    after("held-above-some", {"*": "detached", "lower/1": "unmounted"}, Holding(b"/store/a", "fd"), GONE, **APART),
    after("held-source", {"*": "unmounted", "lower/0": "detached"}, Holding(b"/store/l0", "fd"), GONE, TAKEN),
    after("held-twice", "detached", Holding(b"/store"), Holding(b"/store", "fd"), GONE, Twin("store", b"/store")),
    after("held-and-mounted", "located", Holding(b"/store"), LEFT, GONE, TAKEN),
    after("held-and-covered", "covered", Holding(b"/store"), Cover(b"/store"), TAKEN),
)

_REMOVED = (
    after("removed-lower", {"lower/1": "deleted"}, Delete("lower/1")),
    after("removed-and-made-again", {"lower/1": "deleted"}, Delete("lower/1"), TAKEN),
    after("removed-upper", {"upper": "deleted"}, Delete("upper"), TAKEN),
    after("removed-work", {"work": "deleted"}, Delete("work")),
    after("removed-all", "deleted", *map(Delete, ("upper", "work", "lower/0", "lower/1")), TAKEN),
    after("removed-with-parent", {"lower/1": "deleted"}, Delete("lower/1", parent=True), TAKEN, **APART),
    after("removed-and-unmounted", {"*": "unmounted", "lower/0": "deleted"}, Delete("lower/0"), GONE, TAKEN),
    after("renamed-and-removed", {"lower/0": "deleted"}, Rename("lower/0", b"/kept"), Delete("lower/0"), TAKEN),
    after("removed-and-another-renamed-to-it", {"lower/0": "deleted"}, Delete("lower/0"), Rename("lower/1", b"/l0")),
    after("removed-where-a-twin-is", {"lower/0": "deleted"}, Delete("lower/0"), Twin("store", b"/twin")),
)

_MOVED = (
    after("named-as-if-removed", "located", Rename("lower/0", b"/l0 (deleted)"), TAKEN),
    after(
        "names-exchanged",
        "located",
        Rename("lower/0", b"/aside"),
        Rename("lower/1", b"/l0"),
        Rename("lower/0", b"/l1"),
    ),
    after("upper-renamed", "located", Rename("upper", b"/deep/er/u"), Rename("work", b"/deep/w"), TAKEN),
    after("directory-above-renamed", "located", RenameAbove("store", b"/a", b"/c"), TAKEN, **TOGETHER),
    after(
        "moved-into-another",
        "located",
        Rename("lower/1", b"/l0/dir-lower0/in"),
        TAKEN,
        not_restored="one layer below another is what the kernel refuses (ELOOP)",
    ),
)

_EMPTIED = "its entries are in another directory by now"
_EXCHANGED = (
    after("its-entries-in-another-of-its-name", "located", Emptied("lower/1", b"/b"), not_restored=_EMPTIED),
    after(
        "its-entries-in-another-and-it-removed",
        {"lower/1": "deleted"},
        Emptied("lower/1", b"/b"),
        Delete("lower/1"),
        not_restored=_EMPTIED,
    ),
)

STACKS = (*_NOWHERE, *_LEFT, *_COVERED, *_HELD, *_REMOVED, *_MOVED, *_EXCHANGED)
