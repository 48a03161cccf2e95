"""mkdocs hook: the page that lists every requirement with the tests that judge it and the mutants that break it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.support.requirements import Requirement, load  # noqa: E402
from tests.support.traces import declared_by, is_mutant  # noqa: E402


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated page."""
    files.append(File.generated(config, "requirements.md", content=page(load(), declared_by())))
    return files


def page(requirements: list[Requirement], declared: dict[str, set[str]]) -> str:
    """The page, from the requirements in reading order and the files that name each of them."""
    return (
        "\n".join(["# Requirements", "", *_summary(requirements, declared), *_chapters(requirements, declared)]) + "\n"
    )


def _summary(requirements: list[Requirement], declared: dict[str, set[str]]) -> Iterator[str]:
    standing = [requirement for requirement in requirements if requirement.withdrawn is None]
    untestable = [requirement for requirement in standing if requirement.untestable is not None]
    tested = [requirement for requirement in standing if _split(requirement, declared)[0]]
    broken = [requirement for requirement in standing if _split(requirement, declared)[1]]
    yield f"{len(standing)} requirements, {len(tested)} of them named by a test, {len(broken)} by a mutant."
    yield "Each id leads to its chapter. A mutant is a wrong implementation that the suite has to catch."
    yield ""
    if untestable:
        yield f"Not tested, {len(untestable)}:"
        yield ""
        yield from (f"- {_link(requirement)}: {requirement.untestable}" for requirement in untestable)
        yield ""


def _chapters(requirements: list[Requirement], declared: dict[str, set[str]]) -> Iterator[str]:
    for chapter, members in groupby(requirements, lambda requirement: requirement.chapter):
        yield f"## {chapter.removesuffix('.md')}"
        yield ""
        yield "| requirement | keyword | tests | mutants |"
        yield "|---|---|---|---|"
        for requirement in members:
            tests, mutants = _split(requirement, declared)
            keyword = "withdrawn" if requirement.withdrawn else requirement.keyword
            yield f"| {_link(requirement)} | {keyword} | {_names(tests)} | {_names(mutants)} |"
        yield ""


def _split(requirement: Requirement, declared: dict[str, set[str]]) -> tuple[list[str], list[str]]:
    files = sorted(declared.get(requirement.id, ()))
    return [file for file in files if not is_mutant(file)], [file for file in files if is_mutant(file)]


def _link(requirement: Requirement) -> str:
    return f"[{requirement.id}](spec/{requirement.chapter}#{requirement.id})"


def _names(files: list[str]) -> str:
    return "<br>".join(f"`{file.split('/', 1)[1]}`" for file in files)
