"""What a run finds: rows, each a promise kept or not, and curves."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One promise: what was measured, against what, and the mark. Of times both figures are milliseconds."""

    what: str
    against: str
    measured_ms: float
    baseline_ms: float
    ratio: float
    mark: float

    @property
    def met(self) -> bool:
        return self.ratio <= self.mark

    def __str__(self) -> str:
        verdict = "met   " if self.met else "MISSED"
        figures = f"{self.measured_ms:g} / {self.baseline_ms:g}"
        return f"{verdict} {self.ratio:6.2f} (at most {self.mark:g})  {self.what} against {self.against}: {figures}"


def row(what: str, against: str, measured: float, baseline: float, mark: float) -> Row:
    """A row of two figures."""
    return Row(what, against, round(measured, 2), round(baseline, 2), round(measured / baseline, 2), mark)


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
