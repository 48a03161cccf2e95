"""The pages of conformance results: made by the suite's own code from the reports under docs/results."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from conformance.reporting import badge, compare_page, report_page, summary

RESULTS = Path(__file__).parents[1] / "results"
Report = dict[str, Any]
_SUFFIX = ".report.json.gz"


def pages() -> Iterator[tuple[str, str]]:
    """The overview; each report's page, badge and JSON; the comparison."""
    names = sorted(path.name.removesuffix(_SUFFIX) for path in RESULTS.glob(f"*{_SUFFIX}"))
    reports = {name: _load(RESULTS / f"{name}{_SUFFIX}") for name in names}
    for name, report in reports.items():
        yield f"reports/{name}.html", _with_way_back(report_page.html(report))
        yield f"reports/{name}.svg", badge.svg(report)
        yield f"reports/{name}.json", json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    yield "reports/compare.html", _with_way_back(compare_page.html(list(reports.values())))
    yield "conformance.md", "\n".join(["# Conformance results", "", *_overview(), *_sections(reports)]) + "\n"


def _load(path: Path) -> Report:
    loaded: Report = json.loads(gzip.decompress(path.read_bytes()))
    return loaded


def _with_way_back(page: str) -> str:
    """A report's page, which knows of no other, with a link to the site."""
    before, opening, after = page.partition("<main>")
    if not opening:
        raise ValueError("a report's page without a <main>")
    return f'{before}{opening}<p><a href="../conformance.html">Overlay Source Image: conformance results</a></p>{after}'


def _overview() -> Iterator[str]:
    yield "What the suite found of the implementations in this repository: `ovsi`, the reference, and `ovsi-pl`, a"
    yield "second one in Perl, which was written from the specification and its schemas alone. Each is judged by what"
    yield "it claims; a statement names class, profiles, vantage and kernel ([chapter 9](spec/09-conformance.md)) and"
    yield "holds for the versions given. A badge counts, of each class, the [profiles and vantages](profiles.md) that"
    yield "may be stated among those that are claimed. [Side by side](reports/compare.html) they are columns of one"
    yield "page. To have yours there, [validate your tool](validate.md)."
    yield ""


def _sections(reports: dict[str, Report]) -> Iterator[str]:
    for name, report in reports.items():
        who = report["implementation"]
        yield f"## {who['name']} {who['version']}"
        yield ""
        yield _badge(report)
        yield ""
        yield f"{report_page.edition(report)}: [the page](reports/{name}.html), [the JSON](reports/{name}.json),"
        yield f"[the badge](reports/{name}.svg)."
        yield ""
        yield "| verdict | tests |"
        yield "|---|---|"
        yield from (f"| {word} | {count} |" for word, count in summary.counts(report["tests"]).items() if count)
        yield ""
        yield from (f"{line}\n" for line in summary.reservations(report))
        yield from (f"- {line}" for line in (report["closing"] or {}).get("statements", []))
        yield ""


def _badge(report: Report) -> str:
    """What the badge says, in words that wrap on a narrow screen."""
    said = badge.endpoint(report)
    words = "".join(f"<span>{escape(part)}</span>" for part in said["message"].split(", "))
    return f'<p class="badge"><span>{escape(said["label"])}</span>{words}</p>'
