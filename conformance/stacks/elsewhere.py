"""Sources that only another mount namespace shows."""

from functools import partial
from typing import Any

from ..harness.stack import (
    BindSubtree,
    Cover,
    Delete,
    FileSystem,
    Holding,
    LazyUnmount,
    Lookalikes,
    OtherNamespace,
    Rename,
    Source,
    Twin,
)
from . import parts
from .core import STORE
from .deep import many
from .parts import lower, lowers, upper, work
from .unmounted import APART, GONE, RELATIVE, TAKEN, TOGETHER, TREES

ABROAD = OtherNamespace("store")
_TWO: dict[str, Any] = {
    "layers": (upper(), lower(b"/l0", on="second"), lower(b"/l1")),
    "filesystems": (STORE, FileSystem("second", b"/second")),
}
after = partial(parts.after, "elsewhere")

STACKS = (
    after("unmounted-here", "elsewhere", ABROAD, GONE),
    after("names-taken-here", "elsewhere", ABROAD, GONE, TAKEN),
    after("twin-here", "elsewhere", ABROAD, GONE, Twin("store", b"/store")),
    after("relative", "elsewhere", ABROAD, GONE, Lookalikes(b"/"), **RELATIVE),
    after("read-only", "elsewhere", ABROAD, GONE, layers=lowers(3), work=None),
    after("at-another-place-there", "elsewhere", OtherNamespace("store", at=b"/there"), GONE, TAKEN),
    after("by-a-subtree-there", "elsewhere", OtherNamespace("store", b"/a", b"/there"), GONE, TAKEN, **TOGETHER),
    after(
        "one-subtree-there",
        {"*": "elsewhere", "lower/1": "unknown"},
        OtherNamespace("store", b"/a", b"/there"),
        GONE,
        **APART,
    ),
    after("covered-there", "elsewhere", OtherNamespace("store", cover=b"/store"), GONE),
    after("in-two-namespaces", "elsewhere", ABROAD, OtherNamespace("store", at=b"/there"), GONE),
    after(
        "in-a-namespace-of-another-owner",
        "elsewhere",
        OtherNamespace("store", owned=True),
        GONE,
        TAKEN,
        not_restored="the overlay itself can't be taken out of such a namespace, so its upper stays in use",
    ),
    after("here-too", "located", ABROAD, TAKEN),
    after("here-by-a-bind", "located", ABROAD, BindSubtree("store", b"/", b"/left"), GONE),
    after("covered-here", "covered", ABROAD, Cover(b"/store"), TAKEN),
    after("held-here", "elsewhere", ABROAD, Holding(b"/store"), GONE),
    after("renamed-there", "elsewhere", Rename("lower/0", b"/kept"), ABROAD, GONE, TAKEN),
    after("removed", {"*": "elsewhere", "lower/0": "deleted"}, Delete("lower/0"), ABROAD, GONE, TAKEN),
    after(
        "one-file-system-of-two",
        {"lower/0": "elsewhere"},
        OtherNamespace("second"),
        LazyUnmount("second"),
        TAKEN,
        **_TWO,
    ),
    after(
        "upper-only",
        {"upper": "elsewhere", "work": "elsewhere"},
        OtherNamespace("second"),
        LazyUnmount("second"),
        layers=(Source("upper", "second", b"/u"), *lowers(2)),
        work=Source("work", "second", b"/w"),
        filesystems=_TWO["filesystems"],
    ),
    after("mount-point-removed-here", "unmounted", ABROAD, LazyUnmount("store", remove=True)),
    after("detached-trees", "elsewhere", ABROAD, GONE, TAKEN, **TREES),
    after(
        "128-lowers",
        "elsewhere",
        ABROAD,
        GONE,
        layers=(upper(b"/i/u", b"u"), *many(128)),
        work=work(b"/i/w", b"w"),
        cwd=b"/store/i",
    ),
)
