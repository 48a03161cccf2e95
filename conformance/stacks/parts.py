"""Parts that many stacks share."""

from ..harness.content import Entries
from ..harness.stack import Name, Source, Vantage

INSIDE, OUTSIDE = (Vantage.INSIDE,), (Vantage.OUTSIDE,)


def lower(path: bytes, name: Name | bytes = Name.ABSOLUTE, entries: Entries | None = None, on: str = "store") -> Source:
    return Source("lower", on, path, name, entries)


def upper(path: bytes = b"/upper", name: Name | bytes = Name.ABSOLUTE, entries: Entries | None = None) -> Source:
    return Source("upper", "store", path, name, entries)


def work(path: bytes = b"/work", name: Name | bytes = Name.ABSOLUTE) -> Source:
    return Source("work", "store", path, name)


def lowers(count: int) -> tuple[Source, ...]:
    """`/l0`, `/l1`…, named by their absolute paths."""
    return tuple(lower(b"/l%d" % number) for number in range(count))
