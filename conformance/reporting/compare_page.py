"""Several reports side by side: implementations are columns."""

from collections.abc import Iterator

from . import summary
from .html import Child, Html, mark, page, row, table, tag
from .report_page import cell, edition, mind, whole
from .summary import Json


def html(reports: list[Json]) -> str:
    """The page: what each may state, claims row by row, and the tests that did not come to the same."""
    names = _names(reports)
    body = [*_head(reports, names), *_claims(reports, names), *_differences(reports, names)]
    return page("OVSI conformance: " + ", ".join(names), *body)


def _names(reports: list[Json]) -> list[str]:
    plain = [f"{each['implementation']['name']} {each['implementation']['version']}" for each in reports]
    return [f"{name} ({place + 1})" if plain.count(name) > 1 else name for place, name in enumerate(plain)]


def _head(reports: list[Json], names: list[str]) -> Iterator[Child]:
    yield tag("h1", "Implementations beside each other")
    if len({(each["suite"], each["specification"]) for each in reports}) > 1:
        text = "These reports are of different suites or specifications: their numbers do not compare."
        yield tag("div", tag("p", text), class_="mind", role="note")
    yield tag("div", [_column(each, name) for each, name in zip(reports, names, strict=True)], class_="columns")


def _column(report: Json, name: str) -> Html:
    stated = (report["closing"] or {}).get("statements") or []
    proved, sources = summary.share(report["tests"])
    sound, judged = summary.soundness(report["tests"])
    built = summary.many(summary.stacks(report), "stack")
    return tag(
        "section",
        tag("h3", name),
        tag("p", edition(report), class_="soft"),
        tag("p", whole(report)),
        mind(report),
        tag("p", f"{built}: {sound} of {judged} dumps sound, {proved} of {sources} sources proved"),
        tag("ul", [tag("li", line) for line in stated], class_="statements") if stated else tag("p", "States nothing."),
    )


def _claims(reports: list[Json], names: list[str]) -> Iterator[Child]:
    tests = [summary.by_claim(each) for each in reports]
    triples = sorted(
        {claim for each in tests for claim in each} | {c for each in reports for c in summary.claimed(each)}
    )
    rows: list[Html] = []
    for kind in dict.fromkeys(claim[0] for claim in triples):
        rows.append(
            tag("tr", tag("th", kind.capitalize(), colspan=str(1 + len(names)), scope="rowgroup"), class_="group")
        )
        for claim in (each for each in triples if each[0] == kind):
            cells = [cell(report, claim, mine.get(claim, [])) for report, mine in zip(reports, tests, strict=True)]
            rows.append(row(f"{claim[1]}, {claim[2]}", *cells))
    yield tag("h2", "Verdict by class, profile and vantage")
    yield table("Tests by claim", ["profile, vantage", *names], rows) if rows else tag("p", "No tests.")


def _differences(reports: list[Json], names: list[str]) -> Iterator[Child]:
    """Tests that several were judged by, and that did not come to the same."""
    verdicts = [{test["id"]: test["verdict"] for test in report["tests"]} for report in reports]
    every = sorted({name for each in verdicts for name in each})
    judged = {name: {each[name] for each in verdicts if each.get(name) not in (None, "not-claimed")} for name in every}
    differing = [name for name in every if len(judged[name]) > 1]
    partly = sum(any(name not in each for each in verdicts) for name in every)
    yield tag("h2", "Tests that differ")
    yield tag("p", f"{len(differing)} of {len(every)} tests did not come to the same where they were judged.")
    if partly:
        yield tag("p", f"{partly} tests were not run for all of them.")
    if differing:
        columns: list[Child] = ["test", *names]
        yield table("Tests that differ", columns, [_difference(name, verdicts) for name in differing])


def _difference(name: str, verdicts: list[dict[str, str]]) -> Html:
    words = [each.get(name) for each in verdicts]
    cells = [mark(word) if word else mark("unfinished", "not run") for word in words]
    return row(tag("span", name, class_="id"), *cells)
