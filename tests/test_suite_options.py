"""What a run can be asked for: parts of the suite, known failures, commands around it, a sandbox that stays."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.harness import known, withdrawn
from conformance.harness.known import Known
from conformance.harness.report import Run
from conformance.harness.selection import Selection, Shard

from .support.run_suite import ROOT, suite

CLAIM = {"class": "image", "profile": "core", "vantage": "inside"}
ACCEPTS_ALL = "exit 0"
REFERENCE = f"{sys.executable} -m ovsi"


def program(directory: Path, validate: str = ACCEPTS_ALL, claim: dict[str, str] = CLAIM) -> Path:
    """An implementation in shell that claims one thing."""
    info = {"implementation": {"name": "n", "version": "1"}, "specifications": ["1.0"], "claims": [claim]}
    error = {"category": "unsupported", "code": "unsupported-subcommand", "message": "no", "subject": "x"}
    path = directory / "program"
    path.write_text(
        f"#!/bin/sh\ncase $1 in info) echo '{json.dumps(info)}' ;; validate) {validate} ;;\n"
        f"*) echo '{json.dumps(error)}' >&2; exit 1 ;; esac\n"
    )
    path.chmod(0o755)
    return path


def report_in(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "report.json").read_text())
    return found


# Parts


@pytest.fixture(scope="module")
def smoke() -> list[str]:
    """The ids of the smoke tests."""
    ran = suite("--collect-only", "--smoke", "--impl=x")
    return [line.partition("/")[2] for line in ran.stdout.splitlines() if "::" in line]


def test_smoke_has_a_handful_of_each_class(smoke: list[str]) -> None:
    files = {name.partition("::")[0] for name in smoke}
    classes = ("command_line", "image", "dumper", "restorer", "round_trip", "interchange")
    assert {f"test_{name}.py" for name in classes} == files
    assert len(smoke) < 80
    assert not [name for name in smoke if "outside" in name]


def test_smoke_takes_less_than_ten_seconds_of_a_processor() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = suite(f"--impl={REFERENCE}", "--smoke", "--vantage=inside")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ran.returncode == 0, ran.stdout
    assert re.search(r"verdict: passed \(\d+ passed\)", ran.stdout)
    assert (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime) < 10


@pytest.mark.parametrize(
    ("selection", "kept"),
    [
        (Selection(), True),
        (Selection(requirements=("OVSI-DUMP",)), True),
        (Selection(requirements=("OVSI-REST-001", "OVSI-DUMP-002")), True),
        (Selection(requirements=("OVSI-DUMP-003",)), False),
        (Selection(classes=("dumper",), profiles=("core",), vantages=("inside",)), True),
        (Selection(classes=("restorer", "dumper"), profiles=("deep",)), False),
        (Selection(smoke=True), False),
    ],
)
def test_selection(selection: Selection, kept: bool) -> None:
    assert selection.keeps("t.py::t", ("dumper", "core", "inside"), ["OVSI-DUMP-002"]) is kept


def test_shards_are_a_partition_and_keep_a_dump_together() -> None:
    tests = [f"test_dumper.py::test_{what}[core-{n}-inside]" for n in range(200) for what in ("sound", "complete")]
    shards = [[test for test in tests if Shard(number, 3).has(test)] for number in (1, 2, 3)]
    assert sorted(test for shard in shards for test in shard) == sorted(tests)
    assert all(len(shard) > 40 for shard in shards)
    for shard in shards:
        assert len({test.partition("[")[2] for test in shard}) * 2 == len(shard)


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/0", "a/b", "-1/2"])
def test_no_such_shard(text: str) -> None:
    with pytest.raises(ValueError, match="a shard is I/N"):
        Shard.parse(text)


def test_what_is_withdrawn_is_named_and_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"id": "t.py::t[", "since": "0.2.0", "reason": "it blamed what is right"}
    (tmp_path / "withdrawn.json").write_text(json.dumps({"tests": [entry]}))
    monkeypatch.setattr(withdrawn, "_FILE", tmp_path / "withdrawn.json")
    withdrawn.tests.cache_clear()
    try:
        run = Run({"implementation": {"name": "n", "version": "1"}, "claims": []}, ("cmd", ""))
        assert withdrawn.entry("t.py::t[x]") == entry
        assert withdrawn.entry("t.py::other[x]") is None
        assert run.core()["withdrawn"] == [entry]
        assert "  withdrawn: t.py::t[: it blamed what is right" in run.summary()
    finally:
        withdrawn.tests.cache_clear()


def test_withdrawn_tests_have_a_version_and_a_reason() -> None:
    for entry in withdrawn.tests().values():
        assert set(entry) == {"id", "since", "reason"}
        assert all(entry.values())


# Known failures


def test_known_failures_fail_no_run_until_they_pass(tmp_path: Path) -> None:
    chosen, listed = ("-k", "test_vector and (minimal or cut-short)"), tmp_path / "known.json"
    accepts_all = program(tmp_path)
    assert suite(f"--impl={accepts_all}", f"--write-known-failures={listed}", *chosen).returncode == 1
    (failure,) = json.loads(listed.read_text())["failures"]
    assert failure["id"] == "test_image.py::test_vector[invalid/cut-short]"
    assert "OVSI-IMG-001" in failure["reason"]
    again = suite(f"--impl={accepts_all}", f"--known-failures={listed}", f"--report={tmp_path}", *chosen)
    assert again.returncode == 0, again.stdout
    assert "verdict: failed (1 failed, 1 passed)" in again.stdout
    (test,) = (test for test in report_in(tmp_path)["tests"] if test["verdict"] == "failed")
    assert test["known"]["reason"] == failure["reason"]
    right = suite(f"--impl={REFERENCE}", f"--known-failures={listed}", *chosen)
    assert right.returncode == 1
    assert f"listed as a known failure, and passes: {failure['id']}" in right.stdout


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value"),
        ('{"failures": []}', "not a list of known failures: 'format'"),
        ('{"format": "other", "failures": []}', "its format is 'other'"),
        ('{"format": "ovsi-known-failures", "failures": [{"id": "a"}]}', "not a list of known failures"),
        ('{"format": "ovsi-known-failures", "failures": [3]}', "an entry has id, reason and perhaps link, not 3"),
        ("[" * 100_000, "nested too deeply"),
        ('{"format": "ovsi-known-failures", "failures": [{"id": "a", "reason": " "}]}', "'a' needs a reason"),
        ('{"format": "ovsi-known-failures", "failures": [{"id": 1, "reason": "b"}]}', "1 needs a reason"),
    ],
)
def test_no_list_of_known_failures(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "known.json").write_text(text)
    with pytest.raises(ValueError, match=re.escape(why)):
        known.read(tmp_path / "known.json")


def test_list_of_known_failures_is_read_as_it_was_written(tmp_path: Path) -> None:
    entries = [Known("b", "why", "https://example.org"), Known("a", "because")]
    known.write(tmp_path / "known.json", entries)
    assert known.read(tmp_path / "known.json") == {each.id: each for each in entries}


# Around a run


def test_setup_and_teardown_once_a_run(tmp_path: Path) -> None:
    log = tmp_path / "log"
    around = [f"--impl-{when}=sh -c 'echo {when} >> {log}'" for when in ("setup", "teardown")]
    ran = suite(f"--impl={program(tmp_path)}", *around, "-n", "2", "-k", "test_vector and minimal")
    assert ran.returncode == 0, ran.stdout
    assert log.read_text().split() == ["setup", "teardown"]


def test_setup_that_fails_ends_the_run(tmp_path: Path) -> None:
    ran = suite(f"--impl={program(tmp_path)}", "--impl-setup=sh -c 'echo no disk >&2; exit 3'")
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--impl-setup: sh -c 'echo no disk >&2; exit 3': exit 3: no disk" in ran.stderr


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--shard=3/2"], "a shard is I/N"),
        (["--impl=a 'b"], "No closing quotation"),
        (["--known-failures=/no/such/file"], "No such file"),
        (["--keep-sandbox", "-n", "2"], "leave -n out"),
        (["--impl-timeout=nan"], "nan is no number of seconds"),
        (["--impl-timeout=-1"], "-1.0 is no number of seconds"),
        (["--profile=core", "--profile=nonsense"], "--profile nonsense: there is none of that name, but core,"),
        (["--vantage=beside"], "but inside, outside"),
        (["--write-known-failures=/no/such/file"], "there is no such directory"),
        (["--report=/dev/null"], "--report: [Errno 17]"),
    ],
)
def test_wrong_usage(words: list[str], why: str) -> None:
    ran = suite("--impl=x", *words)
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert why in ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr


def test_a_requirement_that_no_test_names_fails_the_run(tmp_path: Path) -> None:
    ran = suite(f"--impl={program(tmp_path)}", "--requirement=OVSI-CLI-001", "--requirement=OVSI-CLI-999")
    assert ran.returncode == 1
    assert "--requirement OVSI-CLI-999: no test names such a requirement" in ran.stdout
    assert "OVSI-CLI-001: no test" not in ran.stdout


@pytest.mark.parametrize("name", ["adapter.py", "test_image.py"])
def test_a_program_may_be_called_like_a_test(name: str, tmp_path: Path) -> None:
    program(tmp_path).rename(tmp_path / name)
    words = [sys.executable, "-c", "from conformance.cli import main; raise SystemExit(main())"]
    words += ["--impl", f"./{name}", "--smoke"]
    ran = subprocess.run(
        words, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert "verdict: failed" in ran.stdout, ran.stdout + ran.stderr


def test_a_report_that_can_not_be_written_fails_the_run(tmp_path: Path) -> None:
    """A full disk is told in a line, and leaves no half of a report."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        ran = suite(f"--impl={program(tmp_path)}", "--smoke", f"--report={tmp_path}/full")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ran.returncode == 1
    assert "report: not written: [Errno 27]" in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr
    assert report_in(tmp_path / "full")["closing"] is None
    assert os.listdir(tmp_path / "full") == ["report.json"]


