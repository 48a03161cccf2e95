"""Overlays that a user namespace owns: `uuid=null`, no trusted xattrs, an owner that is not the initial one."""

from ..harness.content import File
from ..harness.stack import FileSystem, Lookalikes, Stack, Standing, Twin
from .core import STORE, option
from .parts import INSIDE, lower, lowers, upper, work


def owned(name: str, *layers: object, **more: object) -> Stack:
    return Stack(name, "userns", layers, owner="user namespace", **more)  # type: ignore[arg-type]


def alike(name: str, given: bytes, **more: object) -> Stack:
    """A lower of which a second one stands beside it that differs in nothing that can be seen."""
    layers = (upper(), lower(b"/l0", given, (File(b"all"),), on="second"))
    filesystems = (STORE, FileSystem("second", b"/second", alike=b"/twin"))
    apart = {"undecidable": frozenset({"lower/0"}), "vantages": INSIDE}
    return owned(name, *layers, work=work(), filesystems=filesystems, **apart, **more)


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
    alike("alike", b"/second/l0"),
    alike("alike-and-relative", b"l0", cwd=b"/second", since=(Standing(b"/second"), Standing(b"/twin"))),
)
