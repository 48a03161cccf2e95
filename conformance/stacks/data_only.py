"""Data-only layers: nothing of them shows but the data of files that other layers name."""

from functools import partial
from typing import Any

from ..harness.content import Directory, Entries, File, Metacopy
from ..harness.stack import Delete, FileSystem, Manner, Name, Rename, Source, Stack, Twin
from . import parts
from .core import STORE, option
from .deep import short
from .parts import OUTSIDE
from .unmounted import GONE, LEFT, TAKEN

_OBJECTS: Entries = (Directory(b"objects"), File(b"objects/one"), File(b"objects/two"), File(b"not-shown"))
_NAMES: Entries = (
    File(b"all"),
    Metacopy(b"one", b"/objects/one"),
    Directory(b"deep"),
    Metacopy(b"deep/two", b"/objects/two"),
)
_SECOND: Entries = (Directory(b"more"), File(b"more/three"), File(b"objects-are-elsewhere"))
_MORE_NAMES: Entries = (*_NAMES, Metacopy(b"three", b"/more/three", "data/1"))


def data(path: bytes = b"/d0", name: bytes = b"", entries: Entries = _OBJECTS, on: str = "store") -> Source:
    return Source("data", on, path, name or Name.ABSOLUTE, entries)


def names(entries: Entries = _NAMES, path: bytes = b"/l0", name: bytes = b"") -> Source:
    return Source("lower", "store", path, name or Name.ABSOLUTE, entries)


def stack(name: str, *layers: Source, states: Any = "located", since: Any = (), **more: Any) -> Stack:
    """Metacopy files in the top lower, their data in data-only layers."""
    made = {"options": option("metacopy=on"), "vantages": OUTSIDE, "needs": ("data-only",), "work": None} | more
    return parts.after("data-only", name, states, *since, layers=layers, **made)


plain = partial(stack, options=())
_UPPER = {"work": parts.work()}
_LOWERS = (names(), parts.lower(b"/l1"))
_APPEND = {"manner": Manner.APPEND, "needs": ("data-only", "datadir")}
_DESCRIPTOR = {"manner": Manner.DESCRIPTOR, "needs": ("data-only", "descriptor")}
_MANY = tuple(data(b"/d/" + short(n), entries=(File(b"data-%d" % n),)) for n in range(64))
_OF_MANY = tuple(Metacopy(b"file-%d" % n, b"/data-%d" % n, f"data/{n}") for n in range(64))
_USER: dict[str, Any] = {
    "options": option("userxattr"),
    "vantages": (*parts.INSIDE, *OUTSIDE),
    "needs": ("data-only-for-users", "user-xattrs"),
}

STACKS = (
    stack("one", names(), data()),
    stack("one-and-two-lowers", *_LOWERS, data()),
    stack("below-an-upper", parts.upper(), *_LOWERS, data(), **_UPPER),
    stack("two", names(_MORE_NAMES), data(), data(b"/d1", entries=_SECOND)),
    stack("alike", names(), data(), data(b"/d1"), data(b"/d2")),
    stack("64", names(_OF_MANY), *_MANY),
    stack("appended", parts.upper(), *_LOWERS, data(), data(b"/d1", entries=_SECOND), **_UPPER, **_APPEND),
    stack("descriptors", parts.upper(), *_LOWERS, data(), data(b"/d1"), **_UPPER, **_DESCRIPTOR),
    stack("odd-names", names(path=b"/l:0"), data(b"/d::0"), data(b"/d\\,1")),
    stack(
        "relative",
        names(path=b"/i/l", name=b"l"),
        data(b"/i/d", b"d"),
        cwd=b"/store/i",
        since=(TAKEN,),
    ),
    stack(
        "on-another-file-system",
        names(),
        data(on="second"),
        filesystems=(STORE, FileSystem("second", b"/second")),
        since=(Twin("second", b"/twin"),),
    ),
    stack("renamed", names(), data(), since=(Rename("data/0", b"/kept"), TAKEN)),
    stack("removed", names(), data(), data(b"/d1"), since=(Delete("data/1"), TAKEN), states={"data/1": "deleted"}),
    stack("unmounted", names(), data(), since=(GONE, TAKEN), states="unmounted"),
    stack("bind-left", names(), data(), since=(LEFT, GONE, TAKEN)),
    stack("covered-by-twin", names(), data(), since=(Twin("store", b"/store"),), states="covered"),
    stack("of-a-user", names(), data(), **_USER),
    stack("of-a-user-below-an-upper", parts.upper(), names(), data(), data(b"/d1"), **_UPPER, **_USER),
)
