"""One overlay of more and more lower layers: time, peak memory, system calls; the promises are about the largest."""

from __future__ import annotations

import subprocess
from pathlib import Path

import stacks
from commands import BARE, dump, restore
from measure import in_turn, peak_mebibytes, system_calls
from results import Curve, Row, row

LAYERS = (1, 10, 50, 100, 250, 500)
_RUNS, _RUNS_OF_ROWS = 5, 15
_DUMP, _RESTORE, _START, _MOUNT = "ovsi dump", "ovsi restore", "python3 -I -c pass", "mount(2) alone"


def measure(world: Path) -> tuple[list[Row], list[Curve]]:
    """The rows of 500 layers, and the curves up to there."""
    times = Curve("layers", "One overlay, by its lower layers", "lower layers", "ms")
    memory = Curve("memory", "Peak memory, by lower layers", "lower layers", "MiB")
    calls = Curve("calls", "System calls, by lower layers", "lower layers", "calls")
    for layers in LAYERS:
        rows = _one(world / f"of-{layers}", layers, times, memory, calls)
    if calls.lines:
        rows += [_calls_a_layer(what, calls.lines[what]) for what in (_DUMP, _RESTORE)]
    else:
        print("no system calls were counted: strace is not installed")
    return rows, [times, memory] + [calls] * bool(calls.lines)


def _one(place: Path, layers: int, times: Curve, memory: Curve, calls: Curve) -> list[Row]:
    """The figures of one overlay; the rows are of the last one."""
    mountpoint, image, target = stacks.deep(place, layers), place / "image.json", place / "target"
    target.mkdir()
    dumping, restoring = dump(mountpoint, image), restore(image, target)
    runs = _RUNS_OF_ROWS if layers == LAYERS[-1] else _RUNS

    def undone() -> None:
        subprocess.run(["umount", str(target)], check=True)

    dumped, started = in_turn([dumping, BARE], runs)
    memory.add(_DUMP, layers, peak_mebibytes(dumping))
    counted = _counted(dumping)
    subprocess.run(["umount", str(mountpoint)], check=True)
    restored, started_again = in_turn([restoring, BARE], runs, undone)
    memory.add(_RESTORE, layers, peak_mebibytes(restoring))
    undone()
    if counted is not None:
        calls.add(_DUMP, layers, counted)
        calls.add(_RESTORE, layers, _counted(restoring) or 0)
        undone()
    for name, figure in ((_DUMP, dumped), (_RESTORE, restored), (_START, started)):
        times.add(name, layers, figure)
    times.add(_MOUNT, layers, stacks.time_of_mount(mountpoint, layers))
    peak = memory.lines[_DUMP][-1][1]
    return [
        row(f"dump of one {layers}-layer overlay", "python3 -I -c pass", dumped, started, 3),
        row("peak memory of that dump, MiB", "40 MiB", peak, 40, 1),
        row(f"restore of {layers} layers", "python3 -I -c pass", restored, started_again, 4),
    ]


def _counted(command: list[str]) -> int | None:
    try:
        return system_calls(command)
    except FileNotFoundError:
        return None


def _calls_a_layer(what: str, points: list[tuple[float, float]]) -> Row:
    """The slope, of which a handful is promised: what is found once for all is not asked for each layer."""
    (few, least), (many, most) = points[0], points[-1]
    return row(f"system calls a layer, {what}", "one", (most - least) / (many - few), 1, MOST_CALLS[what])


MOST_CALLS = {_DUMP: 2, _RESTORE: 6}
