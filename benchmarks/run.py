"""Measure what the design promises, and how it grows; see README.md beside this file."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from . import layers, overlays, stacks, suite
from .plot import svg
from .results import Run

ROOT = Path(__file__).parents[1]
BUILD, RECORD = ROOT / "build" / "bench", ROOT / "docs" / "results" / "bench.json"


def main() -> int:
    """Print the rows; exit 1 where one misses its mark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", action="store_true", help="the conformance suite too, which takes minutes")
    parser.add_argument(
        "--record", action="store_true", help=f"all of it, kept for the site: {RECORD.relative_to(ROOT)}"
    )
    wanted = parser.parse_args()
    run = measured(wanted.suite or wanted.record)
    document = json.dumps(run.document(), indent=1) + "\n"
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / "bench.json").write_text(document)
    for curve in run.curves:
        (BUILD / f"{curve.name}.svg").write_text(svg(curve))
    if wanted.record:
        RECORD.write_text(document)
    for row in run.rows:
        print(row)
    missed = len(run.missed())
    print(f"{missed} of {len(run.rows)} miss their mark" if missed else "every row is within its mark")
    print(f"written: {BUILD.relative_to(ROOT)}" + (f", {RECORD.relative_to(ROOT)}" if wanted.record else ""))
    return 1 if missed else 0


def measured(with_suite: bool) -> Run:
    """The suite first: it wants the mount namespace that the machine has, the others leave it."""
    parts = [suite.measure()] if with_suite else []
    world = stacks.private_world()
    parts += [part.measure(world) for part in (layers, overlays)]
    rows = [row for rows, _ in parts for row in rows]
    curves = [curve for _, curves in parts for curve in curves]
    return Run(os.uname().release.partition("-")[0], sys.version.split()[0], rows, curves)


if __name__ == "__main__":
    sys.exit(main())
