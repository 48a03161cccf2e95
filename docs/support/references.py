"""References inside the specification as links: requirements, chapters, annexes, sections, files of schemas/."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tests.support.requirements import ID, load

SPEC = Path(__file__).parents[2] / "spec"
_AS_IT_STANDS = re.compile(r"^```.*?^```|^#.*?$|`[^`\n]+`|<[^>\n]+>|\[[^\]]*\]\([^)]*\)", re.MULTILINE | re.DOTALL)
"""Blocks of code, headings, code in a line, tags, links: what holds no reference, or is one already."""
_NUMBERS = r"(?:(?:, | and |, and | to |\s+and\s+)\d+)*"
_CHAPTERS = re.compile(rf"\b([Cc]hapters?\s+)(\d+{_NUMBERS})(?!\.\d)")
_ANNEX = re.compile(r"\b[Aa]nnex\s+([AB])\b")
_SECTION = re.compile(r"\b([Ss]ections?\s+)([A-Z0-9]+\.\d+(?:(?: and | to |\s+and\s+)[A-Z0-9]+\.\d+)*)")
_HEADING = re.compile(r"^#{2,3} (([A-Z0-9]+\.\d+) .*)$", re.MULTILINE)
_FILE = re.compile(r"`schemas/([a-z]+)\.json`")


def linked(text: str, own: str) -> str:
    """The Markdown of a chapter, whose file is `own`, with links. Raises KeyError for what there is not."""
    parts, end = [], 0
    for kept in _AS_IT_STANDS.finditer(text):
        parts += [_linked(text[end : kept.start()], own), _FILE.sub(_to_file, kept[0])]
        end = kept.end()
    return "".join([*parts, _linked(text[end:], own)])


def _linked(text: str, own: str) -> str:
    text = _CHAPTERS.sub(lambda match: _each(match, r"\d+", lambda number: _chapters()[number], own), text)
    text = _SECTION.sub(lambda match: _each(match, r"[A-Z0-9]+\.\d+", lambda number: _sections()[number], ""), text)
    text = _ANNEX.sub(lambda match: _link(match[0], _chapters()[match[1]], own), text)
    return ID.sub(lambda match: _link(match[0], f"{_places()[match[0]]}#{match[0]}", ""), text)


def _each(match: re.Match[str], number: str, address: Callable[[str], str], own: str) -> str:
    """One number with the word before it, several alone."""
    if re.fullmatch(number, match[2]):
        return _link(match[0], address(match[2]), own)
    return match[1] + re.sub(number, lambda one: _link(one[0], address(one[0]), own), match[2])


def _link(words: str, address: str, own: str) -> str:
    return words if address == own else f"[{words}]({address})"


def _to_file(match: re.Match[str]) -> str:
    page = "../registries.md" if match[1] == "registries" else f"../schemas/{match[1]}.md"
    return f"[{match[0]}]({page})"


@cache
def _chapters() -> dict[str, str]:
    """File of each chapter by its number, of each annex by its letter."""
    found = {}
    for file in SPEC.glob("*.md"):
        title = re.match(r"# (?:(\d+)\.|Annex ([A-Z]):)", file.read_text())
        if title:
            found[title[1] or title[2]] = file.name
    return found


@cache
def _sections() -> dict[str, str]:
    """Address of each section by its number."""
    found = {}
    for file in SPEC.glob("*.md"):
        for title, number in _HEADING.findall(file.read_text()):
            found[number] = f"{file.name}#{_slug(title)}"
    return found


def _slug(title: str) -> str:
    """The id that a heading gets; the strict build of the site fails where it gets another one."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower())


@cache
def _places() -> dict[str, str]:
    """The chapter of each requirement."""
    return {requirement.id: requirement.chapter for requirement in load()}
