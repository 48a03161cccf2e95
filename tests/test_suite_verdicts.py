"""The suite on what is no implementation at all, and on its own death: a clear verdict, never a pass, nothing left."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.harness.command import Ran
from conformance.harness.implementation import Outcome, classify
from conformance.harness.judge import refused
from conformance.harness.schemas import errors_by

from .mutants import registry
from .support.run_suite import ROOT, suite


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("/bin/false", "exit 1, but standard error is empty"),
        ("/bin/true", "it is no JSON document"),
        ("sleep 1000", "exit 1, but the last line of standard error is no JSON object"),
        ("sh -c 'exec sleep 1000'", "did not end within the time limit"),
        ("sh -c 'kill -SEGV $$'", "died of signal 11"),
        ("sh -c 'exec yes'", "`info` gives no claims"),
        ("/no/such/command", "the command can't be run; stderr: [Errno 2]"),
        ("no-such-command-on-the-path", "the command can't be run; stderr: [Errno 2]"),
        ("/usr", "the command can't be run; stderr: [Errno 13]"),
        ("/etc/passwd", "the command can't be run; stderr: [Errno 13]"),
        ("/etc/passwd/below", "the command can't be run; stderr: [Errno 20]"),
    ],
)
def test_no_implementation(command: str, why: str, tmp_path: Path) -> None:
    """One finding says what is wrong; nothing else is attempted; the report is valid, its verdict `failed`."""
    ran = suite(f"--impl={command}", "--impl-timeout=1", f"--report={tmp_path}")
    assert ran.returncode == 1
    assert why in ran.stdout
    assert "nothing else was attempted" in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr
    assert "verdict: failed" in ran.stdout
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["closing"]["verdict"] == "failed"
    assert not report["closing"]["statements"]
    assert errors_by("report", report) == []


def test_a_file_that_is_no_program_is_not_given_to_a_shell(tmp_path: Path) -> None:
    """Executable, and neither a program nor a script that says by what: the kernel refuses it (ENOEXEC)."""
    file = tmp_path / "adapter"
    file.write_text("exit 0\n")
    file.chmod(0o755)
    ran = suite(f"--impl={file}")
    assert ran.returncode == 1
    assert "the command can't be run; stderr: [Errno 8]" in ran.stdout
    assert "nothing else was attempted" in ran.stdout


@pytest.mark.parametrize("words", [(), ("--impl=",), ("--impl=  ",)])
def test_no_command_is_wrong_usage(words: tuple[str, ...]) -> None:
    ran = suite(*words)
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--impl='<cmd>' is missing" in ran.stderr


def test_a_claim_for_two_is_told_where_there_is_one(tmp_path: Path) -> None:
    """OVSI-CONF-005: without a peer Interchange is not executed, which neither fails the run nor passes."""
    ran = suite(f"--impl={sys.executable} -m ovsi", "--class=info", "--class=interchange", f"--report={tmp_path}")
    assert "not executed: needs --peer" in ran.stdout
    assert "verdict: partial" in ran.stdout, ran.stdout
    assert ran.returncode == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert {test["verdict"] for test in report["tests"] if test["class"] == "interchange"} == {"skipped"}
    assert not [line for line in report["closing"]["statements"] if "Interchange" in line]


def test_claims_without_substance_fail(tmp_path: Path) -> None:
    """OVSI-CONF-005: of a class claimed for profiles that the suite has no test of nothing is executed."""
    claims = [{"class": "restorer", "profile": "x-none", "vantage": "inside"}]
    info = {"implementation": {"name": "n", "version": "1"}, "specifications": ["1.0"], "claims": claims}
    program = tmp_path / "claims"
    program.write_text(f"#!/bin/sh\necho '{json.dumps(info)}'\n")
    program.chmod(0o755)
    ran = suite(f"--impl={program}", "--class=restorer")
    assert ran.returncode == 1
    assert "nothing was executed of a claimed class: restorer" in ran.stdout


def test_soundness_is_judged_whatever_is_claimed(tmp_path: Path) -> None:
    """OVSI-CONF-004"""
    program = registry.command("claims_little")
    ran = suite(f"--impl={program}", f"--report={tmp_path}", "-k", "core-renamed-inside and test_dumper")
    assert ran.returncode == 1
    tests = json.loads((tmp_path / "report.json").read_text())["tests"]
    verdicts = {test["id"].rpartition("::")[2].partition("[")[0]: test["verdict"] for test in tests}
    assert verdicts["test_sound"] == "failed"
    assert verdicts["test_complete"] == "not-claimed"


def test_extra_keys_are_no_fault() -> None:
    """OVSI-VER-003"""
    more = {"x-note": None, "x-other-1": {"x": [1]}}
    error = {"category": "target", "code": "target-missing", "message": "gone", "subject": "/m"} | more
    answer = classify(Ran((b"program",), 1, b"", json.dumps(error).encode() + b"\n"), b"restore")
    assert answer.outcome is Outcome.REFUSED
    assert not list(refused.answer(answer, "OVSI-REST-024", "target"))
    info = {"implementation": {"name": "n", "version": "1"}, "specifications": ["1.0"], "claims": []}
    assert errors_by("info", info | more) == []
    result = {"format": "overlay-source-result", "version": "1.0", "overlays": [], "accepted": []}
    assert errors_by("result", result | more) == []


def test_nothing_outlives_a_killed_suite(tmp_path: Path) -> None:
    """kill -9 of pytest in the middle of a call: no process, no mount is left; the report is an unfinished one."""
    program = tmp_path / "hangs"
    claims = [{"class": "dumper", "profile": "core", "vantage": "inside"}]
    info = {"implementation": {"name": "n", "version": "1"}, "specifications": ["1.0"], "claims": claims}
    program.write_text(
        "#!/bin/sh\n"
        f"[ $1 = info ] && echo '{json.dumps(info)}' && exit\n"
        f"setsid sleep 7777 & echo > {tmp_path}/started; exec sleep 7777\n"
    )
    program.chmod(0o755)
    mounts = Path("/proc/self/mountinfo").read_text()
    command = [sys.executable, "-m", "pytest", "conformance", "-q", "-p", "no:cacheprovider", f"--impl={program}"]
    command += [f"--report={tmp_path}"]
    run = subprocess.Popen(
        [*command, "-k", "test_answer and core-one-lower-inside"], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    _wait(lambda: (tmp_path / "started").exists())
    inside = _descendants(run.pid)
    assert inside
    run.send_signal(signal.SIGKILL)
    run.wait()
    _wait(lambda: not any(Path(f"/proc/{pid}").exists() for pid in inside))
    assert Path("/proc/self/mountinfo").read_text() == mounts
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["closing"] is None
    assert errors_by("report", report) == []


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        os.sched_yield()


def _descendants(pid: int) -> set[int]:
    found, waiting = set(), [pid]
    while waiting:
        children = Path(f"/proc/{waiting[-1]}/task/{waiting.pop()}/children")
        below = [int(word) for word in children.read_text().split()] if children.exists() else []
        found |= set(below)
        waiting += below
    return found
