"""What is published of a report: pages in a browser, a badge; nothing looks better than it is."""

import itertools
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.harness import publish
from conformance.reporting import badge, compare_page, report_page
from conformance.reporting.forms import forms

from .mutants.registry import command
from .support.chromium import Browser, Page, why_not
from .support.run_suite import ROOT, suite

SCREENSHOTS = ROOT / "build" / "screenshots" / "report"
Json = dict[str, Any]
LOOKS = [pytest.param(w, d, id=f"{w}-{'dark' if d else 'light'}") for w, d in itertools.product((400, 1400), (0, 1))]


def example(**other: Any) -> Json:
    """A report of some tests of every verdict, with names that are not kind to a page."""
    claim: Json = {"class": "dumper", "profile": "core", "vantage": "inside"}
    finding = {
        "requirement": "OVSI-DUMP-002",
        "subject": "lower/0: inode",
        "source": "lower/0",
        "expected": "7",
        "got": "<script>",
    }
    layers: list[Json] = [
        {"label": "upper", "role": "upper", "on": "store", "directory": "/u", "expected": {"state": "located"}},
        {"label": "lower/0", "role": "lower", "on": "store", "directory": "/" + "x" * 255, "expected": {"inode": "7"}},
        {"label": "…", "role": "more", "count": 480, "expected": {}},
    ]
    layers[1]["found"] = {"inode": "<script>"}
    tests: list[Json] = [
        {"id": "t.py::test_sound[core-a-inside]", "verdict": "failed", "findings": [finding], "layers": layers},
        {"id": "t.py::test_x[b]", "verdict": "errored", "reason": "it died"},
        {"id": "t.py::test_x[c]", "verdict": "skipped", "reason": "no btrfs"},
        {"id": "t.py::test_x[d]", "verdict": "passed", "proved": [1, 3], "stacks": ["core-a"]},
        {"id": "t.py::test_x[e]", "verdict": "not-claimed", "profile": "deep"},
    ]
    return {
        "format": "ovsi-conformance-report",
        "suite": "0.1.0",
        "specification": "1.0",
        "implementation": {"name": "an <b>implementation</b>", "version": "1"},
        "kernel": "6.1",
        "abilities": {"btrfs": {"present": False, "reason": "not there"}},
        "claims": [claim, claim | {"profile": "relative"}],
        "withdrawn": [{"id": "t.py::test_w", "since": "0.1.0", "reason": "it blamed what is right"}],
        "stacks": {"core-a": ["stack a"]},
        "tests": [claim | {"requirements": ["OVSI-DUMP-002"], "duration": 0.1} | test for test in tests],
        "closing": {"verdict": "failed", "counts": {}, "statements": []},
    } | other


def passed(**other: Any) -> Json:
    found = example()
    test = found["tests"][3]
    tests = [test | {"id": f"t.py::test_x[{name}]", "profile": name} for name in ("core", "relative")]
    statement = "OVSI 1.0 Dumper: core, relative (inside, Linux 6.1)"
    closing = {"verdict": "passed", "counts": {"passed": 2}, "statements": [statement]}
    return found | {"tests": tests, "closing": closing} | other


# What is said


def test_the_example_is_a_report(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps(example()))
    assert publish.read(tmp_path / "r.json") == example()


def test_whole_run() -> None:
    report = passed()
    assert badge.message(report) == "Dumper 2/2"
    assert badge.endpoint(report)["label"] == "OVSI 1.0 (suite 0.1.0)"
    assert report["closing"]["statements"][0] in report_page.html(report)
    assert 'role="note"' not in report_page.html(report)


@pytest.mark.parametrize(
    ("report", "on_the_badge", "on_the_page"),
    [
        (passed(closing=None, selected=9), "unfinished run", "Unfinished: the run ended after 2 of 9 tests."),
        (passed(tests=[], closing={"verdict": "empty", "counts": {}}), "empty run", "Empty: no test was executed."),
        (passed(part=["--smoke"]), "a part of the tests: passed", "A part of the tests only (--smoke)."),
        (example(), "Dumper 0/2 (failed)", "Partial: 1 test skipped"),
    ],
)
def test_what_is_not_whole_is_shown_so(report: Json, on_the_badge: str, on_the_page: str) -> None:
    assert badge.message(report) == on_the_badge
    assert on_the_page in badge.svg(report)
    for page in (report_page.html(report), compare_page.html([passed(), report])):
        assert on_the_page in page
    assert badge.endpoint(report)["color"] != badge.endpoint(passed())["color"] or report.get("part")
    assert "passed</span>" not in re.findall(r'<span class="whole">.*?</div>', report_page.html(report))[0][:120]


