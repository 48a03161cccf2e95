"""Overlays as layers: one that is mounted, hidden, held only by the overlay above it, or shared."""

from functools import partial
from typing import Any

from ..harness.stack import (
    BindSubtree,
    Cover,
    Delete,
    FileSystem,
    LazyUnmount,
    Lookalikes,
    Manner,
    Name,
    OtherNamespace,
    Rename,
    Source,
    Stack,
    Step,
    Twin,
)
from . import parts
from .core import STORE, option
from .parts import OUTSIDE, lower
from .unmounted import GONE, TAKEN

INNER_GONE = LazyUnmount("inner")
_APART = ((lower(b"/in/l0"), lower(b"/in/l1")), None)
_WRITABLE = (
    (Source("upper", "store", b"/in/u"), lower(b"/in/l0"), lower(b"/in/l1")),
    Source("work", "store", b"/in/w"),
)


def inner(
    layers: tuple[Source, ...],
    work: Source | None,
    *,
    name: str = "inner",
    on: tuple[FileSystem, ...] = (STORE,),
    **more: Any,
) -> FileSystem:
    """An overlay as a file system, mounted at its name."""
    at = b"/" + name.encode()
    overlay = Stack(name, "nested", layers, work, filesystems=on, target=at, **more)
    return FileSystem(name, at, "overlay", overlay=overlay)


def of(path: bytes = b"/", on: str = "inner", name: Name | bytes = Name.ABSOLUTE) -> Source:
    """A layer on an inner overlay."""
    return lower(path, name, on=on)


def stack(name: str, states: Any, *since: Step, below: FileSystem | None = None, **more: Any) -> Stack:
    """An upper over an inner overlay's root over an ordinary lower."""
    made: dict[str, Any] = {"layers": (parts.upper(), of(), lower(b"/l1"))}
    made |= {"filesystems": (STORE, below or inner(*_APART))} | more
    return parts.after("nested", name, states, *since, **made)


_ON_INNER = {"lower/0": "unmounted"}
_SECOND = FileSystem("second", b"/second")
_NOWHERE = partial(stack, states=_ON_INNER)

STACKS = (
    stack("read-only-below", "located"),
    stack("writable-below", "located", below=inner(*_WRITABLE)),
    stack("subdirectory-below", "located", layers=(parts.upper(), of(b"/merged"), lower(b"/l1"))),
    stack("read-only", "located", layers=(of(), lower(b"/l1")), work=None),
    stack("two-directories-of-one", "located", layers=(parts.upper(), of(b"/merged"), of(b"/dir-inner:lower0"))),
    stack(
        "two-below",
        "located",
        layers=(parts.upper(), of(), of(on="other")),
        filesystems=(STORE, inner(*_APART), inner((lower(b"/other/a"), lower(b"/other/b")), None, name="other")),
    ),
    stack(
        "on-another-file-system",
        "located",
        below=inner((lower(b"/a", on="second"), lower(b"/b", on="second")), None, on=(STORE, _SECOND)),
        filesystems=(
            STORE,
            _SECOND,
            inner((lower(b"/a", on="second"), lower(b"/b", on="second")), None, on=(STORE, _SECOND)),
        ),
    ),
    stack(
        "relative-below",
        "located",
        Lookalikes(b"/"),
        below=inner((lower(b"/in/l0", b"l0"), lower(b"/in/l1", b"l1")), None, cwd=b"/store/in"),
    ),
    stack("appended", "located", manner=Manner.APPEND, needs=("append",)),
    stack("descriptors", "located", manner=Manner.DESCRIPTOR, needs=("descriptor",)),
    stack("mounted-nowhere", _ON_INNER, INNER_GONE),
    stack("mounted-nowhere-name-taken", _ON_INNER, LazyUnmount("inner", remove=True), TAKEN),
    stack("writable-mounted-nowhere", _ON_INNER, INNER_GONE, below=inner(*_WRITABLE)),
    stack(
        "subdirectory-mounted-nowhere",
        _ON_INNER,
        INNER_GONE,
        layers=(parts.upper(), of(b"/merged"), lower(b"/l1")),
    ),
    stack("bound-elsewhere", "located", BindSubtree("inner", b"/", b"/left"), INNER_GONE),
    stack("covered", {"lower/0": "covered"}, Cover(b"/inner"), TAKEN),
    stack("over-the-inner-one", {"lower/0": "covered"}, target=b"/inner"),
    stack("its-sources-unmounted", {"*": "unmounted", "lower/0": "located"}, GONE, TAKEN),
    stack("all-unmounted", "unmounted", GONE, INNER_GONE, TAKEN),
    stack(
        "a-source-of-it-removed",
        {"inner:lower/1": "deleted"},
        Delete("inner:lower/1"),
        TAKEN,
        not_restored="the inner overlay is mounted still, and needs no source to be found",
    ),
    stack(
        "a-source-of-it-removed-and-mounted-nowhere",
        _ON_INNER | {"inner:lower/1": "deleted"},
        Delete("inner:lower/1"),
        INNER_GONE,
        TAKEN,
    ),
    stack("a-source-of-it-renamed", "located", Rename("inner:lower/1", b"/kept"), TAKEN),
    stack("elsewhere", {"lower/0": "elsewhere"}, OtherNamespace("inner"), INNER_GONE),
    stack("twin-of-its-sources", "located", Twin("store", b"/twin")),
    stack("index-below", "located", below=inner(*_WRITABLE, options=option("index=on")), vantages=OUTSIDE),
    stack("nfs-export-below", "located", below=inner(*_WRITABLE, options=option("nfs_export=on")), vantages=OUTSIDE),
    stack("volatile-below", "located", below=inner(*_WRITABLE, options=option("volatile")), needs=("volatile",)),
)
