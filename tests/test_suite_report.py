"""What the suite says of a run: statements, verdicts, what was claimed and not executed, what fails it."""

import json
import os
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conformance.harness.ids import group, stable
from conformance.harness.known import Known
from conformance.harness.report import Run
from conformance.harness.schemas import errors_by
from conformance.harness.scrub import scrubber
from conformance.reporting import badge, junit, report_page, summary
from conformance.reporting.merging import merged

CORE, RELATIVE = ("dumper", "core", "inside"), ("dumper", "relative", "inside")
Tests = Sequence[tuple[tuple[str, str, str], str]]


def run_of(tests: Tests, part: Sequence[str] = (), finished: bool = True, known: Sequence[str] = ()) -> Run:
    claims = [dict(zip(("class", "profile", "vantage"), claim, strict=True)) for claim in (CORE, RELATIVE)]
    info = {"implementation": {"name": "n", "version": "1"}, "claims": claims}
    listed = {name: Known(name, "because", "https://example.org/1") for name in known}
    run = Run(info, ("cmd", ""), list(part), listed, finished=finished)
    for number, ((kind, profile, vantage), verdict) in enumerate(tests):
        record: dict[str, Any] = {
            "verdict": verdict,
            "class": kind,
            "profile": profile,
            "vantage": vantage,
            "requirements": ["R"],
        }
        record |= {"broken": [], "reason": "why", "findings": [], "built": {f"{profile}-s": ["stack s"]}}
        run.take(made(f"there/t.py::t[{number}]", record))
    return run


def made(nodeid: str, record: dict[str, Any] | None, failed: bool = False, text: str = "") -> SimpleNamespace:
    properties = [("ovsi", json.dumps(record))] if record else []
    return SimpleNamespace(nodeid=nodeid, duration=0.1, user_properties=properties, failed=failed, longreprtext=text)


def test_a_statement_names_version_class_profiles_vantage_and_kernel() -> None:
    """OVSI-CONF-003"""
    (statement,) = summary.statements(run_of([(CORE, "passed"), (RELATIVE, "passed")]).core())
    assert statement.startswith("OVSI 1.0 Dumper: core, relative (inside, Linux ")


@pytest.mark.parametrize("verdict", ["failed", "errored", "skipped", "not-claimed"])
def test_no_statement_of_a_profile_that_did_not_pass_whole(verdict: str) -> None:
    run = run_of([(CORE, "passed"), (RELATIVE, verdict)])
    assert [text.split(" (")[0] for text in summary.statements(run.core())] == ["OVSI 1.0 Dumper: core"]


def test_no_statement_of_a_part_of_the_tests() -> None:
    run = run_of([(CORE, "passed")], part=["--smoke"])
    assert run.core()["closing"]["statements"] == []
    assert "nothing may be stated of a part of the tests" in run.summary()


def test_no_statement_of_an_unfinished_run() -> None:
    run = run_of([(CORE, "passed")], finished=False)
    run.selected = 9
    assert run.core()["closing"] is None
    assert "verdict: unfinished (1 passed)" in run.summary()
    assert "  Unfinished: the run ended after 1 of 9 tests. Nothing may be stated of it." in run.summary()
    assert not any(line.startswith("OVSI 1.0") for line in run.summary())


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
    run = run_of([(CORE, verdict) for verdict in verdicts])
    assert run.core()["closing"]["verdict"] == expected
    assert run.fails() == (expected in ("failed", "empty"))


def test_a_claimed_class_without_a_test_executed_is_named() -> None:
    """OVSI-CONF-005"""
    assert summary.hollow(run_of([(CORE, "skipped")]).core()) == ["dumper"]
    assert summary.hollow({**run_of([(CORE, "skipped")]).core(), "chosen": {"profile": ["deep"]}}) == []
    assert summary.hollow(run_of([(CORE, "skipped")]).core(), lambda _: False) == []
    assert summary.hollow(run_of([(CORE, "failed")]).core()) == []


def test_a_known_failure_is_no_news_and_no_pass() -> None:
    run = run_of([(CORE, "passed"), (CORE, "failed")], known=["t.py::t[1]"])
    assert not run.fails()
    assert run.core()["closing"]["verdict"] == "failed"
    assert run.core()["closing"]["statements"] == []
    assert run.core()["tests"][1]["known"] == {"reason": "because", "link": "https://example.org/1"}


@pytest.mark.parametrize(("listed", "why"), [("t.py::t[0]", "and passes"), ("t.py::gone", "and was not run")])
def test_a_list_that_is_out_of_date_fails_the_run(listed: str, why: str) -> None:
    run = run_of([(CORE, "passed")], known=[listed])
    assert run.fails()
    assert any(line.endswith(f"{why}: {listed}") for line in run.summary())


def test_what_fails_now_as_a_list() -> None:
    run = run_of([(CORE, "failed"), (CORE, "failed"), (CORE, "passed")], known=["t.py::t[1]"])
    assert [(each.id, each.reason) for each in run.now_known()] == [("t.py::t[0]", "why"), ("t.py::t[1]", "because")]


def test_the_worse_of_two_verdicts_of_a_test_stays() -> None:
    """A test whose end goes wrong; a worker that dies in the middle of one."""
    run = run_of([(CORE, "passed")])
    run.take(made("t.py::t[0]", None, failed=True, text="worker 'gw0' crashed"))
    assert [(test["verdict"], test["reason"]) for test in run.core()["tests"]] == [
        ("errored", "worker 'gw0' crashed"),
    ]


