"""A dump: the overlays of a mount namespace, or one of them, as an image. The only effects are reads."""

from __future__ import annotations

import time

from ..discover.evidence import RUNGS
from ..discover.ladder import Ladder
from ..discover.location import Locator
from ..discover.vantage import Vantage
from ..errors import Refusal
from ..image import model
from ..record import Record
from ..version import NAME, VERSION
from .build import Builder, Explanation
from .select import EVERY_OVERLAY, Selector, at_mountpoint, select, with_mount_id, with_unique_id
from .surroundings import TRIES, host, module_defaults, namespace_of
from .tables import Tables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "EVERY_OVERLAY",
    "RUNGS",
    "DumpResult",
    "Explanation",
    "Selector",
    "at_mountpoint",
    "dump",
    "with_mount_id",
    "with_unique_id",
]

_PRODUCER = model.Producer(name=NAME, version=VERSION)


class DumpResult(Record):
    """An image with what a person may ask about it.

    complete: every source is proved, and located, covered or elsewhere (exit 0, else 3). abilities: each rung and
    "used" or why it does not serve.
    """

    image: model.Image
    complete: bool
    abilities: tuple[tuple[str, str], ...]
    explain: Callable[[], tuple[Explanation, ...]]

    @property
    def explanations(self) -> tuple[Explanation, ...]:
        """Why each source is stated as it is; made when asked for."""
        return self.explain()


def dump(pid: int | None, selector: Selector, *, without: frozenset[str] = frozenset()) -> DumpResult:
    """The overlays that `selector` means in the mount namespace of a process, of the caller for None.

    Raises Refusal: no-such-process, no-such-mount, not-an-overlay, no-overlay, permission-denied, changed-meanwhile.
    """
    vantage = Vantage(pid)
    try:
        for _ in range(TRIES):
            result = _dump_once(vantage, selector, without)
            vantage.check_process()
            if result is not None:
                return result
            vantage = vantage.again()
    except OSError:
        vantage.check_process()
        raise
    finally:
        vantage.close()
    raise Refusal("changed-meanwhile", "the mounts changed all the time while they were read", vantage.subject)


def _dump_once(vantage: Vantage, selector: Selector, without: frozenset[str]) -> DumpResult | None:
    """None where mounts that the image would speak of came, went or changed meanwhile."""
    if selector.kind == "all" and not vantage.here.table.consistent:
        return None  # one that came meanwhile might be missing
    locator = Locator(vantage)
    ladder = Ladder(vantage, locator, without, module_defaults)
    try:
        tables = Tables(vantage, ladder)
        # Before anything else of the mounts: what has its 64-bit ID now and at the end was there all the time.
        unique = tables.unique_ids(vantage.here) if selector.kind != "all" else {}
        overlays = select(vantage, selector, unique)
        if not unique and not ladder.kernel.lists_mounts(overlays):
            tables.unique_ids(vantage.here)
        ladder.kernel.load(overlays)
        if ladder.kernel.failures and vantage.here.changed():
            return None  # what could not be read may be gone
        accounts = ladder.accounts(overlays)
        builder = Builder(tables, locator)
        entries = tuple([builder.overlay(account, f"o{number}") for number, account in enumerate(accounts)])
        if vantage.here.changed() and not _as_before(vantage, tables):
            return None
        image = model.Image(
            producer=_PRODUCER,
            created="{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z".format(*time.gmtime()[:6]),
            host=host(),
            namespace=namespace_of(vantage),
            filesystems=tuple(tables.filesystems),
            mounts=tuple(tables.mounts),
            overlays=entries,
        )
        return DumpResult(image, builder.complete, ladder.abilities(), builder.explanations)
    finally:
        ladder.kernel.close()


def _as_before(vantage: Vantage, tables: Tables) -> bool:
    """Whether the mounts of the dumped namespace that are described are there, as they were.

    A mount ID is used again at once: only the 64-bit one tells that a mount is the same.
    """
    old, fresh = vantage.here.table, vantage.here.read_again()
    unique = tables.read_unique_ids(vantage.here)
    for mount in tables.mounts:
        number = mount.mount_id
        if mount.namespace is None and (
            mount.unique_id is None
            or unique.get(number) != mount.unique_id
            or old.by_mount_id(number) != fresh.by_mount_id(number)
        ):
            return False
    return True
