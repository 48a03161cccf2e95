"""Names relative to a directory that no process keeps; in every stack something of the same name lies elsewhere."""

from ..harness.stack import Linked, Lookalikes, Manner, Name, Stack, Standing, Twin
from .parts import lower, upper, work

AT = b"/store/images"
_STANDING = (Lookalikes(b"/elsewhere"), Standing(b"/elsewhere"))
_EVERYWHERE = (Lookalikes(b"/"), Lookalikes(b"/m"), *_STANDING)

_SHORT = (
    upper(b"/images/c/diff", b"c/diff"),
    lower(b"/images/l/A", b"l/A"),
    lower(b"/images/l/B", b"l/B"),
    lower(b"/images/l/C", b"l/C"),
)
_WORK = work(b"/images/c/work", b"c/work")

STACKS = (
    Stack("short-names", "relative", _SHORT, _WORK, cwd=AT, since=_EVERYWHERE),
    Stack(
        "short-names-appended",
        "relative",
        _SHORT,
        _WORK,
        cwd=AT,
        manner=Manner.APPEND,
        needs=("append",),
        since=_EVERYWHERE,
    ),
    Stack(
        "twin-in-a-cwd", "relative", _SHORT, _WORK, cwd=AT, since=(Twin("store", b"/twin"), Standing(b"/twin/images"))
    ),
    Stack(
        "linked-in-a-cwd", "relative", _SHORT, _WORK, cwd=AT, since=(Linked(b"/store/copy"), Standing(b"/store/copy"))
    ),
    Stack("cwd-is-kept", "relative", _SHORT, _WORK, cwd=AT, since=(Standing(AT), *_EVERYWHERE)),
    Stack(
        "absolute-upper",
        "relative",
        (upper(b"/snapshots/115/fs"), lower(b"/snapshots/111/fs", b"111/fs"), lower(b"/snapshots/110/fs", b"110/fs")),
        work(b"/snapshots/115/work"),
        cwd=b"/store/snapshots",
        since=_EVERYWHERE,
    ),
    Stack(
        "absolute-and-relative-lowers",
        "relative",
        (lower(b"/images/top/diff"), lower(b"/images/l/X", b"l/X"), lower(b"/images/l/Y", b"l/Y")),
        cwd=AT,
        since=_EVERYWHERE,
    ),
    Stack(
        "descriptor-numbers",
        "relative",
        (upper(), *(lower(b"/n/%d" % number, Name.NUMBER) for number in range(3))),
        work(),
        since=_EVERYWHERE,
    ),
    Stack(
        "dots",
        "relative",
        (upper(b"/images/c/diff", b"./c/diff"), lower(b"/other/A", b"../other/A"), lower(b"/images/l/B", b"l/./B")),
        work(b"/images/c/work", b"./c/../c/work"),
        cwd=AT,
        since=_STANDING,
    ),
)
