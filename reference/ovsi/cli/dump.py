"""`ovsi dump`."""

from __future__ import annotations

import os

from ..image.model import sources
from ..image.write import chunks
from . import report
from .files import open_output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..dump import DumpResult, Selector
    from ..image.model import Image
    from .arguments import Arguments

_SHOWN = 3


def run(arguments: Arguments) -> int:
    """Write the image; exit code 0 where every source is proved and reachable, else 3."""
    with open_output(arguments.one("output")) as output:
        result = take(arguments, _selector(arguments))
        output.write(*chunks(result.image))
    if result.complete:
        return 0
    for line in shortcomings(result.image):
        report.say(line)
    return 3


def take(arguments: Arguments, selector: Selector) -> DumpResult:
    """The dump of what is selected, with the options that `show` and `dump` share."""
    from ..dump import dump

    without = frozenset(rung for rungs in arguments.every("without") for rung in rungs)
    return dump(arguments.one("pid"), selector, without=without)


def by_mount_id(unique: bool, number: int) -> Selector:
    """The selector of a mount ID."""
    from ..dump import with_mount_id, with_unique_id

    return with_unique_id(number) if unique else with_mount_id(number)


def by_operand(arguments: Arguments, mount_point: bytes) -> Selector:
    """The selector of a mount point as a person types it: below the process of --pid as it is, else from here."""
    from ..dump import at_mountpoint

    return at_mountpoint(mount_point if arguments.given("pid") else os.path.realpath(mount_point))


def _selector(arguments: Arguments) -> Selector:
    from ..dump import EVERY_OVERLAY

    if arguments.given("all"):
        return EVERY_OVERLAY
    if arguments.given("mount-id"):
        return by_mount_id(*arguments.one("mount-id"))
    return by_operand(arguments, arguments.one("mountpoint"))


def shortcomings(image: Image) -> list[str]:
    """A line an overlay that says how many sources fall short, and which first."""
    lines = []
    for overlay in image.overlays:
        every = list(sources(overlay))
        short = [name for name, source in every if source.assurance != "proved"]
        lost = [f"{name} ({source.state})" for name, source in every if name not in short and source.location is None]
        lost += [f"{name} (detached)" for name, source in every if source.state == "detached"]
        for what, names in (("not proved", short), ("proved but out of reach", lost)):
            if names:
                first = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
                lines.append(f"overlay {overlay.id}: {len(names)} of {len(every)} sources {what}: {first}")
    return lines
