"""A curve as an SVG that reads in light and in dark, and without eyes: its text holds every figure."""

from __future__ import annotations

from html import escape
from math import ceil, floor, log10

from results import Curve

_WIDTH, _HEIGHT = 720, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 190, 44, 52
_DASHES = ("", "7 4", "2 4", "10 3 2 3")
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #333 } .title { font-size: 15px; font-weight: 600 }
.grid { stroke: #8884; stroke-width: 1 } path { fill: none; stroke-width: 2.2 }
.s0 { stroke: #0b6bcb } .s1 { stroke: #b4440e } .s2 { stroke: #5a5f66 } .s3 { stroke: #2b7a3d }
.l0 { fill: #0b6bcb } .l1 { fill: #b4440e } .l2 { fill: #5a5f66 } .l3 { fill: #2b7a3d }
@media (prefers-color-scheme: dark) { text { fill: #ddd }
.s0 { stroke: #6cb2f7 } .s1 { stroke: #f2a179 } .s2 { stroke: #b4bac2 } .s3 { stroke: #7fce91 }
.l0 { fill: #6cb2f7 } .l1 { fill: #f2a179 } .l2 { fill: #b4bac2 } .l3 { fill: #7fce91 } }
"""


class _Axis:
    """Where figures are between two ends, in pixels."""

    def __init__(self, figures: list[float], begin: float, end: float, logarithmic: bool) -> None:
        self.begin, self.end, self.logarithmic = begin, end, logarithmic
        if logarithmic:
            self.low, self.high = floor(log10(min(figures))), ceil(log10(max(figures)))
            self.high += self.high == self.low
            self.ticks = [10.0**power for power in range(self.low, self.high + 1)]
        else:
            step = _step(max(figures))
            count = ceil(max(figures) / step)
            self.low, self.high = 0, count * step
            self.ticks = [number * step for number in range(count + 1)]

    def at(self, figure: float) -> float:
        place = log10(figure) if self.logarithmic else figure
        return round(self.begin + (place - self.low) / (self.high - self.low) * (self.end - self.begin), 1)


def _step(most: float) -> float:
    """A round distance of some five ticks up to there."""
    tens: float = 10 ** floor(log10(most / 5))
    return next(factor * tens for factor in (1, 2, 5, 10) if factor * tens * 5 >= most)


def svg(curve: Curve) -> str:
    """The whole file."""
    points = [point for line in curve.lines.values() for point in line]
    across = _Axis([x for x, _ in points], _LEFT, _WIDTH - _RIGHT, curve.logarithmic)
    up = _Axis([y for _, y in points], _HEIGHT - _BOTTOM, _TOP, curve.logarithmic)
    parts = [*_grid(across, up, curve), *_lines(across, up, curve)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
        f' aria-labelledby="title desc"><title id="title">{escape(curve.title)}</title>'
        f'<desc id="desc">{escape(described(curve))}</desc><style>{_STYLE}</style>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def described(curve: Curve) -> str:
    """All figures as a sentence a line."""
    said = []
    for name, line in curve.lines.items():
        figures = ", ".join(f"{y:g} {curve.unit} at {x:,g}" for x, y in line)
        said.append(f"{name}: {figures}.")
    return f"By {curve.x}. {' '.join(said)}"


def _grid(across: _Axis, up: _Axis, curve: Curve) -> list[str]:
    parts = [f'<text class="title" x="{_LEFT}" y="22">{escape(curve.title)} ({escape(curve.unit)})</text>']
    for tick in up.ticks:
        y = up.at(tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{tick:,g}</text>')
    for tick in across.ticks:
        parts.append(f'<text x="{across.at(tick)}" y="{_HEIGHT - _BOTTOM + 20}" text-anchor="middle">{tick:,g}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 12}" text-anchor="middle">{escape(curve.x)}</text>')
    return parts


def _lines(across: _Axis, up: _Axis, curve: Curve) -> list[str]:
    """Each line with its name at its end; names that would lie on each other are moved apart."""
    parts, ends = [], []
    for number, (name, line) in enumerate(curve.lines.items()):
        steps = " L".join(f"{across.at(x)} {up.at(y)}" for x, y in line)
        dashes = f' stroke-dasharray="{_DASHES[number]}"' if _DASHES[number] else ""
        parts.append(f'<path class="s{number}" d="M{steps}"{dashes}/>')
        ends.append((up.at(line[-1][1]), number, name))
    above = 0.0
    for y, number, name in sorted(ends):
        above = max(y + 4, above + 16)
        parts.append(f'<text class="l{number}" x="{_WIDTH - _RIGHT + 8}" y="{above}">{escape(name)}</text>')
    return parts
