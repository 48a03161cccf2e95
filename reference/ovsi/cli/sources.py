"""`ovsi sources`: what overlays are made of, a line a source: its device and file handle, and where they lead."""

from __future__ import annotations

import os

from ..image.model import by_id
from . import report, terminal
from .arguments import UsageError
from .dump import by_mount_id, by_operand, take

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..dump.system import Found, System
    from ..image.model import Image, Overlay
    from .arguments import Arguments


def run(arguments: Arguments) -> int:
    """Print the sources; exit code 0 where every one is proved and reachable, and none can be missing, else 3."""
    system = _find(arguments)
    if arguments.given("json"):
        from .document import document
        from .listing import as_data

        data = document(as_data(system))
    else:
        from .listing import lines

        data = terminal.encoded(lines(system.found, _home()))
    terminal.show(data)
    if system.hidden:
        count = "1 process" if system.hidden == 1 else f"{system.hidden} processes"
        report.say(f"{count} may not be looked into: overlays of other mount namespaces may be missing")
    if not system.consistent:
        report.say("overlays came or went all the time while they were read: some may be missing, or be gone")
    return 0 if system.complete else 3


def _find(arguments: Arguments) -> System:
    operand, mount_id, everywhere = arguments.operand, arguments.one("mount-id"), arguments.given("all-namespaces")
    if (operand is not None) + (mount_id is not None) + everywhere != 1:
        raise UsageError("give MOUNTPOINT, --mount-id ID or --all-namespaces, one of them", arguments.command)
    if everywhere and arguments.given("pid"):
        raise UsageError("--pid does not go with --all-namespaces", arguments.command)
    from ..dump.system import System, overlays_of_system

    if everywhere:
        return overlays_of_system(without=frozenset(rung for some in arguments.every("without") for rung in some))
    result = take(arguments, by_mount_id(*mount_id) if operand is None else by_operand(arguments, operand))
    found = [_as_found(result.image, overlay, arguments.one("pid")) for overlay in result.image.overlays]
    return System(tuple(found), result.complete, 0, result.abilities)


def _as_found(image: Image, overlay: Overlay, pid: int | None) -> Found:
    from ..dump.system import Found, Seat

    space = image.namespace.inode if image.namespace else None
    table = by_id(image.mounts)
    mounts = [table[mount] for mount in overlay.mounts]
    seats = [Seat(space, pid, mount.mount_id, mount.mount_point) for mount in mounts]
    return Found(overlay, image, tuple(seats))


def _home() -> int | None:
    """The inode number of this process's mount namespace, whose paths need no name."""
    try:
        return os.stat("/proc/self/ns/mnt").st_ino
    except OSError:
        return None
