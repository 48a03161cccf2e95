"""What is taken down of one test, as it goes from the process that ran it to the one that reports."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from ..reporting.summary import ALWAYS, BAD
from . import describe, drawing
from .cases import Case
from .keep import KEEPER
from .observation import Observation
from .stack import Stack
from .truth import Truth
from .verdict import Finding, Verdict

MOST_FINDINGS, MOST_CHARACTERS = 40, 6000
_NOT_RUN = ("skipped", "not-claimed")


def claim(item: pytest.Item) -> tuple[str, str, str]:
    """The class, profile and vantage that a test's mark names."""
    marker = item.get_closest_marker("claim")
    return marker.args if marker else (ALWAYS, "", "")


def requirements(item: pytest.Item) -> list[str]:
    return sorted({name for marker in item.iter_markers("requirement") for name in marker.args})


def record(
    item: pytest.Item, made: pytest.TestReport, error: BaseException | None, judged: tuple[str, str, str]
) -> str:
    """An entry of the report, as JSON; `built` are the stacks that were built, in words. `judged`: the claim."""
    word = error.word if isinstance(error, Verdict) else {"passed": "passed", "skipped": "skipped"}.get(made.outcome)
    findings = error.findings if isinstance(error, Verdict) else ()
    kind, profile, vantage = judged
    found: dict[str, Any] = {
        "verdict": word or "errored",
        "class": kind,
        **({"profile": profile, "vantage": vantage} if profile else {}),
        "requirements": requirements(item),
        "broken": list(error.broken) if isinstance(error, Verdict) else [],
        "reason": str(error)[:MOST_CHARACTERS] if error else "",
    }
    if found["verdict"] in BAD:
        found |= _what_is_wrong(item, findings[:MOST_FINDINGS])
    if word not in _NOT_RUN:
        found["built"] = {_name(stack): describe.lines(stack) for stack in _built(item)}
    found |= {name: value for name, value in item.user_properties if name != "ovsi"}
    return json.dumps(found)


def _what_is_wrong(item: pytest.Item, findings: Sequence[Finding]) -> dict[str, Any]:
    """The findings, and the stack that they are about layer by layer."""
    stack, truth, seen = _looked_at(item)
    told = [_told(finding, stack) for finding in findings]
    sources = {each["source"] for each in told if "source" in each}
    return {"findings": told, "layers": drawing.layers(stack, truth, seen, sources) if stack else []}


def _told(finding: Finding, stack: Stack | None) -> dict[str, str]:
    source = drawing.about(finding, stack) if stack else None
    told = {name: str(value)[:2000] for name, value in vars(finding).items()}
    return told | ({"source": source} if source else {})


def _name(stack: Stack) -> str:
    return f"{stack.profile}-{stack.name}"


def _case(item: pytest.Item) -> Case | None:
    spec = getattr(item, "callspec", None)
    case = spec.params.get("case") if spec else None
    return case if isinstance(case, Case) else None


def _built(item: pytest.Item) -> list[Stack]:
    case = _case(item)
    return list({_name(stack): stack for stack in [*([case.stack] if case else []), *_staged()]}.values())


def _staged() -> list[Stack]:
    return [scene.stack for scene in KEEPER.scenes]


def _looked_at(item: pytest.Item) -> tuple[Stack | None, Truth | None, Observation | None]:
    case, courses = _case(item), getattr(item, "funcargs", {}).get("course")
    seen = courses.made(case) if case and courses else None
    if seen:
        return seen.stack, seen.truth, seen
    if KEEPER.scenes:
        return KEEPER.scenes[-1].stack, KEEPER.scenes[-1].truth, None
    return (case.stack if case else None), None, None
