"""Parts that many stacks share."""

from typing import Any

from ..harness.content import Entries
from ..harness.stack import FileSystem, Name, Source, Stack, Step, Vantage

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


def after(profile: str, name: str, states: dict[str, str] | str, *since: Step, **more: Any) -> Stack:
    """An upper over two lowers on one tmpfs unless said otherwise, and what happened to it.

    `states`: of all sources, or by label.
    """
    declared = {"*": states} if isinstance(states, str) else states
    made: dict[str, Any] = {"layers": (upper(), *lowers(2)), "work": work()}
    made |= {"filesystems": (FileSystem("store", b"/store"),)} | more
    return Stack(name, profile, since=since, states=declared, **made)
