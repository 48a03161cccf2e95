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
    missed = [row["what"] for row in run["rows"] if not row["met"]]
    verdict = f"These miss their mark: {'; '.join(missed)}." if missed else "Every row is within its mark."
    lines = [
        "# Benchmarks",
        "",
        "`make bench`, as root, measures these rows. Each is a ratio of two medians, taken in turn in one run on one",
        "machine, so that a slow or busy machine changes both sides.",
        "",
        f"The recorded run: Linux {run['kernel'].partition('-')[0]}, Python {run['python']}. {verdict}",
        "",
        "| what | measured | against | ratio | at most | |",
        "|---|---|---|---|---|---|",
        *map(_row, run["rows"]),
        "",
        *(line for curve in run.get("curves", []) for line in _curve(curve)),
    ]
    return "\n".join(lines)


def _row(row: dict[str, Any]) -> str:
    unit = row.get("unit", "ms")
    if row["what"].endswith(", MiB"):
        unit = "MiB"
    verdict = '<span class="met">met</span>' if row["met"] else '<span class="missed">missed</span>'
    cells = [
        row["what"].removesuffix(", MiB"),
        f"{row['measured_ms']:,.1f}&nbsp;{unit}",
        f"{row['against']}:<br>{row['baseline_ms']:,.1f}&nbsp;{unit}",
        f"{row['ratio']:.2f}",
        f"{row['mark']:g}",
        verdict,
    ]
    return f"| {' | '.join(cells)} |"


def _curve(curve: dict[str, Any]) -> Iterator[str]:
    plot = RESULTS / f"bench-{curve['name']}.svg"
    if plot.is_file():
        yield f"## {curve['title']}"
        yield ""
        yield f"<figure>{plot.read_text().strip().partition('?>')[2] or plot.read_text().strip()}</figure>"
        yield ""