def test_stopped_run_is_unfinished(tmp_path: Path) -> None:
    ran = suite(f"--impl={program(tmp_path)}", f"--report={tmp_path}", "-x", "--class=image")
    assert ran.returncode != 0
    assert "verdict: unfinished" in ran.stdout
    assert report_in(tmp_path)["closing"] is None
    assert "Unfinished" in (tmp_path / "index.html").read_text()


def test_interrupted_run_tells_what_it_found(tmp_path: Path) -> None:
    """Ctrl-C reaches every process of a terminal's group; what was judged till then is in the report, and no more."""
    command = [sys.executable, "-m", "pytest", "conformance", "-v", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += [f"--impl={REFERENCE}", f"--report={tmp_path}", "-k", "test_exact"]
    paths = os.pathsep.join((str(ROOT), str(ROOT / "reference")))
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True, process_group=0
    ) as run:
        assert run.stdout
        next(line for line in run.stdout if " PASSED " in line)
        os.killpg(run.pid, signal.SIGINT)
        said = run.stdout.read()
    assert f"report: {tmp_path}/report.json" in said
    report = report_in(tmp_path)
    assert report["closing"] is None
    assert [test for test in report["tests"] if test["verdict"] == "passed"]
    assert report["abilities"]["vantage-inside"]["present"]


