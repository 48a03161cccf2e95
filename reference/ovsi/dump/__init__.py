"""A dump: the overlays of a mount namespace, or one of them, as an image. The only effects are reads."""

from __future__ import annotations

import os
import time

from ..discover.ladder import Ladder
from ..discover.location import Locator
from ..discover.options import defaults
from ..discover.vantage import Vantage
from ..errors import Refusal
from ..image import model
from ..linux.files import read_file
from ..record import Record
from ..version import NAME, VERSION
from .build import Builder, Explanation
from .select import EVERY_OVERLAY, Selector, at_mountpoint, select, with_mount_id, with_unique_id
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

RUNGS = ("introspection", "file-identifier", "witness", "option-string")
"""The rungs that `without` may name."""

_TRIES = 5
_PARAMETERS = b"/sys/module/overlay/parameters"
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
    for _ in range(_TRIES):
        vantage = Vantage(pid)
        with _Watch(vantage) as watch:
            if selector.kind == "all" and not vantage.here.table.consistent:
                continue  # one that came meanwhile might be missing
            result = _dump_once(vantage, selector, without)
            if not watch.changed(result):
                return result
    raise Refusal("changed-meanwhile", "the overlays changed all the time while they were read", vantage.subject)


def _dump_once(vantage: Vantage, selector: Selector, without: frozenset[str]) -> DumpResult:
    locator = Locator(vantage)
    module_defaults = defaults(_module_parameters())
    ladder = Ladder(vantage, locator, without, module_defaults)
    try:
        tables = Tables(vantage, ladder)
        unique = tables.unique_ids(vantage.here) if selector.kind == "unique-id" else {}
        accounts = ladder.accounts(select(vantage, selector, unique))
        builder = Builder(tables, locator, module_defaults)
        overlays = [builder.overlay(account, f"o{number}") for number, account in enumerate(accounts)]
        image = model.Image(
            producer=_PRODUCER,
            created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            host=_host(),
            namespace=_namespace(vantage),
            filesystems=tuple(tables.filesystems),
            mounts=tuple(tables.mounts),
            overlays=tuple(overlays),
        )
        return DumpResult(image, builder.complete, ladder.abilities(), builder.explanations)
    finally:
        ladder.kernel.close()


def _module_parameters() -> dict[bytes, bytes]:
    try:
        names = os.listdir(_PARAMETERS)
        return {name: read_file(_PARAMETERS + b"/" + name).strip() for name in names}
    except OSError:
        return {}  # no module parameters in this kernel, or no sysfs: then nothing is known of what is not shown


def _host() -> model.Host:
    boot_id = read_file(b"/proc/sys/kernel/random/boot_id").decode("ascii").strip()
    return model.Host(kernel_release=os.uname().release, boot_id=boot_id)


def _namespace(vantage: Vantage) -> model.Namespace | None:
    inode = vantage.here.inode
    return None if inode is None else model.Namespace(inode=inode, unique_id=vantage.here.table.namespace_id)


class _Watch:
    """Tells whether mounts that an image speaks of changed since its mount table was read."""

    def __init__(self, vantage: Vantage) -> None:
        self.vantage = vantage

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.vantage.close()

    def changed(self, result: DumpResult) -> bool:
        """True where a mount of the image is not in a fresh table as it was."""
        if not self.vantage.here.changed():
            return False
        fresh = self.vantage.here.read_again()
        old = self.vantage.here.table
        wanted = {mount.mount_id for mount in result.image.mounts if mount.namespace is None}
        return any(old.by_mount_id(number) != fresh.by_mount_id(number) for number in wanted)
