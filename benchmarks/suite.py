"""The whole conformance suite, with one worker and with two."""

from __future__ import annotations

import os

from .commands import suite
from .measure import seconds
from .results import Curve, Row, row


def measure() -> tuple[list[Row], list[Curve]]:
    """Takes minutes."""
    curve = Curve("suite", "The whole suite, by workers", "workers", "s")
    for workers in (1, 2):
        curve.add("pytest conformance", workers, seconds(suite(workers)))
    (_, one), (_, two) = curve.lines["pytest conformance"]
    spent = f"{two:.0f} s with 2 workers, {one:.0f} s with 1, on a machine of {os.cpu_count()} processors"
    rows = [
        row("the whole suite, 2 workers", "90 s", two, 90, 1, spent, "s"),
        row("the whole suite, 2 workers", "1 worker", two, one, 0.6, spent, "s"),
    ]
    return rows, [curve]
