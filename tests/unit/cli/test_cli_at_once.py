"""Modules imported at once are the same as one by one, and only a fresh compiled file serves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from distribution import at_once

from .harness import REPOSITORY, refused

WHICH = (*at_once.COMMANDS, *at_once.GROUPS)

TELL = """
import json, sys
from ovsi import start
if {at_once}:
    start._make_at_once({command!r})
    there = [name for name in sys.modules if name.startswith("ovsi.")]
else:
    there = {names!r}
def told(thing):
    if isinstance(thing, type):
        parts = [repr(getattr(thing, each, None)) for each in ("_fields", "_defaults", "__slots__", "__annotations__")]
        return [thing.__qualname__, thing.__module__, sorted(vars(thing)), *parts]
    return getattr(thing, "__qualname__", type(thing).__qualname__)
found = {{}}
for name in there:
    __import__(name)
for name in there:
    module = sys.modules[name]
    names = {{key: told(value) for key, value in vars(module).items() if key[:2] != "__" and key != "annotations"}}
    parent, _, last = name.rpartition(".")
    found[name] = [
        names, module.__name__, module.__package__, module.__file__, list(getattr(module, "__path__", [])),
        getattr(sys.modules[parent], last) is module,
    ]
print(json.dumps(found, sort_keys=True))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The package as it is installed: with the files of many modules, compiled."""
    shutil.copytree(REPOSITORY / "reference" / "ovsi", tmp_path / "ovsi", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "ovsi" / "at_once").mkdir()
    for command in WHICH:
        (tmp_path / "ovsi" / "at_once" / f"{command}.py").write_text(at_once.source(command))
    compile_(tmp_path)
    return tmp_path


def compile_(package: Path) -> None:
    subprocess.run([sys.executable, "-m", "compileall", "-q", "-f", package / "ovsi"], check=True)


def python(package: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, *words], env=environment, capture_output=True, check=False)


def told(package: Path, command: str, names: list[str] | None = None) -> dict[str, list[object]]:
    program = TELL.format(at_once=names is None, command=command, names=names)
    run = python(package, "-c", program)
    assert run.returncode == 0, run.stderr.decode()
    found: dict[str, list[object]] = json.loads(run.stdout)
    return found


@pytest.mark.parametrize("command", WHICH)
def test_modules_are_those_that_are_imported_one_by_one(package: Path, command: str) -> None:
    found = told(package, command)
    assert len(found) > 10
    assert found == told(package, command, list(found))


@pytest.mark.parametrize("command", at_once.COMMANDS)
def test_a_run_that_is_interrupted_meanwhile_says_so(package: Path, command: str) -> None:
    """At any module: those that were done serve, the others are imported."""
    source = package / "ovsi" / "at_once" / f"{command}.py"
    whole = source.read_text()
    for number in (0, 1, 2, 5, 10):
        struck = f"def _{number}():\n    import os\n    os.kill(os.getpid(), 15)\n"
        source.write_text(whole.replace(f"def _{number}():\n", struck + "\n\ndef _rest():\n", 1))
        compile_(package)
        ran = python(package, "-m", "ovsi", command)
        assert ran.returncode == 1, (number, ran)
        error = refused(ran)
        assert (error["category"], error["code"]) == ("system", "interrupted"), number
        assert "SIGTERM" in error["message"]


@pytest.mark.parametrize("change", ["not compiled", "outlived", "no such file"])
def test_without_its_compiled_file_modules_are_imported_one_by_one(package: Path, change: str) -> None:
    source = package / "ovsi" / "at_once" / "dump.py"
    if change == "not compiled":
        next((source.parent / "__pycache__").glob("dump.*.pyc")).unlink()
    elif change == "outlived":
        source.write_text("raise SystemExit(7)\n")
    else:
        shutil.rmtree(source.parent)
    run = python(package, "-m", "ovsi", "dump", "--help")
    assert run.returncode == 0
    assert b"--mountpoint" in run.stdout


GROUP = """
import sys
from ovsi import start
sys.meta_path.insert(0, start.Finder())
import ovsi.discover.hints as before
from ovsi.discover import climb
assert climb.LowerRungs.verdicts.__code__.co_filename.endswith("of_climb.py")
assert sys.modules["ovsi.discover.search"].Search.locate.__code__.co_filename.endswith("of_climb.py")
assert climb.Hints is before.Hints and before.Hints.at.__code__.co_filename.endswith("hints.py")
"""


def test_a_group_is_made_with_its_first_module_and_leaves_what_is_there(package: Path) -> None:
    run = python(package, "-c", GROUP)
    assert run.returncode == 0, run.stderr.decode()
