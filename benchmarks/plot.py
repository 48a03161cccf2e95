"""A curve as an SVG: as wide as a telephone's screen, so that its text is never scaled down; its figures are text too.

Alone (`svg`) it brings colours for light and dark; on a page (`drawing`) those of the class `plot` hold.
"""

from __future__ import annotations

from html import escape
from math import ceil, floor, log10

from .results import Curve

_WIDTH, _BASE = 380, 236
_LEFT, _RIGHT, _TOP = 54, 26, 22
_LEGEND = 20
"""Height of the name of a line, below the axis."""
_DASHES = ("", "7 4", "2 4", "10 3 2 3")
COLOURS = (
    ("text", "#1c2127", "#e3e8ed"),
    ("grid", "#b9c2cb", "#4b5663"),
    ("0", "#0b5cb0", "#6cb2f7"),
    ("1", "#a33d0c", "#f2a179"),
    ("2", "#5a5f66", "#b4bac2"),
    ("3", "#226631", "#7fce91"),
)
"""What they are of, on light and on dark paper; figures are lines, in their order."""


class _Axis:
    """Where figures are between two ends, in pixels; `least`: the distance of two ticks at the least."""

    def __init__(self, figures: list[float], begin: float, end: float, logarithmic: bool, least: float = 0) -> None:
        self.begin, self.end, self.logarithmic = begin, end, logarithmic
        if logarithmic:
            low, high = floor(log10(min(figures))), ceil(log10(max(figures)))
            self.ticks = [10.0**power for power in range(low, max(high, low + 1) + 1)]
            self.low, self.high = log10(self.ticks[0]), log10(self.ticks[-1])
        else:
            step = max(_step(max(figures)), least)
            count = ceil(max(figures) / step)
            self.ticks = [number * step for number in range(count + 1)]
            self.low, self.high = self.ticks[0], self.ticks[-1]

    def at(self, figure: float) -> float:
        place = log10(figure) if self.logarithmic else figure
        return round(self.begin + (place - self.low) / (self.high - self.low) * (self.end - self.begin), 1)


def _step(most: float) -> float:
    """A round distance of some five ticks up to there."""
    tens: float = 10 ** floor(log10(most / 5))
    return next(factor * tens for factor in (1, 2, 5, 10) if factor * tens * 5 >= most)


def style(which: int) -> str:
    """Rules of the class `plot`, on light (0) or dark (1) paper."""
    return ";".join(f"--plot-{name}:{values[which]}" for name, *values in COLOURS)


RULES = (
    ".plot text{font:12px system-ui,sans-serif;fill:var(--plot-text)}.plot path{fill:none;stroke-width:2.2}"
    ".plot .grid{stroke:var(--plot-grid)}"
    + "".join(f".plot .s{number}{{stroke:var(--plot-{number})}}" for number in range(len(_DASHES)))
)


def svg(curve: Curve) -> str:
    """A file of its own."""
    colours = f".plot{{{style(0)}}}@media(prefers-color-scheme:dark){{.plot{{{style(1)}}}}}"
    return drawing(curve).replace("<title", f"<style>{colours}{RULES}</style><title", 1) + "\n"


def drawing(curve: Curve) -> str:
    """An element of a page that has RULES and the colours."""
    points = [point for line in curve.lines.values() for point in line]
    across = _Axis([x for x, _ in points], _LEFT, _WIDTH - _RIGHT, curve.logarithmic, least=1)  # of what is counted
    up = _Axis([y for _, y in points], _BASE, _TOP, curve.logarithmic)
    height = _BASE + 44 + _LEGEND * len(curve.lines)
    parts = [*_grid(across, up, curve), *_lines(across, up, curve)]
    name = f"plot-{curve.name}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 {_WIDTH} {height}" role="img"'
        f' aria-labelledby="{name}-t {name}-d"><title id="{name}-t">{escape(curve.title)}</title>'
        f'<desc id="{name}-d">{escape(described(curve))}</desc>{"".join(parts)}</svg>'
    )


def described(curve: Curve) -> str:
    """All figures as a sentence a line."""
    said = []
    for name, line in curve.lines.items():
        figures = ", ".join(f"{y:,g} {curve.unit} at {x:,g}" for x, y in line)
        said.append(f"{name}: {figures}.")
    return f"By {curve.x}. {' '.join(said)}"


def _grid(across: _Axis, up: _Axis, curve: Curve) -> list[str]:
    parts = [f'<text x="{_LEFT}" y="12">{escape(curve.unit)}</text>']
    for tick in up.ticks:
        y = up.at(tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{tick:,g}</text>')
    for tick in across.ticks:
        parts.append(f'<text x="{across.at(tick)}" y="{_BASE + 17}" text-anchor="middle">{tick:,g}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{_BASE + 34}" text-anchor="middle">{escape(curve.x)}</text>')
    return parts


def _lines(across: _Axis, up: _Axis, curve: Curve) -> list[str]:
    """Each line with a dot a figure, and below the axis a piece of it with its name."""
    parts = []
    for number, (name, line) in enumerate(curve.lines.items()):
        way = " L".join(f"{across.at(x)} {up.at(y)}" for x, y in line)
        dots = " ".join(f"M{across.at(x) - 2} {up.at(y)}h4m-2 -2v4" for x, y in line)
        y = _BASE + 44 + _LEGEND * number + 8
        dashes = f' stroke-dasharray="{_DASHES[number]}"' if _DASHES[number] else ""
        parts.append(f'<path class="s{number}" d="M{way}"{dashes}/><path class="s{number}" d="{dots}"/>')
        parts.append(f'<path class="s{number}" d="M{_LEFT} {y}h40"{dashes}/>')
        parts.append(f'<text x="{_LEFT + 48}" y="{y + 4}">{escape(name)}</text>')
    return parts
