"""The page that lists every requirement with the tests that judge it and the mutants that break it; their sources."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path

from tests.mutants.registry import mutants, right_variants
from tests.mutants.suites import SUITES
from tests.support.requirements import Requirement
from tests.support.traces import is_mutant

ROOT = Path(__file__).parents[2]


def page(requirements: list[Requirement], declared: dict[str, set[str]]) -> str:
    """The page, from the requirements in reading order and the files that name each of them."""
    lines = ["# Requirements", "", *_summary(requirements, declared), *_chapters(requirements, declared)]
    return "\n".join(lines) + "\n"


def sources(declared: dict[str, set[str]]) -> Iterator[tuple[str, str]]:
    """A page for the source of each test and mutant, named as `page` links it."""
    for file in sorted(set().union(*declared.values())):
        if file.endswith(".py"):
            text = (ROOT / file).read_text()
            yield f"sources/{_flat(file)}.md", f"# {file}\n\n{_fenced(text)}"


def _fenced(text: str) -> str:
    return f"~~~~~python\n{text}~~~~~\n"


def _flat(file: str) -> str:
    return posixpath.splitext(file)[0].replace("/", "-")


def _summary(requirements: list[Requirement], declared: dict[str, set[str]]) -> Iterator[str]:
    standing = [requirement for requirement in requirements if requirement.withdrawn is None]
    untestable = [requirement for requirement in standing if requirement.untestable is not None]
    tested = [requirement for requirement in standing if _tests(requirement, declared)]
    broken = [requirement for requirement in standing if requirement.id in _breakers()]
    yield f"{len(standing)} requirements, {len(tested)} of them named by a test, {len(broken)} broken by a mutant."
    yield "Each id leads to its chapter, each name to its source."
    yield ""
    yield f"A mutant is a wrong implementation that the suite has to catch. There are {len(mutants())}, each with the"
    yield "requirements that it is found to break, those and no others; the names of families stand before a dot."
    yield f"{len(SUITES)} wrong suites are found out by the project's own tests. {len(right_variants())} right variants"
    yield "differ in what the specification leaves free, and are not blamed."
    yield ""
    if untestable:
        yield f"Not tested, {len(untestable)}:"
        yield ""
        yield from (f"- {_link(requirement)}: {requirement.untestable}" for requirement in untestable)
        yield ""


def _chapters(requirements: list[Requirement], declared: dict[str, set[str]]) -> Iterator[str]:
    for chapter, members in groupby(requirements, lambda requirement: requirement.chapter):
        yield f"## {_title(chapter)}"
        yield ""
        yield "| requirement | keyword | tests | mutants |"
        yield "|---|---|---|---|"
        for requirement in members:
            tests = _tests(requirement, declared)
            keyword = "withdrawn" if requirement.withdrawn else requirement.keyword
            row = f'<a id="row-{requirement.id}"></a>{_link(requirement)}'
            yield f"| {row} | {keyword} | {_names(tests)} | {_mutants(requirement)} |"
        yield ""


def _title(chapter: str) -> str:
    return (ROOT / "spec" / chapter).read_text().partition("\n")[0].removeprefix("# ")


def _tests(requirement: Requirement, declared: dict[str, set[str]]) -> list[str]:
    return [file for file in sorted(declared.get(requirement.id, ())) if not is_mutant(file)]


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
    return "<br>".join(f"[`{name}`](sources/tests-mutants-{name.partition('.')[0]}.md)" for name in names)


def _link(requirement: Requirement) -> str:
    return f"[{requirement.id}](spec/{requirement.chapter}#{requirement.id})"


def _names(files: list[str]) -> str:
    return "<br>".join(map(_name, files))


def _name(file: str) -> str:
    short = file.split("/", 1)[1]
    return f"[`{short}`](sources/{_flat(file)}.md)" if file.endswith(".py") else f"`{short}`"
