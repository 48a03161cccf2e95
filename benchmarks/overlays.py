"""All overlays of a namespace, more and more of them, of ten layers each."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from . import stacks
from .commands import FINDMNT, dump, dump_all_of
from .measure import in_turn, peak_mebibytes
from .results import Curve, Row, row

OVERLAYS = (10, 100, 1000, 10_000)
_THOUSAND = 1000
_RUNS = 5
_DUMP, _FINDMNT = "ovsi dump --all", "findmnt -J -t overlay"


def measure(world: Path) -> tuple[list[Row], list[Curve]]:
    """The rows of 1,000 and 10,000 overlays, and the curves."""
    times = Curve("overlays", "All overlays of a namespace", "overlays of 10 layers", "ms", logarithmic=True)
    memory = Curve("overlays-memory", "Peak memory of that dump", "overlays of 10 layers", "MiB", logarithmic=True)
    made = 0
    with ExitStack() as held:
        for overlays in OVERLAYS:
            stacks.many(world / f"to-{overlays}", overlays - made)
            made = overlays
            dumping = dump(None, world / "all.json")
            for name, figure in zip((_DUMP, _FINDMNT), in_turn([dumping, FINDMNT], _RUNS), strict=True):
                times.add(name, overlays, figure)
            memory.add(_DUMP, overlays, peak_mebibytes(dumping))
            if overlays == _THOUSAND:
                thousand = held.enter_context(stacks.kept())
        # In turn, for minutes have gone by since the thousand were measured, in which a machine changes its pace.
        commands = [dump_all_of(process, world / "all.json") for process in (thousand, os.getpid())]
        few, many = in_turn(commands, _RUNS)
    dumped, found = (dict(times.lines[name]) for name in (_DUMP, _FINDMNT))
    (least, slope), (_, slope_found) = (times.least_and_slope(name) for name in (_DUMP, _FINDMNT))
    spent = (
        f"{least:.1f} ms with {OVERLAYS[0]} overlays; each further one, of 10 layers, {slope * 1000:.0f} µs, where "
        f"findmnt, which prints one line of it, takes {slope_found * 1000:.0f} µs"
    )
    grown = f"{few:.0f} µs an overlay at 1,000, {many / 10:.0f} µs at 10,000"
    rows = [
        row("dump --all of 1,000 overlays of 10 layers", _FINDMNT, dumped[_THOUSAND], found[_THOUSAND], 10, spent),
        row("dump --all of 10,000 overlays", "that of 1,000", many, few, 11, grown),
    ]
    return rows, [times, memory]
