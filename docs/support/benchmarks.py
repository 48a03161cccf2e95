"""The page of the benchmarks, from the last recorded run: docs/results/bench.json, and its plots beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"


def pages() -> Iterator[tuple[str, str]]:
    """The page."""
    yield "benchmarks.md", page(json.loads((RESULTS / "bench.json").read_text()))


def page(run: dict[str, Any]) -> str:
    """The page of one run."""
    missed = [row for row in run["rows"] if not row["met"]]
    verdict = f"{len(missed)} of {len(run['rows'])} rows miss their mark" if missed else "Every row is within its mark"
    lines = [
        "# Benchmarks",
        "",
        "`make bench`, as root, measures these rows. Each is a ratio of two medians, taken in turn in one run on one",
        "machine, so that a slow or busy machine changes both sides.",
        "",
        f"The recorded run: Linux {run['kernel']}, Python {run['python']}. {verdict}.",
        "",
        "| what | against | measured | beside it | ratio | at most | |",
        "|---|---|---|---|---|---|---|",
        *map(_row, run["rows"]),
        "",
    ]
    return "\n".join(lines)


def _row(row: dict[str, Any]) -> str:
    unit = "" if "MiB" in row["what"] else " ms"
    verdict = '<span class="met">met</span>' if row["met"] else '<span class="missed">missed</span>'
    cells = [
        row["what"],
        row["against"],
        f"{row['measured_ms']:,}{unit}",
        f"{row['baseline_ms']:,}{unit}",
        f"{row['ratio']:.2f}",
        f"{row['mark']:g}",
        verdict,
    ]
    return f"| {' | '.join(cells)} |"
