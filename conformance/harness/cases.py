"""A stack looked at from a vantage, and the marks that a test over such cases bears."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from .stack import Stack, Vantage


@dataclass(frozen=True, eq=False)
class Case:
    stack: Stack
    vantage: Vantage

    @property
    def name(self) -> str:
        return f"{self.stack.profile}-{self.stack.name}-{self.vantage.value}"


def every(stacks: Iterable[Stack]) -> list[Case]:
    """Every stack from every vantage that it can be looked at from."""
    return [Case(stack, vantage) for stack in stacks for vantage in stack.vantages]


def over(kind: str, cases: Iterable[Case]) -> pytest.MarkDecorator:
    """Parametrize a test of the class `kind` by `case`."""
    return pytest.mark.parametrize("case", [_parameter(kind, case) for case in cases])


def _parameter(kind: str, case: Case) -> Any:
    marks = pytest.mark.claim(kind, case.stack.profile, case.vantage.value)
    return pytest.param(case, id=case.name, marks=marks)


def at(kind: str, profile: str = "core") -> pytest.MarkDecorator:
    """Parametrize a test of one situation by `vantage`."""
    return pytest.mark.parametrize(
        "vantage",
        [pytest.param(each, id=each.value, marks=pytest.mark.claim(kind, profile, each.value)) for each in Vantage],
    )