# A sandbox that stays


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A run that fails with `--keep-sandbox`, and what it printed before it waited."""
    claim = {"class": "dumper", "profile": "core", "vantage": "inside"}
    command = [sys.executable, "-m", "pytest", "conformance", "-p", "no:cacheprovider", "--keep-sandbox"]
    command += [f"--impl={program(tmp_path, claim=claim)}", "-k", "test_answer and core-three-lowers-inside"]
    run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert run.stdout
    lines = []
    for line in run.stdout:
        lines.append(line.rstrip())
        if line.strip().startswith("let it go"):
            break
    yield run, lines
    if run.poll() is None:
        os.killpg(run.pid, signal.SIGKILL)
    run.wait()


def test_failing_tests_sandbox_is_kept(kept: tuple[subprocess.Popen[str], list[str]]) -> None:
    """The printed command enters it: the stack stands there still. SIGTERM lets it go."""
    run, lines = kept
    (command,) = (line.strip() for line in lines if line.strip().startswith("nsenter"))
    words = [*command.split(), "-c", "ls -d /store/l* && grep -c ' /m/merged ' /proc/self/mountinfo"]
    looked = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert looked.stdout.split() == ["/store/l0", "/store/l1", "/store/l2", "1"], looked.stderr
    run.send_signal(signal.SIGTERM)
    run.wait(60)
    (number,) = re.findall(r"--target (\d+)", command)
    assert not Path(f"/proc/{number}/ns/mnt").exists()


def test_help_is_of_the_suites_own_options() -> None:
    words = [sys.executable, "-c", "from conformance.cli import main; raise SystemExit(main())", "--help"]
    shown = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "--known-failures FILE" in shown
    assert "compare REPORT.json" in shown
    assert len(shown.splitlines()) < 60
