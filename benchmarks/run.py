"""Measure what the design promises, and how it grows; see README.md beside this file."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import layers
import overlays
import stacks
import suite
from plot import svg
from results import Curve, Row

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", action="store_true", help="the conformance suite too, which takes minutes")
    wanted = parser.parse_args()
    rows, curves = suite.measure() if wanted.suite else ([], [])
    world = stacks.private_world()
    for part in (layers, overlays):
        more_rows, more_curves = part.measure(world)
        rows, curves = [*rows, *more_rows], [*curves, *more_curves]
    write(rows, curves)
    for row in rows:
        print(row)
    missed = [row for row in rows if not row.met]
    print(f"{len(missed)} of {len(rows)} miss their mark" if missed else "every row is within its mark")
    return 1 if missed else 0


def write(rows: list[Row], curves: list[Curve]) -> None:
    """build/bench.json, and a plot a curve beside it."""
    BUILD.mkdir(exist_ok=True)
    run = {
        "kernel": os.uname().release,
        "python": sys.version.split()[0],
        "rows": [asdict(row) | {"met": row.met} for row in rows],
        "curves": [asdict(curve) for curve in curves],
    }
    (BUILD / "bench.json").write_text(json.dumps(run, indent=2) + "\n")
    for curve in curves:
        (BUILD / f"bench-{curve.name}.svg").write_text(svg(curve))
    print(f"written: {BUILD.name}/bench.json and {len(curves)} plots beside it")


if __name__ == "__main__":
    sys.exit(main())
