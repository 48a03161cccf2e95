"""Signals: before the commit of a restore, and in a dump, an orderly end; and what happens when a result is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .harness import PYTHON, REPOSITORY, refused

ENVIRONMENT = os.environ | {"PYTHONPATH": str(REPOSITORY / "reference")}
AT = """
import os, signal, sys
from ovsi import cli
from ovsi.cli import files
def struck(*_):
    os.kill(os.getpid(), signal.{signal})
files.Stream.write = struck
sys.argv[1:] = {words!r}
cli.run()
"""


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupted_program_says_so(number: str) -> None:
    program = AT.format(signal=number, words=["info"])
    run = subprocess.run([*PYTHON, "-c", program], capture_output=True, env=ENVIRONMENT, check=False)
    error = refused(run)
    assert (error["category"], error["code"]) == ("system", "interrupted")
    assert number in error["message"]


WHILE_IMPORTING = """
import os, signal, sys
from ovsi import start
class Struck:
    def find_spec(self, name, *_):
        if name == "ovsi.cli.{module}":
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.{signal})
sys.meta_path.insert(0, Struck())
start.Finder = Struck  # for the command's own finder would be asked first
sys.argv[1:] = ["info"]
start.run()
"""


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("module", ["arguments", "info"])
def test_a_program_that_is_interrupted_as_it_starts_says_so(number: str, module: str) -> None:
    program = WHILE_IMPORTING.format(signal=number, module=module)
    run = subprocess.run([*PYTHON, "-c", program], capture_output=True, env=ENVIRONMENT, check=False)
    error = refused(run)
    assert (error["category"], error["code"]) == ("system", "interrupted")
    assert number in error["message"]


TEMPORARY = """
import os, signal, sys
from ovsi import cli
from ovsi.cli import files
real = os.open
def without(path, flags, *rest, **named):  # as on a file system that has no nameless files
    if flags & os.O_TMPFILE == os.O_TMPFILE: raise OSError(95, "Operation not supported")
    return real(path, flags, *rest, **named)
files.os.open = without
files.os.fsync = lambda _fd: os.kill(os.getpid(), signal.SIGTERM)
from ovsi.cli import dump
dump.take = lambda *_: type("Result", (), {"image": None, "complete": True})
dump.chunks = lambda _image: [b"{}"]
os.chdir(sys.argv[1])
sys.argv[1:] = ["dump", "--all", "--output", "out"]
cli.run()
"""


def test_no_temporary_file_is_left(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"old")
    run = subprocess.run([*PYTHON, "-c", TEMPORARY, str(tmp_path)], capture_output=True, env=ENVIRONMENT, check=False)
    assert refused(run)["code"] == "interrupted"
    assert os.listdir(tmp_path) == ["out"]
    assert (tmp_path / "out").read_bytes() == b"old"


HELD = """
import os, signal, sys
from ovsi import signals
signals.catch()
signals.hold()
os.kill(os.getpid(), signal.SIGTERM)
os.kill(os.getpid(), signal.SIGINT)
signals.release()
try:
    os.kill(os.getpid(), signal.SIGTERM)
except signals.Interrupted as interrupt:
    print(interrupt)
os.kill(os.getpid(), signal.SIGTERM)
print("cleaned up")
"""


def test_held_back_from_the_commit_on_and_once_only() -> None:
    run = subprocess.run([*PYTHON, "-c", HELD], capture_output=True, env=ENVIRONMENT, check=False)
    assert run.stdout.splitlines() == [b"interrupted by SIGTERM", b"cleaned up"], run.stderr


def test_a_signal_that_was_ignored_stays_so() -> None:
    words = [sys.executable, "-c", HELD.replace("signals.release()", "signals.release(); print('ignored')")]
    run = subprocess.run(
        words,
        capture_output=True,
        env=ENVIRONMENT,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
    )
    assert run.stdout.splitlines() == [b"ignored", b"cleaned up"], run.stderr


LOST = """
set -e
mount -t tmpfs none "$1"; cd "$1"; mkdir a b mnt target
mount -t overlay o -o lowerdir=a:b mnt
shift
"$@" dump --pid $$ --mountpoint "$PWD/mnt" --output image.json || [ $? = 3 ]
umount -l mnt
code=0
"$@" restore --image image.json --target target --accept unproved --result /dev/full || code=$?
cut -d' ' -f5 /proc/self/mountinfo | grep -x "$PWD/target" || echo nothing mounted
exit $code
"""


def test_a_result_that_can_not_be_written_undoes_the_mount(tmp_path: Path) -> None:
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", LOST, "sh", str(tmp_path)]
    if subprocess.run([*words[:4], "true"], capture_output=True, check=False).returncode:
        pytest.skip("user namespaces are not allowed here")
    run = subprocess.run([*words, sys.executable, "-m", "ovsi"], capture_output=True, env=ENVIRONMENT, check=False)
    assert run.stdout == b"nothing mounted\n", run.stderr
    assert refused(run)["code"] == "no-space"
