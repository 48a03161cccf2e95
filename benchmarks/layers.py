"""One overlay of more and more lower layers: time, peak memory, system calls; the promises are about the largest."""

from __future__ import annotations

import subprocess
from pathlib import Path

from . import stacks
from .commands import BARE, dump, restore, restore_by
from .measure import in_turn, peak_mebibytes, system_calls
from .results import Curve, Row, row

LAYERS = (1, 10, 50, 100, 250, 500)
_RUNS, _RUNS_OF_ROWS = 5, 15
_DUMP, _RESTORE, _START, _MOUNT = "ovsi dump", "ovsi restore", "python3 -I -c pass", "mount(2) alone"
_AGAIN = "start beside the restore"
WAYS = {"append": "one name a call", "page": "one page of names"}
"""Ways of layer setup beside the descriptors that a kernel of today takes."""
MOST_CALLS = {_DUMP: 2, _RESTORE: 6}
"""System calls that a further layer may cost."""


def measure(world: Path) -> tuple[list[Row], list[Curve]]:
    """The rows of 500 layers, and the curves up to there."""
    times = Curve("layers", "One overlay, by its lower layers", "lower layers", "ms")
    memory = Curve("memory", "Peak memory, by lower layers", "lower layers", "MiB")
    calls = Curve("calls", "System calls, by lower layers", "lower layers", "calls")
    for layers in LAYERS:
        figures = _one(world / f"of-{layers}", layers, times, memory, calls)
    most, started = LAYERS[-1], _START
    peak = dict(memory.lines[_DUMP])[most]
    rows = [
        row(f"dump of one {most}-layer overlay", started, figures[_DUMP], figures[_START], 3, _spent(times, _DUMP)),
        row("peak memory of that dump", "40 MiB", peak, 40, 1, _spent(memory, _DUMP), "MiB"),
        row(f"restore of {most} layers", started, figures[_RESTORE], figures[_AGAIN], 4, _spent(times, _RESTORE)),
    ]
    rows += [_by_another_way(world / f"of-{most}", way, words) for way, words in WAYS.items()]
    if calls.lines:
        rows += [_calls_a_layer(what, calls) for what in (_DUMP, _RESTORE)]
    else:
        print("no system calls were counted: strace is not installed")
    return rows, [times, memory] + [calls] * bool(calls.lines)


def _spent(curve: Curve, line: str) -> str:
    """What the first layer costs and what each further one of many; `curve` is of milliseconds or of MiB."""
    least, slope = curve.least_and_slope(line)
    each = f"{slope * 1000:.0f} µs" if curve.unit == "ms" else f"{slope * 1024:.0f} KiB"
    start = f", {curve.lines[_START][0][1]:.1f} ms of that the interpreter's start" if _START in curve.lines else ""
    return f"{least:.1f} {curve.unit} with one layer{start}; each further one of many takes {each}"


def _one(place: Path, layers: int, times: Curve, memory: Curve, calls: Curve) -> dict[str, float]:
    """Measure one overlay; returns the times, the interpreter's start beside each of both commands."""
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
    return {_DUMP: dumped, _START: started, _RESTORE: restored, _AGAIN: started_again}


def _by_another_way(place: Path, way: str, words: str) -> Row:
    """A restore of the image that `_one` left there."""
    target = place / "target"
    restoring = restore_by(way, place / "image.json", target)
    restored, started = in_turn([restoring, BARE], _RUNS_OF_ROWS, lambda: stacks.unmount(target))
    spent = f"{restored - started:.1f} ms beside the interpreter's start"
    return row(f"restore of {LAYERS[-1]} layers by {words}", _START, restored, started, 4, spent)


def _counted(command: list[str]) -> int | None:
    try:
        return system_calls(command)
    except FileNotFoundError:
        return None


def _calls_a_layer(what: str, calls: Curve) -> Row:
    """The slope, of which a handful is promised: what is found once for all is not asked for each layer."""
    least, slope = calls.least_and_slope(what)
    spent = f"{least:,g} calls with one layer"
    return row(f"system calls a layer, {what}", f"{MOST_CALLS[what]} calls", slope, MOST_CALLS[what], 1, spent, "calls")
