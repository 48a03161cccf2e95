"""Sources whose mounts are gone: the names lead nowhere, or to something else."""

from ..harness.stack import LazyUnmount, Lookalikes, Stack, Twin
from .core import STORE
from .parts import lowers, upper, work


def gone(name: str, *since: object) -> Stack:
    steps = (LazyUnmount("store"), *since)
    return Stack(name, "unmounted", (upper(), *lowers(2)), work(), filesystems=(STORE,), since=steps)  # type: ignore[arg-type]


STACKS = (
    gone("lazily"),
    gone("names-taken", Lookalikes(b"")),
    gone("twin-in-its-place", Twin("store", b"/store")),
)
