"""Every overlay of the system: those of all mount namespaces, and those that only another overlay holds.

With introspection the kernel's own list of overlay superblocks tells them, and all are described as the caller's mount
namespace sees their sources. Without it, each mount namespace that may be looked into tells its own, as seen there.
"""

from __future__ import annotations

import os

from ..discover.evidence import INTROSPECTION
from ..discover.ladder import Ladder
from ..discover.location import Locator
from ..discover.vantage import Vantage
from ..discover.whole_kernel import WholeKernel
from ..errors import Refusal
from ..image import model
from ..record import Record
from . import dump
from .build import Builder
from .select import EVERY_OVERLAY, OVERLAY
from .surroundings import TRIES, host, module_defaults, namespace_of
from .tables import Tables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..linux.mountinfo import Mount


class Seat(Record):
    """Where an overlay is mounted: in the mount namespace of this inode number, in which `pid` is a process.

    pid: None for the caller itself.
    """

    namespace: int | None
    pid: int | None
    mount_id: int
    mount_point: bytes


class Found(Record):
    """An overlay: its entry in `image`, and all its mounts in namespaces that may be looked into, maybe none.

    The states and places in the image are as seen from the image's own `namespace`.
    """

    overlay: model.Overlay
    image: model.Image
    seats: tuple[Seat, ...]


class System(Record):
    """All overlays that could be found; `hidden`: processes whose mount namespaces may not be looked into.

    complete: every source of every overlay is proved, and located, covered or elsewhere; nothing is hidden, nothing
    changed. consistent: no overlay came, went or moved while all of them were read.
    """

    found: tuple[Found, ...]
    complete: bool
    hidden: int
    abilities: tuple[tuple[str, str], ...]
    consistent: bool = True


def overlays_of_system(*, without: frozenset[str] = frozenset()) -> System:
    """Every overlay that this process can find; `without` as of `ovsi.dump.dump`.

    Raises Refusal: no-overlay, permission-denied where there may be some out of sight.
    """
    system = None
    for left in reversed(range(TRIES)):
        vantage = Vantage(None)
        try:
            system = _look(vantage, without, last=left == 0) or system
            if system is not None and system.consistent and not _changed(vantage, system):
                break
        finally:
            vantage.close()
    else:  # elsewhere on a busy system something always does
        system = system and system.replace(complete=False, consistent=False)
    assert system is not None, "the last look gives one"
    if not system.found and system.hidden:
        count = "1 process" if system.hidden == 1 else f"{system.hidden} processes"
        what = f"no overlay in sight, and {count} may not be looked into"
        raise Refusal("permission-denied", what, "this system")
    if not system.found:
        raise Refusal("no-overlay", "no mount namespace of this system holds an overlay", "this system")
    return system


def _look(vantage: Vantage, without: frozenset[str], *, last: bool) -> System | None:
    """None where overlays came or went meanwhile; the last time what is there is described all the same."""
    locator = Locator(vantage)
    kernel = WholeKernel(vantage, wanted=INTROSPECTION not in without)
    ladder = Ladder(vantage, locator, without, module_defaults, kernel)
    try:
        seats = _seats(vantage)
        held = kernel.devices()
        changing = kernel.changing
        if kernel.unavailable is None:
            missed = seats.keys() - held
            changing = changing or bool(missed)
            if changing and not last:
                return None
            known = {*held, *(missed & _mounted_now(vantage) if missed else ())}
            devices = [device for device in dict.fromkeys((*seats, *held)) if device in known]
            here, tables = vantage.here.table, Tables(vantage, ladder)
            accounts = ladder.accounts({device: sorted(here.by_device(device), key=_by_id) for device in devices})
            builder = Builder(tables, locator)
            overlays = [builder.overlay(account, f"o{number}") for number, account in enumerate(accounts)]
            images = [_image(vantage, tables, overlays)] if overlays else []
            complete = builder.complete
        else:
            images, complete = _by_namespaces(vantage, without, set(seats))
        hidden = 0 if held else _hidden()  # who is hidden can't hide an overlay from the kernel's own list
        complete = complete and not hidden and not changing
        return System(tuple(_found(images, seats)), complete, hidden, ladder.abilities(), not changing)
    finally:
        kernel.close()


def _mounted_now(vantage: Vantage) -> set[str]:
    """Devices of the overlays that are mounted at this moment, as far as can be seen."""
    found: set[str] = set()
    for space in (vantage.here, *vantage.others()):
        try:
            found |= {mount.device for mount in space.read_again().entries if mount.fs_type == OVERLAY}
        except OSError:
            continue  # the process ended
    return found


def _seats(vantage: Vantage) -> dict[str, list[Seat]]:
    """Where overlays are mounted, by their devices: the caller's mount namespace first."""
    seats: dict[str, list[Seat]] = {}
    for space in (vantage.here, *vantage.others()):
        for mount in space.table.entries:
            if mount.fs_type == OVERLAY:
                pid = None if space is vantage.here else space.pid
                seat = Seat(space.inode, pid, mount.mount_id, mount.mount_point)
                seats.setdefault(mount.device, []).append(seat)
    return seats


def _by_namespaces(vantage: Vantage, without: frozenset[str], wanted: set[str]) -> tuple[list[model.Image], bool]:
    """A dump of each namespace that holds an overlay which those before it did not."""
    images, complete = [], True
    for space in (vantage.here, *vantage.others()):
        if any(mount.fs_type == OVERLAY and mount.device in wanted for mount in space.table.entries):
            try:
                result = dump(space.pid, EVERY_OVERLAY, without=without | {INTROSPECTION})
            except Refusal:
                complete = False  # it ended, or changes all the time
                continue
            complete = complete and result.complete
            images.append(result.image)
            wanted -= {one.device for one in result.image.filesystems if one.type == "overlay"}
    return images, complete


def _image(vantage: Vantage, tables: Tables, overlays: list[model.Overlay]) -> model.Image:
    return model.Image(
        host=host(),
        namespace=namespace_of(vantage),
        filesystems=tuple(tables.filesystems),
        mounts=tuple(tables.mounts),
        overlays=tuple(overlays),
    )


def _found(images: list[model.Image], seats: dict[str, list[Seat]]) -> Iterator[Found]:
    """Each overlay once, from the first image that has it."""
    seen: set[str] = set()
    for image in images:
        devices = {one.id: one.device for one in image.filesystems}
        for overlay in image.overlays:
            device = devices[overlay.filesystem]
            if device not in seen:
                seen.add(device)
                yield Found(overlay, image, tuple(seats.get(device, ())))


def _changed(vantage: Vantage, system: System) -> bool:
    """Whether a mount of an overlay came, went or moved since the tables were read."""
    seats = {(seat.namespace, seat.mount_id) for one in system.found for seat in one.seats}
    for space in (vantage.here, *vantage.others()):
        if space.changed():
            ids = {number for namespace, number in seats if namespace == space.inode}
            try:
                fresh, old = space.read_again(), space.table
            except OSError:  # the process ended, and its namespace perhaps with it
                if ids:
                    return True
                continue
            ids |= {mount.mount_id for mount in fresh.entries if mount.fs_type == OVERLAY}
            if any(old.by_mount_id(number) != fresh.by_mount_id(number) for number in ids):
                return True
    return False


def _hidden() -> int:
    """How many processes there are whose mount namespace may not be looked into."""
    count = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                os.stat(f"/proc/{name}/ns/mnt")
            except PermissionError:
                count += 1
            except OSError:
                continue  # it ended
    return count


def _by_id(mount: Mount) -> int:
    return mount.mount_id
