"""Names of any bytes: what mountinfo and overlayfs escape, what looks like an escape and is none."""

from typing import Any

from ..harness.stack import Lookalikes, Manner, Stack, Standing
from .parts import lower, upper, work


def named(stack: str, *names: bytes, **more: Any) -> Stack:
    """The names for lowers, and each of them with a suffix for upper and work."""
    layers = (upper(b"/u" + names[0]), *(lower(b"/" + name) for name in names))
    return Stack(stack, "escaping", layers, work(b"/w" + names[0]), **more)


STACKS = (
    named("colon", b"a:b", b"a", b"b"),
    named("comma", b"a,b", b"a,lowerdir=b", b","),
    named("backslash", b"a\\b", b"a\\", b"\\\\", b"a\\:b"),
    named("blank", b"a b", b" a", b"a "),
    named("newline-and-tab", b"a\nb", b"a\tb", b"a\rb"),
    named("octal-look-alikes", b"a\\040b", b"a\\134b", b"\\072", b"a b"),
    named("double-colon", b"a::b", b"::", b"a:"),
    named("equals-and-signs", b"a=b", b"a#b", b'"a"', b"$a;b&c"),
    named("not-utf-8", b"\xff\xfe", b"a\xc3", b"\xed\xa0\x80", b"\xc3\xa4"),
    named("not-normalised", b"\xc3\xa9", b"e\xcc\x81"),
    named("long", b"x" * 254, b"y" * 255, b"z" * 100 + b"\xff" * 100),
    named("everything", b" a:b,c\\d\te\nf\\040=\xff#", target=b"/m/ t:,\\\t\n\\040\xff"),
    named("appended", b"a:b", b"c,d", b"e\\f", b"g h", b"\\:", manner=Manner.APPEND, needs=("append",)),
    Stack(
        "relative-and-odd",
        "escaping",
        (upper(b"/i/u:p", b"u:p"), lower(b"/i/l,1", b"l,1"), lower(b"/i/\\040", b"\\040")),
        work(b"/i/w k", b"w k"),
        cwd=b"/store/i",
        since=(Lookalikes(b"/"), Lookalikes(b"/elsewhere"), Standing(b"/elsewhere")),
    ),
)
