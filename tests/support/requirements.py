"""The requirements and the examples of the specification, read from spec/*.md.

A requirement is one paragraph: it begins with its id in bold at the start of a line and ends at the next blank line.
`Not tested: reason.` and `Withdrawn: reason.` may close it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
SPEC = REPOSITORY / "spec"

ID = re.compile(r"OVSI-[A-Z]+-[0-9]{3}(?![0-9])")
KEYWORD = re.compile(
    r"\b(MUST NOT|MUST|SHALL NOT|SHALL|SHOULD NOT|SHOULD|NOT RECOMMENDED|RECOMMENDED|REQUIRED|MAY|OPTIONAL)\b"
)
BINDING = frozenset({"MUST", "MUST NOT", "SHALL", "SHALL NOT", "REQUIRED"})

_OPENING = re.compile(r"\*\*(OVSI-[^*]*)\*\*\s*")
_CLOSING = re.compile(r"\s*\b(Not tested|Withdrawn): (.*)\Z")
_FENCE = re.compile(r"^ {0,3}```(.*)$")


@dataclass(frozen=True)
class Paragraph:
    """A block of lines without a blank one, outside fenced code; `text` has its lines joined by a space."""

    chapter: str
    line: int
    text: str


@dataclass(frozen=True)
class Requirement:
    """One requirement; `chapter` is the file's name, `keywords` all BCP 14 words found in its text."""

    id: str
    text: str
    keywords: tuple[str, ...]
    chapter: str
    line: int
    untestable: str | None = None
    withdrawn: str | None = None

    @property
    def keyword(self) -> str:
        """The first keyword, or an empty string where there is none."""
        return self.keywords[0] if self.keywords else ""

    @property
    def binding(self) -> bool:
        """Whether it has to be tested: a MUST or MUST NOT that stands and can be tested."""
        return self.keyword in BINDING and self.untestable is None and self.withdrawn is None


@dataclass(frozen=True)
class Example:
    """A fenced block ```json example=KIND; `kind` is `image`, `info`, ... or `fragment:NAME`."""

    chapter: str
    line: int
    kind: str
    text: str


def chapters(spec: Path = SPEC) -> list[Path]:
    """The Markdown files of the specification, in reading order."""
    return sorted(spec.glob("*.md"))


def load(spec: Path = SPEC) -> list[Requirement]:
    """All requirements, in reading order; nothing is checked here."""
    found = []
    for paragraph in paragraphs(spec):
        opening = _OPENING.match(paragraph.text)
        if opening:
            found.append(_requirement(opening.group(1), paragraph.text[opening.end() :], paragraph))
    return found


def paragraphs(spec: Path = SPEC) -> Iterator[Paragraph]:
    """All paragraphs outside fenced blocks."""
    for chapter in chapters(spec):
        lines: list[str] = []
        start, fenced = 1, False
        for number, line in enumerate([*chapter.read_text("utf-8").splitlines(), ""], 1):
            fence = bool(_FENCE.match(line))
            if line.strip() and not fence and not fenced:
                start = start if lines else number
                lines.append(line.strip())
            elif lines:
                yield Paragraph(chapter.name, start, " ".join(lines))
                lines = []
            fenced ^= fence


def examples(spec: Path = SPEC) -> list[Example]:
    """All fenced blocks whose opening line says `json`; `kind` is empty where it names no example."""
    found = []
    for chapter in chapters(spec):
        info, lines, start = "", [], 0
        for number, line in enumerate(chapter.read_text("utf-8").splitlines(), 1):
            fence = _FENCE.match(line)
            if fence is None:
                lines.append(line)
            elif not start:
                info, lines, start = fence.group(1).strip(), [], number
            else:
                if info.split()[:1] == ["json"]:
                    kind = re.search(r"\bexample=(\S+)", info)
                    found.append(Example(chapter.name, start, kind.group(1) if kind else "", "\n".join(lines)))
                start = 0
    return found


def _requirement(name: str, text: str, paragraph: Paragraph) -> Requirement:
    notes: dict[str, str] = {}
    closing = _CLOSING.search(text)
    if closing:
        notes[closing.group(1)] = closing.group(2)
        text = text[: closing.start()]
    return Requirement(
        id=name,
        text=text,
        keywords=tuple(KEYWORD.findall(text)),
        chapter=paragraph.chapter,
        line=paragraph.line,
        untestable=notes.get("Not tested"),
        withdrawn=notes.get("Withdrawn"),
    )