def test_forms_are_well_formed() -> None:
    made = forms(example())
    assert set(made) == {"index.html", "junit.xml", "badge.json", "badge.svg"}
    ET.fromstring(made["badge.svg"])
    ET.fromstring(made["junit.xml"])
    assert json.loads(made["badge.json"])["schemaVersion"] == 1
    assert "<script" not in made["index.html"]
    assert not re.search(r"(?:src|href)=\"(?!data:)", made["index.html"])


def test_reports_of_different_suites_do_not_compare() -> None:
    text = "their numbers do not compare"
    assert text in compare_page.html([passed(), passed(suite="0.2.0")])
    assert text not in compare_page.html([passed(), example()])


def test_only_what_differs_is_listed() -> None:
    other = passed()
    other["tests"] = [{**other["tests"][0], "verdict": "failed"}, other["tests"][1]]
    page = compare_page.html([passed(), other])
    assert "1 of 2 tests did not come to the same" in page


# In a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if reason := why_not():
        pytest.skip(reason)
    with Browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def naive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a real run, of the naive implementation on a few stacks."""
    directory = tmp_path_factory.mktemp("naive")
    chosen = "(test_sound or test_exact or test_vector) and (relative-short-names-inside or valid/minimal)"
    suite(f"--impl={command('naive')}", f"--report={directory}", "-k", chosen, limit=300)
    return directory


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, naive: Path) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("pages")
    reports = {"example": example(), "passed": passed(), "unfinished": passed(closing=None, selected=9)}
    found = {"naive": naive / "index.html"}
    for name, report in reports.items():
        found[name] = publish.everything(report, directory / name)[0]
    three = [publish.read(naive / "report.json"), example(), passed()]
    return found | {"compare": publish.comparison(three, directory / "compare.html")}


@pytest.mark.parametrize(("width", "dark"), LOOKS)
@pytest.mark.parametrize("name", ["naive", "example", "passed", "unfinished", "compare"])
def test_page_in_a_browser(browser: Browser, pages: dict[str, Path], name: str, width: int, dark: int) -> None:
    page = browser.open(pages[name].as_uri(), width=width, dark=bool(dark))
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    page.screenshot(SCREENSHOTS / f"{name}-{width}-{'dark' if dark else 'light'}.png")
    assert page.complaints == []
    assert page.foreign() == []
    assert [url for url in page.requests if not url.startswith("data:")] == [pages[name].as_uri()]
    assert page.overflow() == []
    assert page.unreachable() == []
    assert _too_faint(page) == []


def _too_faint(page: Page) -> list[str]:
    """Texts whose contrast with what is behind them is below 4.5:1 (WCAG 2.2, 1.4.3)."""
    found: list[str] = page.evaluate((Path(__file__).parent / "support" / "contrast.js").read_text())
    return found


def test_filter_by_verdict_with_the_keyboard(browser: Browser, pages: dict[str, Path]) -> None:
    page = browser.open(pages["example"].as_uri())
    shown = "[...document.querySelectorAll('.tests > li')].filter(e => e.offsetParent).map(e => e.dataset.verdict)"
    assert page.evaluate(shown) == ["failed", "errored", "skipped", "withdrawn"]
    page.evaluate("document.getElementById('show-passed').focus()")
    page.press("Space")
    assert "passed" in page.evaluate(shown)
    page.press("Tab")
    page.press("Space")
    assert "failed" not in page.evaluate(shown)


def test_failure_opens_with_the_keyboard_and_is_drawn(browser: Browser, pages: dict[str, Path]) -> None:
    page = browser.open(pages["naive"].as_uri())
    page.evaluate("document.querySelector('[data-verdict=failed] summary').focus()")
    page.press("Enter")
    layers = "[...document.querySelectorAll('details[open] .layer h4')].map(e => e.innerText)"
    assert page.evaluate(layers) == ["upper", "lower/0", "lower/1", "lower/2", "work"]
    assert page.evaluate("document.querySelectorAll('details[open] .layer.wrong .differs').length") > 0
    assert page.evaluate("document.querySelector('details[open]').innerText").count("ovsi-conformance 'test_") == 1


def test_what_a_restored_mount_served_is_drawn_at_the_layers(naive: Path) -> None:
    """Contents that were to come from a source are that source's finding."""
    tests = {test["id"]: test for test in publish.read(naive / "report.json")["tests"]}
    (test,) = (test for name, test in tests.items() if "test_exact" in name)
    served = {finding["source"] for finding in test["findings"] if finding["subject"].startswith("read ")}
    assert served == {"upper", "lower/0", "lower/1", "lower/2"}
    assert all("decoy" in finding["got"] for finding in test["findings"] if finding["subject"].startswith("read "))
