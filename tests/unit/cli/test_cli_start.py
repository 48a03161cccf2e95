"""The command's own finder: the same modules as by the import system, and never an outdated one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .harness import REPOSITORY

TELL = """
import json, sys, traceback
if {finder}:
    from ovsi.start import Finder
    sys.meta_path.insert(0, Finder())
import ovsi.cli.dump, ovsi.dump, ovsi.introspect.introspector, ovsi.image.read
def told(module):
    spec = module.__spec__
    code = getattr(getattr(module, "run", None), "__code__", None)
    return [
        *(module.__file__, module.__package__, getattr(module, "__path__", None) and list(module.__path__)),
        *(spec.origin, spec.cached, spec.parent, spec.has_location, spec.loader.path, spec.loader.name),
        *(spec.loader.get_source(module.__name__), code and code.co_filename),
    ]
own = {{name: module for name, module in sys.modules.items() if name.startswith("ovsi.") and name != "ovsi.start"}}
loaders = {{type(module.__spec__.loader).__module__ for module in own.values()}}
known = {{name: told(module) for name, module in own.items()}}
print(json.dumps([sorted(loaders), known]))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package, compiled."""
    shutil.copytree(REPOSITORY / "reference" / "ovsi", tmp_path / "ovsi", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-m", "compileall", "-q", tmp_path / "ovsi"], check=True)
    return tmp_path


def python(package: Path, *words: str, **environment: str) -> str:
    run = subprocess.run(
        [sys.executable, *words],
        env=os.environ | {"PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1"} | environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return run.stdout


def test_modules_are_those_of_the_import_system(package: Path) -> None:
    (_, usual), (loaders, found) = (
        json.loads(python(package, "-c", TELL.format(finder=finder))) for finder in (False, True)
    )
    assert found == usual
    assert loaders == ["ovsi.start"]


def test_a_compiled_file_that_its_source_has_outlived_is_not_used(package: Path) -> None:
    source = package / "ovsi" / "version.py"
    source.write_text(source.read_text().replace('VERSION = "', 'VERSION = "9.'))
    assert python(package, "-m", "ovsi", "--version").startswith("ovsi 9.")


@pytest.mark.parametrize("change", ["absent", "cut", "by hash"])
def test_without_a_usual_compiled_file_the_import_system_serves(package: Path, change: str) -> None:
    compiled = next((package / "ovsi" / "__pycache__").glob("version.*.pyc"))
    before = python(package, "-m", "ovsi", "--version")
    if change == "absent":
        compiled.unlink()
    elif change == "cut":
        compiled.write_bytes(compiled.read_bytes()[:15])
    else:
        words = ("-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash", str(package / "ovsi"))
        python(package, *words, PYTHONDONTWRITEBYTECODE="")
    assert python(package, "-m", "ovsi", "--version") == before


def test_a_tree_of_compiled_files_elsewhere_is_left_to_the_import_system(package: Path, tmp_path: Path) -> None:
    elsewhere = str(tmp_path / "compiled")
    assert python(package, "-m", "ovsi", "--version", PYTHONPYCACHEPREFIX=elsewhere).startswith("ovsi ")
