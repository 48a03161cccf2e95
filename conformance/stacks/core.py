"""Ordinary stacks: what most mounts in the field look like, with decoys where a guess would look."""

from typing import Any

from ..harness.content import Directory, File, Whiteout
from ..harness.stack import Bind, FileSystem, Linked, Lookalikes, Manner, Rename, Source, Stack, Twin
from .parts import OUTSIDE, lower, lowers, upper, work

STORE, SECOND = FileSystem("store", b"/store"), FileSystem("second", b"/second")


def plain(name: str, *, count: int = 1, **more: Any) -> Stack:
    """An upper over `count` lowers."""
    return Stack(name, "core", (upper(), *lowers(count)), work(), **more)


def option(text: str) -> tuple[tuple[bytes, bytes | None], ...]:
    pairs = (word.encode().partition(b"=") for word in text.split(","))
    return tuple((name, value if equals else None) for name, equals, value in pairs)


_WHITEOUTS = (
    upper(
        entries=(File(b"own"), Whiteout(b"gone"), Directory(b"merged"), Whiteout(b"merged/gone"), File(b"merged/own"))
    ),
    lower(b"/l0", entries=(File(b"gone"), Directory(b"merged"), File(b"merged/gone"), File(b"merged/kept"))),
    lower(
        b"/l1", entries=(File(b"gone"), File(b"deep"), Directory(b"merged"), File(b"merged/low"), Whiteout(b"under"))
    ),
    lower(b"/l2", entries=(File(b"under"), File(b"deep"), Directory(b"merged"), File(b"merged/gone"))),
)
_OPAQUE = (
    upper(entries=(Directory(b"hides", opaque=True), File(b"hides/own"))),
    lower(
        b"/l0", entries=(Directory(b"hides"), File(b"hides/hidden"), Directory(b"half", opaque=True), File(b"half/l0"))
    ),
    lower(b"/l1", entries=(Directory(b"half"), File(b"half/hidden"), Directory(b"hides"), File(b"hides/hidden-too"))),
)
_REDIRECT = (
    upper(entries=(Directory(b"new", redirect=b"old"), File(b"new/own"), Whiteout(b"old"))),
    lower(b"/l0", entries=(Directory(b"old"), File(b"old/file"), Directory(b"moved", redirect=b"/far/away"))),
    lower(
        b"/l1",
        entries=(
            Directory(b"far"),
            Directory(b"far/away"),
            File(b"far/away/file"),
            Directory(b"old"),
            File(b"old/low"),
        ),
    ),
)

_ATTRIBUTES = frozenset({"nosuid", "nodev", "noexec", "nosymfollow", "noatime", "nodiratime"})
_FLAGS = frozenset({"sync", "dirsync", "lazytime"})

STACKS = (
    Stack("read-only", "core", lowers(2)),
    plain("one-lower", since=(Linked(b"/store/copy"),)),
    plain("three-lowers", count=3),
    Stack("whiteouts", "core", _WHITEOUTS, work()),
    Stack("opaque", "core", _OPAQUE, work(), options=option("userxattr"), needs=("user-xattrs",)),
    Stack("redirect", "core", _REDIRECT, work(), options=option("redirect_dir=on"), vantages=OUTSIDE),
    plain("index", count=2, options=option("index=on"), vantages=OUTSIDE),
    plain("nfs-export", count=2, options=option("index=on,nfs_export=on"), vantages=OUTSIDE),
    plain("metacopy", count=2, options=option("metacopy=on"), vantages=OUTSIDE),
    plain("xino", count=2, options=option("xino=on")),
    plain("default-permissions", options=option("default_permissions")),
    plain("mounted-read-only", flags=frozenset({"ro"}), attributes=frozenset({"strictatime"})),
    plain("nosuid-nodev", attributes=frozenset({"nosuid", "nodev"})),
    plain("every-word", flags=_FLAGS, attributes=_ATTRIBUTES, propagation="unbindable"),
    plain("bound-subdirectory", binds=(Bind(b"/merged", b"/m/sub"),)),
    plain("two-mounts", binds=(Bind(b"", b"/m/again"), Bind(b"/dir-upper", b"/m/part"))),
    plain("shared", propagation="shared"),
    plain("append", count=3, manner=Manner.APPEND, needs=("append",)),
    plain("descriptor", count=3, manner=Manner.DESCRIPTOR, needs=("descriptor",)),
    plain("covered-by-twin", count=2, since=(Twin("store", b"/store"),), states={"*": "covered"}),
    plain("twin-beside", count=2, since=(Twin("store", b"/twin"),)),
    plain(
        "renamed",
        count=2,
        since=(Rename("lower/0", b"/kept/elsewhere"), Rename("lower/1", b"/kept/too"), Lookalikes(b"")),
    ),
    Stack(
        "two-file-systems",
        "core",
        (upper(), lower(b"/l0", on="second"), lower(b"/l1"), lower(b"/l2", on="second")),
        work(),
        filesystems=(STORE, SECOND),
        since=(Twin("second", b"/twin"),),
    ),
    Stack(
        "root-of-file-system",
        "core",
        (upper(), Source("lower", "second", b"/")),
        work(),
        filesystems=(STORE, SECOND),
        since=(Twin("second", b"/twin"),),
    ),
)

PLAIN = plain("two-lowers", count=2)
"""For tests of one situation."""
APART = Stack(
    "on-a-file-system-of-its-own", "core", (upper(b"/a/u"), lower(b"/a/l")), work(b"/a/w"), filesystems=(STORE,)
)
"""All its sources are below one directory that is not the root of their file system."""