def test_what_was_judged_of_image_holds_at_each_vantage() -> None:
    run = run_of([(("image", "core", "inside"), "passed")])
    run.info["claims"] = [{"class": "image", "profile": "core", "vantage": where} for where in ("inside", "outside")]
    stated = [line.split(", Linux")[0] for line in run.core()["closing"]["statements"]]
    assert stated == ["OVSI 1.0 Image: core (inside", "OVSI 1.0 Image: core (outside"]
    assert badge.message(run.core()) == "Image 2/2"


# Shards


def shards(of: int = 2, **other: Any) -> list[dict[str, Any]]:
    found = []
    for number in range(1, of + 1):
        run = run_of([(CORE, "passed"), (RELATIVE, "passed")], part=[f"--shard {number}/{of}"])
        report = run.core()
        for test in report["tests"]:
            test["id"] += str(number)
        found.append(report | other)
    return found


def test_shards_make_the_report_of_the_whole() -> None:
    whole = merged(shards())
    assert errors_by("report", whole) == []
    assert "part" not in whole
    assert [test["id"] for test in whole["tests"]] == ["t.py::t[0]1", "t.py::t[0]2", "t.py::t[1]1", "t.py::t[1]2"]
    assert whole["closing"]["statements"] == summary.statements(run_of([(CORE, "passed"), (RELATIVE, "passed")]).core())
    assert whole["closing"]["stacks"] == 2


@pytest.mark.parametrize(
    ("reports", "why"),
    [
        (shards(3)[:2], "not one report of each of 3 shards"),
        ([*shards(), *shards()[:1]], "not one report of each of 2 shards"),
        ([*shards()[:1], *shards(kernel="1.0")[1:]], "they differ in kernel"),
        ([*shards()[:1], *shards(peer={"name": "n", "version": "1", "itself": True})[1:]], "they differ in peer"),
        (shards(closing=None), "unfinished: report 1, 2"),
        ([run_of([]).core()], "a report of no shard"),
    ],
)
def test_what_is_not_all_shards_of_one_run_makes_nothing(reports: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        merged(reports)


def test_shards_of_a_claim_that_executed_nothing() -> None:
    skipped = [{**report, "tests": []} for report in shards()]
    assert merged(skipped)["closing"]["hollow"] == ["dumper"]


def test_who_writes_no_image_states_nothing_false() -> None:
    verdicts = ("passed", "failed", "errored", "skipped")
    tests = [{"id": f"test_dumper.py::test_sound[{word}]", "verdict": word} for word in verdicts]
    assert summary.soundness(tests) == (1, 2)


def test_stacks_are_counted_once() -> None:
    assert run_of([(CORE, "passed"), (CORE, "passed"), (RELATIVE, "passed")]).core()["closing"]["stacks"] == 2


def test_report_is_valid_and_so_is_one_that_is_unfinished() -> None:
    run = run_of([(CORE, "passed"), (RELATIVE, "failed")], known=["t.py::t[1]"], part=["--smoke"])
    run.selected = 2
    assert errors_by("report", run.document()) == []
    run.finished = False
    assert errors_by("report", run.document()) == []


def test_a_report_names_the_peer() -> None:
    """In words too: another implementation by its name, the same command as itself."""
    run = run_of([(CORE, "passed")])
    assert "peer" not in run.document()
    assert "peer" not in report_page.edition(run.core())
    for itself, shown in ((False, "other 2"), (True, "the implementation itself")):
        run.peer = {"name": "other", "version": "2", "itself": itself}
        assert errors_by("report", run.document()) == []
        assert report_page.edition(run.core()).endswith(f"with {shown} as peer")
        assert f"peer: {shown} ()" in run.summary()


def test_junit() -> None:
    run = run_of([(CORE, "passed"), (RELATIVE, "failed"), (CORE, "skipped"), (CORE, "errored")])
    run.tests["t.py::t[1]"]["reason"] = "control \x1b and \ud800"
    suite = ET.fromstring(junit.xml(run.core())).find("testsuite")
    assert suite is not None
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["4", "1", "1", "1"]
    assert [case.get("classname") for case in suite.iter("testcase")][1] == "dumper.relative.inside"
    assert {each.get("value") for each in suite.findall("testcase/properties/property")} == {"R"}


def test_this_machine_is_not_in_a_report(tmp_path: Path) -> None:
    program = tmp_path / "adapter"
    program.touch()
    clean = scrubber([f"{program} --fast", "/bin/sh -c x"])
    here, home = os.getcwd(), os.path.expanduser("~")
    text = f"{program}: {tmp_path}/other {here}/conformance/x.py {home}/y /tmp/ovsi-abc/image.json, /store/l0 /bin/sh"
    cleaned = clean({"a": [text]})["a"][0]
    assert cleaned == "IMPL: IMPLDIR/other SUITE/conformance/x.py ~/y TMP, /store/l0 /bin/sh"


def test_tests_of_one_stack_and_vantage_share_a_dump() -> None:
    assert group("conformance/test_dumper.py::test_sound[core-a-inside]") == "core-a-inside"
    assert group("conformance/test_restorer.py::test_exact[core-a-inside]").endswith("test_exact[core-a-inside]")


def test_ids_do_not_tell_where_the_suite_lies() -> None:
    assert stable("../lib/ovsi_conformance/test_x.py::test_y[a/b::c]") == "test_x.py::test_y[a/b::c]"
