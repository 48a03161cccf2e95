"""Tables that a narrow screen can show: each cell knows the heading of its column."""

from __future__ import annotations

import re
from html import escape, unescape

_TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
_ROW = re.compile(r"<tr>.*?</tr>", re.DOTALL)
_HEADING = re.compile(r"<th[^>]*>(.*?)</th>", re.DOTALL)
_MARKUP = re.compile(r"<[^>]+>")


def labelled(html: str) -> str:
    """The page with the heading of its column as `data-label` of every cell after the first."""
    return _TABLE.sub(lambda match: _table(match[0]), html)


def _table(table: str) -> str:
    labels = [unescape(_MARKUP.sub("", heading)).strip() for heading in _HEADING.findall(table)]
    return _ROW.sub(lambda row: _row(row[0], labels), table)


def _row(row: str, labels: list[str]) -> str:
    first, *cells = row.split("<td")
    parts = [first]
    for label, cell in zip(labels, cells, strict=False):
        parts.append(f'<td data-label="{escape(label)}"{cell}' if len(parts) > 1 and label else f"<td{cell}")
    return "".join(parts)
