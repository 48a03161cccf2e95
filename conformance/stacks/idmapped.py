"""Layers given through ID-mapped mounts, undone right after: nothing but the kernel's own structures shows it."""

from functools import partial
from typing import Any

from ..harness.stack import FileSystem, IdMap, Manner, Name, Source, Stack, Twin
from . import parts
from .core import STORE, option
from .parts import OUTSIDE
from .unmounted import GONE, TAKEN

CONTAINER: IdMap = ((0, 100000, 65536),)
OTHER: IdMap = ((0, 200000, 65536),)
OWN: IdMap = ((0, 0, 1),)
"""The one that a user namespace of one ID can give."""
SHIFTED: IdMap = ((1000, 0, 1), (0, 1000, 1))
MANY: IdMap = ((0, 300000, 1000), (1000, 1000, 1), (1001, 301001, 64535))

after = partial(parts.after, "idmapped")


def lowers(*idmaps: IdMap | None) -> tuple[Source, ...]:
    return tuple(Source("lower", "store", b"/l%d" % number, idmap=each) for number, each in enumerate(idmaps))


def writable(idmap: IdMap | None) -> dict[str, Source]:
    return {role: Source(role, "store", b"/" + role.encode(), idmap=idmap) for role in ("upper", "work")}


def mapped(name: str, idmap: IdMap | None, *since: Any, states: str = "located", **more: Any) -> Stack:
    """Two lowers with the same ID mapping below an upper without."""
    made = {"layers": (parts.upper(), *lowers(idmap, idmap)), "vantages": OUTSIDE, "needs": ("idmap",)} | more
    return after(name, states, *since, **made)


_BOTH = (*parts.INSIDE, *parts.OUTSIDE)
_DESCRIPTOR: dict[str, Any] = {"manner": Manner.DESCRIPTOR, "needs": ("idmap", "descriptor")}
_WRITABLE = writable(CONTAINER)  # whoever mounts it as ID 0 can make nothing there: the kernel mounts it read-only
_EXCHANGED = writable(SHIFTED)

STACKS = (
    mapped("lowers", CONTAINER),
    mapped("lowers-and-lookalikes", CONTAINER, TAKEN),
    mapped("lowers-of-a-user", OWN, vantages=_BOTH),
    mapped("read-only", None, layers=lowers(CONTAINER, CONTAINER), work=None),
    mapped("one-of-two", None, layers=(parts.upper(), *lowers(None, CONTAINER))),
    mapped("each-its-own", None, layers=(parts.upper(), *lowers(CONTAINER, OTHER, None))),
    mapped("several-extents", MANY),
    mapped("exchanged-ids", SHIFTED),
    mapped("everything", None, layers=(_WRITABLE["upper"], *lowers(CONTAINER, CONTAINER)), work=_WRITABLE["work"]),
    mapped("exchanged-upper", None, layers=(_EXCHANGED["upper"], *lowers(None, None)), work=_EXCHANGED["work"]),
    mapped("upper-only", None, layers=(_WRITABLE["upper"], *lowers(None, None)), work=_WRITABLE["work"]),
    mapped(
        "everything-of-a-user",
        None,
        layers=(writable(OWN)["upper"], *lowers(OWN, OWN)),
        work=writable(OWN)["work"],
        vantages=_BOTH,
    ),
    mapped("appended", CONTAINER, TAKEN, manner=Manner.APPEND, needs=("idmap", "append")),
    mapped("descriptors", CONTAINER, **_DESCRIPTOR),
    mapped("descriptors-of-a-user", OWN, vantages=_BOTH, **_DESCRIPTOR),
    mapped(
        "descriptors-for-everything",
        None,
        layers=(_WRITABLE["upper"], *lowers(CONTAINER, CONTAINER)),
        work=_WRITABLE["work"],
        **_DESCRIPTOR,
    ),
    mapped("unmounted", CONTAINER, GONE, TAKEN, states="unmounted"),
    mapped("covered-by-twin", CONTAINER, Twin("store", b"/store"), states="covered"),
    mapped("userxattr", CONTAINER, options=option("userxattr"), needs=("idmap", "user-xattrs")),
    mapped("metacopy", CONTAINER, options=option("metacopy=on")),
    mapped(
        "not-mapped-through-temporary-binds",
        None,
        TAKEN,
        layers=(parts.upper(), parts.lower(b"/l0", Name.TEMPORARY), parts.lower(b"/l1", Name.TEMPORARY)),
        vantages=_BOTH,
        needs=(),
    ),
    mapped(
        "two-file-systems",
        None,
        layers=(
            parts.upper(),
            Source("lower", "second", b"/l0", idmap=CONTAINER),
            Source("lower", "store", b"/l0", idmap=OTHER),
        ),
        filesystems=(STORE, FileSystem("second", b"/second")),
    ),
)
