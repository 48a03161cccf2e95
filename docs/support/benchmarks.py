"""The page of the benchmarks, from the recorded run: docs/results/bench.json, which `make bench RECORD=1` writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks import plot
from benchmarks.results import Curve, Row, Run, from_document

RECORDED = Path(__file__).parents[1] / "results" / "bench.json"


def pages() -> Iterator[tuple[str, str]]:
    """The page, and the colours of its plots."""
    yield "benchmarks.md", page(from_document(json.loads(RECORDED.read_text())))
    colours = ";".join(f"--plot-{name}:light-dark({light},{dark})" for name, light, dark in plot.COLOURS)
    yield "css/plots.css", f".plot{{{colours}}}\n{plot.RULES}\n"


def page(run: Run) -> str:
    """The page of one run."""
    missed = run.missed()
    verdict = f"{len(missed)} of {len(run.rows)} rows miss their mark" if missed else "every row is within its mark"
    lines = [
        "# Benchmarks",
        "",
        "`make bench`, as root, measures these rows. Each is a ratio of two medians, taken in turn in one run on one",
        "machine, so that a slow or busy machine changes both sides; a number that was promised stands there itself.",
        f"The recorded run, on Linux {run.kernel} with Python {run.python}: {verdict}.",
        "",
        "| what | measured | against | ratio | at most | verdict |",
        "|---|---|---|---|---|---|",
        *map(_row, run.rows),
        "",
    ]
    if missed:
        lines += [
            "## Why a mark is missed",
            "",
            *(f"- **{_words(row.what)}**: {_words(row.spent)}." for row in missed),
            "",
        ]
    lines += ["## How it grows", "", '<div class="plots" markdown="1">', ""]
    lines += [line for curve in run.curves for line in _figure(curve)]
    lines += ["</div>", "", "## Figures", "", '<div class="figures" markdown="1">', ""]
    lines += [line for curve in run.curves for line in _table(curve)]
    return "\n".join([*lines, "</div>", ""])


def _row(row: Row) -> str:
    verdict = '<span class="met">met</span>' if row.met else '<span class="missed">missed</span>'
    against = row.against if row.fixed else f"{row.baseline:,.1f}&nbsp;{row.unit}: {_words(row.against)}"
    figures = [f"{row.measured:,.1f}&nbsp;{row.unit}", against, f"{row.ratio:.2f}", f"{row.mark:g}"]
    return f"| {' | '.join([_words(row.what), *figures, verdict])} |"


def _words(text: str) -> str:
    """With commands and system calls set apart."""
    return re.sub(
        r"(?:ovsi|findmnt|python3)(?: (?:--?\w+|dump|restore|overlay|pass)(?![\w-]))+|\w+\(2\)", r"`\g<0>`", text
    )


def _figure(curve: Curve) -> Iterator[str]:
    yield f"<figure><figcaption>{curve.title}</figcaption>{plot.drawing(curve)}</figure>"
    yield ""


def _table(curve: Curve) -> Iterator[str]:
    """Every figure of a curve, for who can't see it or wants the number."""
    names = list(curve.lines)
    yield f"### {curve.title}"
    yield ""
    yield f"| {curve.x} | {' | '.join(f'{_words(name)}, {curve.unit}' for name in names)} |"
    yield f"|---|{'---|' * len(names)}"
    figures = {name: dict(line) for name, line in curve.lines.items()}
    for x in sorted({x for line in figures.values() for x in line}):
        cells = [f"{figures[name][x]:,g}" if x in figures[name] else "" for name in names]
        yield f"| {x:,g} | {' | '.join(cells)} |"
    yield ""
