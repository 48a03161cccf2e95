"""Measure the rows of the design's table of numbers; see README.md beside this file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import stacks

ROOT = Path(__file__).parents[1]
OVSI = str(Path(sys.executable).parent / "ovsi")
BARE = [sys.executable, "-I", "-c", "pass"]
RUNS = 15


@dataclass(frozen=True)
class Row:
    """One promise: what was measured, against what, and the mark."""

    what: str
    against: str
    measured_ms: float
    baseline_ms: float
    ratio: float
    mark: float

    @property
    def met(self) -> bool:
        return self.ratio <= self.mark


def seconds(command: list[str]) -> float:
    """Wall-clock seconds of a whole process. Raises CalledProcessError when it does not exit 0."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    return time.perf_counter() - start


def compare(
    what: str,
    against: str,
    mark: float,
    run: list[str],
    base: list[str],
    runs: int = RUNS,
    between: Callable[[], object] = lambda: None,
) -> Row:
    """Medians of two commands taken in turn."""
    pairs: list[tuple[float, float]] = []
    for _ in range(runs + 1):
        pairs.append((seconds(run), seconds(base)))
        between()
    measured, baseline = (median(side) * 1000 for side in zip(*pairs[1:], strict=True))
    return Row(what, against, round(measured, 2), round(baseline, 2), round(measured / baseline, 2), mark)


def dump(mountpoint: Path | None, output: Path) -> list[str]:
    which = ["--mountpoint", str(mountpoint)] if mountpoint else ["--all"]
    return [OVSI, "dump", "--pid", str(os.getpid()), *which, "--output", str(output)]


def peak_mebibytes(command: list[str]) -> float:
    """Peak resident memory of one run."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    shown = subprocess.run([sys.executable, "-I", "-c", code, *command], check=True, capture_output=True, text=True)
    return int(shown.stdout) / 1024


def one_deep_overlay(world: Path) -> list[Row]:
    mountpoint, image, target = stacks.deep(world, 500), world / "deep.json", world / "target"
    target.mkdir()
    dumping = dump(mountpoint, image)
    rows = [compare("dump of one 500-layer overlay", "python3 -I -c pass", 3, dumping, BARE)]
    memory = peak_mebibytes(dumping)
    rows.append(Row("peak memory of that dump, MiB", "40 MiB", memory, 40, round(memory / 40, 2), 1))
    subprocess.run(["umount", str(mountpoint)], check=True)
    restoring = [OVSI, "restore", "--image", str(image), "--target", str(target)]
    rows.append(
        compare(
            "restore of 500 layers",
            "python3 -I -c pass",
            4,
            restoring,
            BARE,
            between=lambda: subprocess.run(["umount", str(target)], check=True),
        )
    )
    return rows


def many_overlays(world: Path, small: int, large: int) -> list[Row]:
    image = world / "many.json"
    stacks.many(world, small)
    rows = [
        compare(
            f"dump --all of {small} overlays of 10 layers",
            "findmnt -J -t overlay",
            10,
            dump(None, image),
            ["findmnt", "-J", "-t", "overlay"],
            runs=5,
        )
    ]
    few = median(seconds(dump(None, image)) for _ in range(3))
    stacks.many(world, large - small)
    lots = median(seconds(dump(None, image)) for _ in range(3))
    rows.append(
        Row(
            f"dump --all of {large} overlays",
            f"of {small}",
            round(lots * 1000, 1),
            round(few * 1000, 1),
            round(lots / few, 2),
            11,
        )
    )
    return rows


def main() -> int:
    world = stacks.private_world()
    rows = one_deep_overlay(world) + many_overlays(world, 1000, 10_000)
    report = ROOT / "build" / "bench.json"
    report.parent.mkdir(exist_ok=True)
    report.write_text(
        json.dumps(
            {
                "kernel": os.uname().release,
                "python": sys.version.split()[0],
                "rows": [asdict(row) | {"met": row.met} for row in rows],
            },
            indent=2,
        )
        + "\n"
    )
    for row in rows:
        verdict = "met   " if row.met else "MISSED"
        print(f"{verdict} {row.ratio:6.2f} (at most {row.mark:g})  {row.what} against {row.against}", end=": ")
        print(f"{row.measured_ms:g} / {row.baseline_ms:g}")
    print(f"written: {report.relative_to(ROOT)}")
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
