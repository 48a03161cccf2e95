"""The command as a process: exit codes, the error object, what is printed where, what is imported."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .harness import INFO, PYTHON, REPOSITORY, VALID, VECTORS, ovsi, refused


def test_info_is_valid_and_claims_each_triple_once() -> None:
    run = ovsi("info")
    assert (run.returncode, run.stderr) == (0, b"")
    document = json.loads(run.stdout)
    INFO.validate(document)
    registries = json.loads((REPOSITORY / "schemas" / "registries.json").read_text())
    assert {claim["profile"] for claim in document["claims"]} <= {entry["name"] for entry in registries["profiles"]}


def test_the_version_is_the_distributions() -> None:
    version = importlib.metadata.version("ovsi")
    assert ovsi("--version").stdout == f"ovsi {version}\n".encode()
    assert json.loads(ovsi("info").stdout)["implementation"]["version"] == version


@pytest.mark.parametrize(
    "words", [("--help",), ("-h",), ("help",), ("dump", "--help"), ("help", "dump"), ("show", "-h")]
)
def test_help_goes_to_standard_output(words: tuple[str, ...]) -> None:
    run = ovsi(*words)
    assert (run.returncode, run.stderr) == (0, b"")
    assert b"usage: ovsi" in run.stdout
    assert max(map(len, run.stdout.decode().splitlines())) < 80


def test_help_names_the_words_that_an_option_takes() -> None:
    assert b"changed-identity" in ovsi("restore", "--help").stdout
    assert b"file-identifier, opening" in ovsi("show", "--help").stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts in a namespace of its own, which takes root here")
def test_a_mount_point_may_be_given_from_where_one_stands() -> None:
    """Without --pid: with it a path is below that process's root."""
    script = (
        "mount -t tmpfs none /mnt && cd /mnt && mkdir a b m && mount -t overlay overlay -o lowerdir=a:b m && "
        '"$@" dump --mountpoint m --output here && grep /mnt/m here && ! "$@" dump --pid $$ --mountpoint m --output -'
    )
    words = ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, "-m", "ovsi"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "reference")}
    run = subprocess.run(words, capture_output=True, env=environment, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    assert b"no-such-mount" in run.stderr


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ((), "see `ovsi --help`"),
        (("--loud",), "see `ovsi --help`"),
        (("dump", "--all"), "see `ovsi dump --help`"),
        (("help", "nothing"), "see `ovsi --help`"),
        (("restore", "--image", "x", "--target", "/", "--map", "fs"), "see `ovsi restore --help`"),
        (("show",), "see `ovsi show --help`"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(words: tuple[str, ...], hint: str) -> None:
    run = ovsi(*words)
    assert (run.returncode, run.stdout) == (2, b"")
    (line,) = run.stderr.decode().splitlines()
    assert line.startswith("ovsi: ")
    assert line.endswith(hint)


def test_a_command_that_does_not_exist_is_unsupported() -> None:
    for word in ("frobnicate", b"\xff", ""):
        assert refused(ovsi(word))["category"] == "unsupported"


def test_validate() -> None:
    assert ovsi("validate", "--image", VALID).returncode == 0
    assert ovsi("validate", "--image", "-", input=VALID.read_bytes()).returncode == 0
    assert refused(ovsi("validate", "--image", VECTORS / "invalid" / "path-dot.json"))["code"] == "bad-path"
    assert refused(ovsi("validate", "--image", VECTORS / "invalid" / "newer-major.json"))["category"] == "unsupported"
    assert refused(ovsi("validate", "--image", "-"))["code"] == "not-json"
    assert refused(ovsi("validate", "--image", "/nowhere/x"))["code"] == "image-missing"
    assert refused(ovsi("validate", "--image", "/dev/null/x"))["code"] == "image-missing"
    assert refused(ovsi("validate", "--image", "/"))["code"] == "not-a-file"
    assert refused(ovsi("validate", "--image", "/dev/zero"))["code"] == "too-large"


def test_a_huge_image_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    image = tmp_path / "sparse.json"
    with image.open("wb") as file:
        file.truncate(100 << 20)
    assert refused(ovsi("validate", "--image", image))["code"] == "too-large"


def test_deep_nesting_ends_in_a_clear_refusal(tmp_path: Path) -> None:
    image = tmp_path / "deep.json"
    image.write_bytes(b"[" * 3_000_000)
    assert refused(ovsi("validate", "--image", image))["category"] == "bad-image"


def test_subjects_that_are_not_utf8_are_told_as_text(tmp_path: Path) -> None:
    error = refused(ovsi("validate", "--image", os.fsencode(tmp_path) + b"/\xff\n\x1b[31m"))
    assert error["subject"].endswith("/\\xff\\x0a\\x1b[31m")


def test_an_image_that_may_not_be_read(tmp_path: Path) -> None:
    image = tmp_path / "secret.json"
    image.write_bytes(VALID.read_bytes())
    image.chmod(0)
    tmp_path.chmod(0o755)
    if os.geteuid() == 0:
        pytest.skip("root reads any file")
    assert refused(ovsi("validate", "--image", image))["category"] == "permission"


def test_output_that_nobody_reads_ends_without_a_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    run = ovsi("info", stdout=writer)
    os.close(writer)
    assert refused(run)["category"] == "system"


def test_closed_standard_streams() -> None:
    line = '"$0" -m ovsi info >&- </dev/null'
    run = subprocess.run(["sh", "-c", line, sys.executable], capture_output=True, env=_environment(), check=False)
    assert refused(run)["category"] == "system"
    line = '"$0" -m ovsi validate --image /nowhere >/dev/null 2>&- </dev/null'
    run = subprocess.run(["sh", "-c", line, sys.executable], capture_output=True, env=_environment(), check=False)
    assert (run.returncode, run.stdout, run.stderr) == (1, b"", b"")


def test_a_full_device_is_told() -> None:
    with open("/dev/full", "wb") as full:
        assert refused(ovsi("info", stdout=full))["code"] == "no-space"


def test_interrupted_while_it_waits_for_its_input() -> None:
    import signal

    program = [*PYTHON, "-m", "ovsi", "validate", "--image", "-"]
    pipe = subprocess.PIPE
    with subprocess.Popen(program, env=_environment(), stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stderr is not None
        _wait_until_it_reads(process.pid)
        process.send_signal(signal.SIGINT)
        stderr = process.stderr.read()
        process.wait(30)
    run = subprocess.CompletedProcess(program, process.returncode, b"", stderr)
    assert refused(run) | {"message": ""} == {
        "category": "system",
        "code": "interrupted",
        "message": "",
        "subject": "",
        "remedy": "run it again",
    }


def _wait_until_it_reads(pid: int) -> None:
    """Until the process sleeps in a read of its standard input (/proc/PID/syscall: number and first argument)."""
    while True:
        words = Path(f"/proc/{pid}/syscall").read_text().split()
        if len(words) > 1 and (words[0], words[1]) == ("0", "0x0"):
            return
        os.sched_yield()


def test_a_defect_ends_in_an_error_object_and_with_debugging_in_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import ovsi.cli.info as info\ninfo.claims = None\n")
    path = f"{tmp_path}:{REPOSITORY / 'reference'}"
    error = refused(ovsi("info", env={"PYTHONPATH": path}))
    assert (error["category"], error["code"]) == ("system", "internal-error")
    assert b"Traceback" in ovsi("info", env={"PYTHONPATH": path, "OVSI_DEBUG": "1"}).stderr


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(REPOSITORY / "reference")}


SLOW = {"dataclasses", "re", "typing", "enum", "argparse", "json", "pathlib", "subprocess", "logging", "shutil"} | {
    "tempfile",
    "contextlib",
    "collections",
    "functools",
}
IMPORTED = """
import sys
from ovsi import cli
cli.report.refuse = print  # the registries, read when a refusal is reported, take json
cli.main(sys.argv[1:])
print(*sys.modules)
"""


@pytest.mark.parametrize(
    "words", [("dump", "--mountpoint", "/proc", "--output", "-"), ("validate", "--image", str(VALID))]
)
def test_nothing_slow_is_imported(words: tuple[str, ...]) -> None:
    """What a run imports beyond what the interpreter does by itself (decision 0002)."""
    run = subprocess.run(
        [sys.executable, "-S", "-c", IMPORTED, *words], capture_output=True, text=True, env=_environment()
    )
    bare = subprocess.run(
        [sys.executable, "-S", "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert not (set(run.stdout.splitlines()[-1].split()) - set(bare.stdout.split())) & SLOW


def test_codes_that_are_raised_are_registered() -> None:
    import re

    registries = json.loads((REPOSITORY / "schemas" / "registries.json").read_text())
    known = {code["code"] for category in registries["categories"] for code in category["codes"]}
    used = {
        (code, path.name)
        for path in (REPOSITORY / "reference" / "ovsi").rglob("*.py")
        for code in re.findall(r'(?:Refusal|Fault)\(\s*"([^"]+)"', path.read_text())
    }
    assert len(used) > 10
    assert {(code, name) for code, name in used if code not in known and not code.startswith("x-ovsi-")} == set()


def test_nothing_that_is_not_printable_reaches_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    from ovsi.cli import report
    from ovsi.errors import Refusal

    report.refuse(Refusal("bad-path", "a\x1b[31m\x7f\x85b\nc\udcff", "s\x9b\u202e"))
    report.say("n\x1bote\r")
    shown = capfd.readouterr().err
    assert all(line.isprintable() for line in shown.split("\n"))
    assert json.loads(shown.splitlines()[1])["message"] == "a\\x1b[31m\\x7f b c\\xed\\xb3\\xbf"
