"""Overlays that a user namespace owns: `uuid=null`, no trusted xattrs, an owner that is not the initial one."""

from ..harness.stack import Lookalikes, Stack, Standing, Twin
from .core import option
from .parts import lower, lowers, upper, work


def owned(name: str, *layers: object, **more: object) -> Stack:
    return Stack(name, "userns", layers, owner="user namespace", **more)  # type: ignore[arg-type]


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
)
