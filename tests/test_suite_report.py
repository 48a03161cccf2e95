"""What the suite says of a run: statements, verdicts, what was claimed and not executed."""

import json
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from conformance.harness.report import Run, group

CORE, RELATIVE = ("dumper", "core", "inside"), ("dumper", "relative", "inside")


def run_of(tests: Sequence[tuple[tuple[str, str, str], str]], narrowed: bool = False) -> Run:
    claims = [dict(zip(("class", "profile", "vantage"), claim, strict=True)) for claim in (CORE, RELATIVE)]
    run = Run({"implementation": {"name": "n", "version": "1"}, "claims": claims}, "cmd", narrowed)
    for number, (claim, verdict) in enumerate(tests):
        record = {"verdict": verdict, "claim": claim, "requirements": [], "broken": [], "reason": "why"}
        made = SimpleNamespace(nodeid=f"t[{number}]", duration=0.1, user_properties=[("ovsi", json.dumps(record))])
        run.take(made)
    return run


def test_a_statement_names_version_class_profiles_vantage_and_kernel() -> None:
    """OVSI-CONF-003"""
    (statement,) = run_of([(CORE, "passed"), (RELATIVE, "passed")]).statements()
    assert statement.startswith("OVSI 1.0 Dumper: core, relative (inside, Linux ")


@pytest.mark.parametrize("verdict", ["failed", "errored", "skipped", "not-claimed"])
def test_no_statement_of_a_profile_that_did_not_pass_whole(verdict: str) -> None:
    run = run_of([(CORE, "passed"), (RELATIVE, verdict)])
    assert [text.split(" (")[0] for text in run.statements()] == ["OVSI 1.0 Dumper: core"]


def test_no_statement_of_a_part_of_the_tests() -> None:
    assert run_of([(CORE, "passed")], narrowed=True).statements() == []


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["passed"], "passed"),
        (["passed", "skipped"], "partial"),
        (["passed", "failed", "skipped"], "failed"),
        (["passed", "errored"], "failed"),
        (["skipped", "not-claimed"], "empty"),
        ([], "empty"),
    ],
)
def test_verdict_of_a_run(verdicts: list[str], expected: str) -> None:
    assert run_of([(CORE, verdict) for verdict in verdicts]).verdict() == expected


def test_a_claimed_class_without_a_test_executed_is_named() -> None:
    """OVSI-CONF-005"""
    assert run_of([(CORE, "skipped")]).hollow(("dumper", "restorer")) == ["dumper"]
    assert run_of([(CORE, "failed")]).hollow(("dumper", "restorer")) == []


def test_tests_of_one_stack_and_vantage_share_a_dump() -> None:
    assert group("conformance/test_dumper.py::test_sound[core-a-inside]") == "core-a-inside"
    assert group("conformance/test_restorer.py::test_exact[core-a-inside]").endswith("test_exact[core-a-inside]")
