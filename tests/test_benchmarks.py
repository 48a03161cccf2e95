"""What a run of the benchmarks says of itself, and the page that is made of it."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import pytest

from benchmarks import plot
from benchmarks.results import Curve, Run, from_document, row
from docs.support import benchmarks as pages


def run() -> Run:
    curve = Curve("layers", "One overlay", "lower layers", "ms", lines={"ovsi dump": [(1, 20.0), (500, 60.5)]})
    tens = Curve(
        "overlays", "All", "overlays", "ms", True, {"ovsi dump --all": [(10, 20), (10_000, 3000)], "b": [(10, 1)]}
    )
    rows = [
        row("dump of one 500-layer overlay", "python3 -I -c pass", 60.5, 15, 3, "20.0 ms with one layer"),
        row("peak memory of that dump", "40 MiB", 14.9, 40, 1, "9 MiB with one layer", "MiB"),
    ]
    return Run("6.18.44", "3.11.2", rows, [curve, tens])


def test_a_recorded_run_is_the_run() -> None:
    assert from_document(json.loads(json.dumps(run().document()))) == run()


def test_a_missed_row_says_its_figures_and_the_reason() -> None:
    missed, met = map(str, run().rows)
    assert missed.startswith(
        "MISSED   4.03 (at most 3)  dump of one 500-layer overlay: 60.5 ms, against 15 ms of python3"
    )
    assert missed.splitlines()[1].split() == ["reason:", "20.0", "ms", "with", "one", "layer"]
    assert met == "met      0.37 (at most 1)  peak memory of that dump: 14.9 MiB, against 40 MiB"


def test_the_page_has_each_row_and_the_reason_of_a_missed_one() -> None:
    page = pages.page(run())
    assert "1 of 2 rows miss their mark" in page
    assert "| dump of one 500-layer overlay | 60.5&nbsp;ms | 15.0&nbsp;ms: `python3 -I -c pass` | 4.03 | 3 |" in page
    assert "- **dump of one 500-layer overlay**: 20.0 ms with one layer." in page
    assert "9 MiB with one layer" not in page
    assert page.count("<svg") == 2
    assert "| 10 | 20 | 1 |\n| 10,000 | 3,000 |  |" in page


def test_the_page_of_a_run_without_a_miss_gives_no_reasons() -> None:
    whole = run()
    del whole.rows[0]
    page = pages.page(whole)
    assert "every row is within its mark" in page
    assert "Why a mark is missed" not in page


@pytest.mark.parametrize("curve", run().curves, ids=lambda curve: curve.name)
def test_a_plot_holds_its_figures_as_text_and_stays_on_its_paper(curve: Curve) -> None:
    element = ET.fromstring(plot.svg(curve))
    space = "{http://www.w3.org/2000/svg}"
    for line in curve.lines.values():
        for x, y in line:
            assert f"{y:,g} ms at {x:,g}" in (element.findtext(f"{space}desc") or "")
    _, _, width, height = map(float, element.attrib["viewBox"].split())
    for path in element.iter(f"{space}path"):
        for x, y in re.findall(r"[ML]([-\d.]+) ([-\d.]+)", path.attrib["d"]):
            assert 0 <= float(x) <= width
            assert 0 <= float(y) <= height


def test_a_plot_counts_in_whole_numbers() -> None:
    workers = Curve("suite", "The suite", "workers", "s", lines={"suite": [(1, 170.0), (2, 97.0)]})
    assert [float(text) for text in re.findall(r'text-anchor="middle">([\d.]+)<', plot.svg(workers))] == [0, 1, 2]
