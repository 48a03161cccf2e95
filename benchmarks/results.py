"""What a run finds: rows, each a promise kept or not, and curves. A recorded run is these as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """One promise: what was measured, against what, and the most that their ratio may be.

    `baseline` is a figure of the same run, or the promised one where `against` names it (`40 MiB`). `spent` says what
    the measured figure is made of, from the same run: the reason where the row misses its mark.
    """

    what: str
    against: str
    measured: float
    baseline: float
    unit: str
    ratio: float
    mark: float
    spent: str

    @property
    def met(self) -> bool:
        return self.ratio <= self.mark

    @property
    def fixed(self) -> bool:
        """Whether it is held against a number, not against something that was measured too."""
        return self.against[:1].isdigit()

    def __str__(self) -> str:
        against = self.against if self.fixed else f"{self.baseline:,g} {self.unit} of {self.against}"
        line = (
            f"{self.ratio:6.2f} (at most {self.mark:g})  {self.what}: {self.measured:,g} {self.unit}, against {against}"
        )
        return f"met    {line}" if self.met else f"MISSED {line}\n       reason: {self.spent}"


def row(what: str, against: str, measured: float, baseline: float, mark: float, spent: str, unit: str = "ms") -> Row:
    """A row of two figures."""
    return Row(what, against, round(measured, 2), round(baseline, 2), unit, round(measured / baseline, 2), mark, spent)


@dataclass
class Curve:
    """Figures over a growing number `x`; both axes of a `logarithmic` one grow by tens."""

    name: str
    title: str
    x: str
    unit: str
    logarithmic: bool = False
    lines: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, line: str, x: float, figure: float) -> None:
        """One more figure."""
        self.lines.setdefault(line, []).append((x, round(figure, 2)))

    def least_and_slope(self, line: str) -> tuple[float, float]:
        """The figure of the smallest number, and what each further one costs between the two largest.

        Not from the smallest on: a restore of few layers does more, it compares them with what the kernel holds.
        """
        (_, least), *_, (many, more), (most_of_all, most) = self.lines[line]
        return least, (most - more) / (most_of_all - many)


@dataclass
class Run:
    """All that one run found, and on what."""

    kernel: str
    python: str
    rows: list[Row]
    curves: list[Curve]

    def missed(self) -> list[Row]:
        """Rows beyond their mark."""
        return [row for row in self.rows if not row.met]

    def document(self) -> dict[str, Any]:
        """As JSON would have it."""
        return asdict(self)


def from_document(document: dict[str, Any]) -> Run:
    """The other way round. Raises KeyError and TypeError for what `document` never made."""
    rows = [Row(**row) for row in document["rows"]]
    curves = [
        Curve(**{**curve, "lines": {name: [(x, y) for x, y in line] for name, line in curve["lines"].items()}})
        for curve in document["curves"]
    ]
    return Run(document["kernel"], document["python"], rows, curves)
