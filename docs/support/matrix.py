"""The page that lists every requirement with the tests that judge it and the mutants that break it; their sources."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from functools import cache
from html import escape
from itertools import groupby
from pathlib import Path

from tests.mutants.registry import mutants, right_variants
from tests.mutants.suites import SUITES
from tests.support.requirements import Requirement
from tests.support.traces import Place, is_mutant, places

from . import vectors

ROOT = Path(__file__).parents[2]


def page(requirements: list[Requirement]) -> str:
    """The page, from the requirements in reading order."""
    return "\n".join(["# Requirements", "", *_summary(requirements), *_chapters(requirements)]) + "\n"


def sources() -> Iterator[tuple[str, str]]:
    """A page for the source of each test and mutant, named as `page` links it."""
    judging = {place.file for where in places().values() for place in where}
    breaking = {_source_of(name) for names in _breakers().values() for name in names}
    for file in sorted(judging | breaking):
        if file.endswith(".py"):
            yield _page_of(file), f"# {file}\n\n~~~~~python\n{(ROOT / file).read_text()}~~~~~\n"


def numbered(html: str) -> tuple[str, set[str]]:
    """The page of a source with a place a line, `#L-12`, and these places."""
    before, _, rest = html.partition("<code>")
    code, _, after = rest.rpartition("</code>")
    lines = {f"L-{number}": line for number, line in enumerate(code.splitlines(), 1)}
    spans = "".join(f'<span id="{place}">{line}</span>\n' for place, line in lines.items())
    return f"{before}<code>{spans}</code>{after}", set(lines)


def judges(requirement: Requirement) -> list[tuple[str, int]]:
    """What judges a requirement, kind by kind, as a noun and a count."""
    found = [len(tests(requirement)), len(_vectors(requirement)), len(_breakers().get(requirement.id, ()))]
    return [(noun, count) for noun, count in zip(("test", "vector", "mutant"), found, strict=True) if count]


def tests(requirement: Requirement) -> list[Place]:
    """Tests that name it, and functions of the suite's judge that find it broken; vectors apart.

    A constant counts where no function of its file names the requirement too.
    """
    where = [place for place in places().get(requirement.id, []) if not is_mutant(place.file)]
    functions = {place.file for place in where if not place.name.isupper()}
    return [place for place in where if place.name and not (place.name.isupper() and place.file in functions)]


def _vectors(requirement: Requirement) -> list[str]:
    return vectors.by_requirement().get(requirement.id, [])


def _source_of(mutant: str) -> str:
    return f"tests/mutants/{mutant.partition('.')[0]}.py"


def _page_of(file: str) -> str:
    return f"sources/{posixpath.splitext(file)[0].replace('/', '-')}.md"


def _summary(requirements: list[Requirement]) -> Iterator[str]:
    standing = [requirement for requirement in requirements if requirement.withdrawn is None]
    untestable = [requirement for requirement in standing if requirement.untestable is not None]
    tested = [each for each in standing if each not in untestable and (tests(each) or _vectors(each))]
    broken = [requirement for requirement in standing if requirement.id in _breakers()]
    yield f"What the [specification](spec/index.md) requires, and what judges it. {len(standing)} requirements:"
    yield f"{len(tested)} are tested, {len(broken)} are broken by a mutant, {len(untestable)} can't be tested. Each id"
    yield "leads to its chapter, each name to its place in the source. What stands in `harness/judge` judges every"
    yield "stack that is dumped or restored."
    yield ""
    yield "## Vectors and mutants"
    yield ""
    yield "A *vector* is a document that a reader of images [accepts or refuses](vectors.md)."
    yield ""
    yield f"A *mutant* is a wrong implementation that the suite has to catch. There are {len(mutants())}, each with the"
    yield "requirements that it is found to break, those and no others; the names of families stand before a dot."
    yield f"{len(SUITES)} wrong suites are found out by the project's own tests. {len(right_variants())} right variants"
    yield "differ in what the specification leaves free, and are not blamed."
    yield ""
    for requirement in untestable:
        yield f"Not tested: {_link(requirement)}: {requirement.untestable}"
        yield ""


def _chapters(requirements: list[Requirement]) -> Iterator[str]:
    for chapter, members in groupby(requirements, lambda requirement: requirement.chapter):
        yield f"## {_title(chapter)}"
        yield ""
        yield "| requirement | tests | mutants |"
        yield "|---|---|---|"
        for requirement in members:
            row = f'<a id="row-{requirement.id}"></a>{_link(requirement)}'
            says = f'<span class="says">{_words(requirement)}</span>'
            yield f"| {row} {says} | {_tests(requirement)} | {_mutants(requirement)} |"
        yield ""


def _title(chapter: str) -> str:
    return (ROOT / "spec" / chapter).read_text().partition("\n")[0].removeprefix("# ")


def _words(requirement: Requirement) -> str:
    """What it says, as it stands in its chapter."""
    withdrawn = f" Withdrawn: {requirement.withdrawn}" if requirement.withdrawn else ""
    return f"{requirement.text}{withdrawn}".replace("|", "\\|")


@cache
def _breakers() -> dict[str, list[str]]:
    """Requirement id to the names of the mutants that break it, wrong suites among them."""
    found: dict[str, list[str]] = {}
    breaches = [(name, mutant.breaks) for name, mutant in mutants().items()]
    for name, breaks in [*breaches, *((f"suites.{name}", wrong.breaks) for name, wrong in SUITES.items())]:
        for requirement in breaks:
            found.setdefault(requirement, []).append(name)
    return found


def _mutants(requirement: Requirement) -> str:
    names = _breakers().get(requirement.id, ())
    return "<br>".join(f"[`{name}`]({_page_of(_source_of(name))})" for name in names)


def _link(requirement: Requirement) -> str:
    return f"[{requirement.id}](spec/{requirement.chapter}#{requirement.id})"


def _tests(requirement: Requirement) -> str:
    """The names below that of their file, each a link to its line."""
    parts = []
    for file, where in groupby(tests(requirement), lambda place: place.file):
        links = [f"[`{place.name}`]({_page_of(file)}#L-{place.line})" for place in where]
        parts.append(f'<span class="file">{escape(file.split("/", 1)[1])}</span><br>{"<br>".join(links)}')
    if names := _vectors(requirement):
        parts.append(f"[{len(names)} vector{'s' * (len(names) != 1)}]({vectors.anchor(requirement.id)})")
    return "<br>".join(parts)
