"""Overlays that a user namespace owns: `uuid=null`, no trusted xattrs, an owner that is not the initial one."""

from typing import Any

from ..harness.content import File
from ..harness.stack import FileSystem, LazyUnmount, Lookalikes, Source, Stack, Standing, Twin, UsedWork
from .core import STORE, option
from .parts import INSIDE, lower, lowers, upper, work


def owned(name: str, *layers: Source, **more: Any) -> Stack:
    return Stack(name, "userns", layers, owner="user namespace", **more)


def alike(name: str, twin: bytes, *standing: bytes) -> Stack:
    """A lower beside a second one of the same names, numbers, contents and times; whoever guesses is wrong in one."""
    layers = (upper(), lower(b"/l0", b"l0", (File(b"all"),), on="second"))
    filesystems = (STORE, FileSystem("second", b"/second", alike=twin))
    since = tuple(map(Standing, standing))
    return owned(name, *layers, work=work(), filesystems=filesystems, cwd=b"/second", since=since, vantages=INSIDE)


STACKS = (
    owned("plain", upper(), *lowers(2), work=work()),
    owned("read-only", *lowers(3)),
    owned("userxattr", upper(), *lowers(2), work=work(), options=option("userxattr"), needs=("user-xattrs",)),
    owned(
        "covered-by-twin",
        upper(),
        *lowers(2),
        work=work(),
        since=(Twin("store", b"/store"),),
        states={"*": "covered"},
    ),
    owned(
        "relative",
        upper(b"/i/u", b"u"),
        lower(b"/i/a", b"a"),
        lower(b"/i/b", b"b"),
        work=work(b"/i/w", b"w"),
        cwd=b"/store/i",
        since=(Lookalikes(b"/"), Lookalikes(b"/elsewhere"), Standing(b"/elsewhere")),
    ),
    alike("alike-and-before-it", b"/first", b"/first", b"/second"),
    alike("alike-and-after-it", b"/twin", b"/second", b"/twin"),
    owned(
        "uuid-of-a-twin-in-the-upper",
        upper(b"/u", b"u"),
        lower(b"/l0", b"l0"),
        lower(b"/l1", b"l1"),
        work=work(b"/w", b"w"),
        cwd=b"/store",
        options=option("userxattr"),
        filesystems=(FileSystem("store", b"/store", alike=b"/twin", bears_uuid=True),),
        since=(LazyUnmount("store"), Standing(b"/twin")),
        states={"*": "unmounted"},
        needs=("user-xattrs", "tmpfs-uuid"),
        vantages=INSIDE,
    ),
    owned(
        "two-work-directories",
        upper(b"/a/u", b"u"),
        lower(b"/a/l", b"l"),
        work=work(b"/a/w", b"w"),
        cwd=b"/store/a",
        since=(UsedWork("work", b"/store/b/w"), Standing(b"/store/a"), Standing(b"/store/b")),
        undecidable=frozenset({"work"}),
        vantages=INSIDE,
    ),
)
