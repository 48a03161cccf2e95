"""SVG by hand: panels of fixed width, a few shapes, colours that follow the reader's light or dark.

Lengths are CSS pixels of a panel at its natural size. A panel is as wide as a telephone's screen, so that what is read
on one is never scaled down; where there is room, panels stand side by side.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

WIDTH = 340
MONO, TEXT = 12, 13
"""Font sizes: of what a machine says, and of words."""

COLOURS = {
    "paper": ("#ffffff", "#14181d"),
    "ink": ("#1c2127", "#e3e8ed"),
    "faint": ("#57606b", "#aab5c0"),
    "line": ("#b9c2cb", "#4b5663"),
    "well": ("#f4f6f8", "#1d232a"),
    "upper": ("#fde3c8", "#5a3d1c"),
    "lower": ("#d3e5f8", "#24425f"),
    "work": ("#e4e7ea", "#333b44"),
    "mark": ("#fff2b8", "#4d4214"),
    "good": ("#17693a", "#6cc993"),
    "bad": ("#b3261e", "#ff8f86"),
}
"""Each colour on light and on dark paper."""
_FONTS = (
    '.picture text{font:13px system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif;fill:var(--p-ink)}'
    '.picture .mono{font:12px ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;white-space:pre}'
    ".picture .title{font-weight:600}"
)


@dataclass
class Panel:
    """One panel; what is drawn is kept in order. `title` and `text` are its alternative text."""

    title: str
    text: str
    height: int = 0
    parts: list[str] = field(default_factory=list)

    def words(self, x: float, y: float, words: str, colour: str = "ink", kind: str = "", end: bool = False) -> None:
        """A line of text from (x, y) on, or up to there; `kind` is `mono` or `title`. Raises ValueError if too wide."""
        width = len(words) * (MONO * 0.603 if kind == "mono" else TEXT * 0.56)
        if (x - width if end else WIDTH - x - width) < 0:
            raise ValueError(f"{words!r} does not fit into the panel {self.title!r}")
        anchor = ' text-anchor="end"' if end else ""
        style = f' class="{kind}"' if kind else ""
        self.parts.append(f'<text x="{x:g}" y="{y:g}"{style}{anchor}{_fill(colour)}>{escape(words)}</text>')
        self._reach(y + 6)

    def box(self, x: float, y: float, width: float, height: float, fill: str = "well", edge: str = "line") -> None:
        """A rectangle with round corners."""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="4"{_fill(fill)}{_stroke(edge)}/>'
        )
        self._reach(y + height + 2)

    def arrow(self, x1: float, y1: float, x2: float, y2: float, colour: str = "faint", dashed: bool = False) -> None:
        """A straight arrow, or one that goes down, across and down."""
        way = f"M{x1:g} {y1:g}L{x2:g} {y2:g}" if x1 == x2 or y1 == y2 else _bent(x1, y1, x2, y2)
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        head = f"M{x2 - 4:g} {y2 - 6:g}l4 6l4 -6" if y1 != y2 else f"M{x2 - 6:g} {y2 - 4:g}l6 4l-6 4"
        self.parts.append(f'<path d="{way}" fill="none"{_stroke(colour)}{dash}/>')
        self.parts.append(f'<path d="{head}" fill="none"{_stroke(colour)}/>')

    def mark(self, x: float, y: float, right: bool) -> None:
        """A tick, or a cross, some 12 pixels wide, centred at (x, y)."""
        way = f"M{x - 6:g} {y:g}l4 5l8 -10" if right else f"M{x - 5:g} {y - 5:g}l10 10m0 -10l-10 10"
        colour = "good" if right else "bad"
        self.parts.append(f'<path d="{way}" fill="none"{_stroke(colour)} stroke-width="2.5"/>')

    def svg(self, name: str) -> str:
        """The panel as an element of a page; `name` makes its ids unique there."""
        return (
            f'<svg class="picture" viewBox="-1 -1 {WIDTH + 2} {self.height + 2}" role="img"'
            f' aria-labelledby="{name}-t {name}-d">'
            f'<title id="{name}-t">{escape(self.title)}</title><desc id="{name}-d">{escape(self.text)}</desc>'
            f"{''.join(self.parts)}</svg>"
        )

    def _reach(self, y: float) -> None:
        self.height = max(self.height, round(y))


def sheet(rows: list[list[Panel]], title: str, gap: int = 20) -> str:
    """All panels in one SVG file that stands alone, row below row, on paper of its own: the page around may be any."""
    parts, y = [], gap
    for row in rows:
        for number, panel in enumerate(row):
            x = gap + number * (WIDTH + gap)
            parts.append(f'<g transform="translate({x} {y})">{"".join(panel.parts)}</g>')
        y += max(panel.height for panel in row) + gap
    width = gap + max(map(len, rows)) * (WIDTH + gap)
    text = " ".join(f"{panel.title}: {panel.text}" for row in rows for panel in row)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="picture" width="{width}" height="{y}"',
        f'  viewBox="0 0 {width} {y}" role="img" aria-labelledby="t d">',
        f'<title id="t">{escape(title)}</title>',
        f'<desc id="d">{escape(text)}</desc>',
        f"<style>svg{{{_values(0)}}}@media(prefers-color-scheme:dark){{svg{{{_values(1)}}}}}{_FONTS}</style>",
        f'<rect width="{width}" height="{y}" rx="8"{_fill("paper")}/>',
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def style_sheet() -> str:
    """The colours and fonts of panels on a page, which follow its `color-scheme`."""
    colours = ";".join(f"--p-{name}:light-dark({light},{dark})" for name, (light, dark) in COLOURS.items())
    return f".picture{{{colours}}}\n{_FONTS}\n"


def _values(which: int) -> str:
    return ";".join(f"--p-{name}:{values[which]}" for name, values in COLOURS.items())


def _fill(colour: str) -> str:
    return "" if colour == "ink" else f' style="fill:var(--p-{colour})"'


def _stroke(colour: str) -> str:
    return f' stroke="var(--p-{colour})"'


def _bent(x1: float, y1: float, x2: float, y2: float) -> str:
    middle = (y1 + y2) / 2
    return f"M{x1:g} {y1:g}V{middle:g}H{x2:g}V{y2:g}"
