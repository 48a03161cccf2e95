"""Many layers, and mountinfo lines longer than any page."""

from ..harness.content import sparse
from ..harness.stack import Buried, Lookalikes, Manner, Source, Stack, Standing
from .parts import lower, upper, work

_DIGITS = b"0123456789abcdefghijklmnopqrstuvwxyz"


def short(number: int) -> bytes:
    """A name of two bytes."""
    return bytes((_DIGITS[number // 36], _DIGITS[number % 36]))


def many(count: int, name: bytes = b"") -> tuple[Source, ...]:
    """`count` sparse lowers with short relative names below /store/i; `name` makes them long."""
    paths = [short(number) + name for number in range(count)]
    return tuple(lower(b"/i/" + path, path, sparse(f"lower/{number}")) for number, path in enumerate(paths))


_UPPER, _WORK = upper(b"/i/u", b"u", sparse("upper")), work(b"/i/w", b"w")
_AT = b"/store/i"
_DECOYS = (Lookalikes(b"/elsewhere"), Standing(b"/elsewhere"))

STACKS = (
    Stack("20", "deep", (_UPPER, *many(20)), _WORK, cwd=_AT, since=_DECOYS),
    Stack("128", "deep", (_UPPER, *many(128)), _WORK, cwd=_AT),
    Stack("500", "deep", (_UPPER, *many(500)), _WORK, cwd=_AT),
    Stack("500-read-only", "deep", many(500), cwd=_AT),
    Stack("500-appended", "deep", (_UPPER, *many(500)), _WORK, cwd=_AT, manner=Manner.APPEND, needs=("append",)),
    Stack(
        "long-line", "deep", (_UPPER, *many(40, b"-" * 200)), _WORK, cwd=_AT, manner=Manner.APPEND, needs=("append",)
    ),
    Stack("long-path", "deep", (_UPPER, *many(2)), _WORK, cwd=_AT, since=(Buried("store", b"/i", 25),)),
)
