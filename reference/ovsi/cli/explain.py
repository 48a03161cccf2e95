"""`ovsi show --explain`: per source what each rung of the ladder said, and why the judge decided so."""

from __future__ import annotations

from .stack import clean, listed
from .table import fold

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..dump import DumpResult, Explanation

    Said = tuple[tuple[str, str], ...]

KEY = "x-ovsi-explanations"
"""The property of an image that `ovsi show --explain --json` prints; readers of images ignore it."""

_FULL = 80
_JUDGE = "judge"


def lines(result: DumpResult, width: int | None) -> list[str]:
    """For people. Neighbours of which the same was said are drawn together."""
    space = width or _FULL
    shown = ["ways of finding sources", *_paragraphs(result.abilities, space)]
    overlay = ""
    for (overlay_id, said), names in _grouped(result.explanations).items():
        if overlay_id != overlay:
            overlay = overlay_id
            shown += ["", f"overlay {overlay}"]
        shown += ["", f"{listed(names)}", *_paragraphs(said, space)]
    return shown


def as_data(result: DumpResult) -> dict[str, object]:
    """The same for programs, a source an entry."""
    return {
        "abilities": [{"rung": rung, "said": said} for rung, said in result.abilities],
        "sources": [
            {
                "overlay": one.overlay,
                "source": one.source,
                "findings": [{"rung": rung, "said": said} for rung, said in one.findings],
                "verdict": one.verdict,
            }
            for one in result.explanations
        ],
    }


def _grouped(explanations: tuple[Explanation, ...]) -> dict[tuple[str, Said], list[str]]:
    groups: dict[tuple[str, Said], list[str]] = {}
    for one in explanations:
        groups.setdefault((one.overlay, (*one.findings, (_JUDGE, one.verdict))), []).append(one.source)
    return groups


def _paragraphs(said: Said, width: int) -> list[str]:
    """A paragraph a rung: its name, and what it said beside it."""
    left = max(len(rung) for rung, _ in said) + 4
    shown = []
    for rung, sentence in said:
        first, *rest = fold(clean(sentence), max(width - left, 20))
        shown += [f"  {rung.ljust(left - 2)}{first}", *(" " * left + line.lstrip() for line in rest)]
    return shown
