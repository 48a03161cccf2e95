"""Text in columns for people: pure functions of strings that hold no control characters."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Sequence

_LEAST = 12  # columns that a cut one keeps


def table(
    rows: Sequence[Sequence[str]], width: int | None, *, right: Container[int] = (), elastic: Sequence[int] = ()
) -> list[str]:
    """Lines of columns that stand below each other; those of `elastic` are cut where it must fit into `width`.

    `right`: columns of numbers, which end below each other.
    """
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    if width is not None:
        _squeeze(widths, width - 2 * (len(widths) - 1), elastic)
    result = []
    for row in rows:
        cells = [
            _pad(cut(cell, size), size, index in right)
            for index, (cell, size) in enumerate(zip(row, widths, strict=True))
        ]
        result.append("  ".join(cells).rstrip())
    return result


def _squeeze(widths: list[int], room: int, elastic: Sequence[int]) -> None:
    """Narrow the elastic columns, the widest first, until all fit or none can give more."""
    while elastic and sum(widths) > room:
        widest = max(elastic, key=lambda index: widths[index])
        if widths[widest] <= _LEAST:
            return
        widths[widest] -= 1


def _pad(cell: str, size: int, right: bool) -> str:
    space = " " * (size - columns(cell))
    return space + cell if right else cell + space


def cut(cell: str, size: int) -> str:
    """The text with its middle left out (`…`), so that it takes `size` columns at most."""
    if columns(cell) <= size:
        return cell
    head, tail = 0, len(cell)
    left = size - 1
    while left > 0 and head < tail:
        from_head = left % 2 == 0
        mark = cell[head] if from_head else cell[tail - 1]
        if columns(mark) > left:
            break
        left -= columns(mark)
        if from_head:
            head += 1
        else:
            tail -= 1
    return f"{cell[:head]}…{cell[tail:]}"


def columns(cell: str) -> int:
    """How many columns of a terminal the text takes."""
    if cell.isascii():
        return len(cell)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(mark) else 2 if east_asian_width(mark) in "WF" else 1 for mark in cell)


def fold(words: str, width: int) -> list[str]:
    """Words in lines of that width, all but the first begin with two spaces."""
    result = [""]
    for word in words.split(" "):
        if result[-1] and columns(result[-1]) + 1 + columns(word) > width:
            result.append("  ")
        result[-1] += f" {word}" if result[-1].strip() else word
    return result
