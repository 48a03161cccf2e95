"""The specification's chapters as pages: each requirement has an anchor, and says what judges it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.requirements import Requirement

from . import matrix, references

SPEC = Path(__file__).parents[2] / "spec"
_REQUIREMENT = re.compile(r"^\*\*(OVSI-[A-Z]+-\d{3})\*\*(.*?)(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
_HOW_TO_READ = """
On this site a requirement, such as [OVSI-DUMP-012](06-dumper.md#OVSI-DUMP-012), is followed by what judges it: tests,
vectors (documents to accept or refuse) and mutants (wrong implementations that the suite has to catch);
[all of them](../requirements.md) are one page.
"""
_EXAMPLE = re.compile(r"^```json .*$", re.MULTILINE)


def names() -> list[str]:
    """The names of the pages, in reading order: the overview, the numbered chapters, the annexes."""
    return [_page_name(chapter.name) for chapter in sorted(SPEC.glob("*.md"), key=_reading_order)]


def pages(requirements: list[Requirement]) -> Iterator[tuple[str, str]]:
    """Name and Markdown of each chapter's page."""
    marks = {requirement.id: _judged(requirement) for requirement in requirements}
    for chapter in sorted(SPEC.glob("*.md")):
        text = _REQUIREMENT.sub(
            lambda match: f'<a id="{match[1]}"></a>**[{match[1]}](#{match[1]})**{match[2]} {marks.get(match[1], "")}',
            chapter.read_text(),
        )
        text = references.linked(text.replace("(README.md", "(index.md"), chapter.name)
        text += _HOW_TO_READ if chapter.name == "README.md" else ""
        yield f"spec/{_page_name(chapter.name)}", _EXAMPLE.sub("```json", text)


def titles() -> dict[str, str]:
    """The file of each numbered chapter, by its title without the number."""
    return {
        title: chapter.name
        for chapter in SPEC.glob("[0-9]*.md")
        for title in re.findall(r"\A# \d+\. (.*)$", chapter.read_text(), re.MULTILINE)
    }


def address(requirement: Requirement) -> str:
    """Where on the built site a requirement is."""
    return f"spec/{_page_name(requirement.chapter).removesuffix('.md')}.html#{requirement.id}"


def _reading_order(chapter: Path) -> tuple[bool, bool, str]:
    title, numbered = chapter.read_text().partition("\n")[0], chapter.name[0].isdigit()
    return (chapter.name != "README.md", not numbered, chapter.name if numbered else title)


def _judged(requirement: Requirement) -> str:
    words = ", ".join(f"{count} {noun}{'s' * (count != 1)}" for noun, count in matrix.judges(requirement))
    return f"[{words}](../requirements.md#row-{requirement.id}){{.judged}}" if words else ""


def _page_name(name: str) -> str:
    return "index.md" if name == "README.md" else name
