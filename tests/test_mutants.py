"""Every wrong implementation fails as it declares; no right one is blamed."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .mutants.mutant import Mutant, RightVariant

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(path.stem for path in (ROOT / "tests/mutants").glob("*.py") if path.stem not in ("__init__", "mutant"))


def _module(name: str) -> Any:
    return importlib.import_module(f"{__package__}.mutants.{name}")


def judge(name: str, meets: str, directory: Path, peer: bool = False) -> dict[str, Any]:
    """The report of the suite on an implementation, from the tests that it meets."""
    path = os.pathsep.join((str(ROOT), str(ROOT / "reference")))
    command = [sys.executable, "-m", "pytest", "conformance", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += ["-p", "no:hypothesispytest", "-k", meets]
    command += [f"--impl={sys.executable} -m tests.mutants.{name}", f"--report={directory}"]
    command += [f"--peer={sys.executable} -m ovsi"] if peer else []
    ran = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
    if not (directory / "report.json").exists():
        pytest.fail(f"the suite wrote no report\n{ran.stdout}\n{ran.stderr}", pytrace=False)
    found: dict[str, Any] = json.loads((directory / "report.json").read_text())
    return found


def _blamed(report: dict[str, Any]) -> dict[str, list[str]]:
    """Requirement -> the tests that found it broken."""
    found: dict[str, list[str]] = {}
    for test in report["tests"]:
        for requirement in test.get("broken", ()):
            found.setdefault(requirement, []).append(f"{test['id']}: {test['reason'][-600:]}")
    return found


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith("right_")])
def test_mutant_fails_as_declared(name: str, tmp_path: Path) -> None:
    mutant: Mutant = _module(name).MUTANT
    report = judge(name, mutant.meets, tmp_path, mutant.peer)
    blamed, declared = _blamed(report), set(mutant.breaks)
    skipped = {test["reason"] for test in report["tests"] if test["verdict"] == "skipped"}
    if skipped and set(blamed) < declared:
        pytest.skip(f"abilities missing here: {'; '.join(sorted(skipped))}")
    surplus = sorted(set(blamed) - declared)
    shown = "\n\n".join(f"{requirement} {blamed[requirement][0]}" for requirement in surplus)
    unseen = ", ".join(sorted(declared - set(blamed))) or "none"
    assert set(blamed) == declared, f"declared, but not found: {unseen}; not declared, but found:\n{shown}"


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("right_")])
def test_right_variant_is_not_blamed(name: str, tmp_path: Path) -> None:
    variant: RightVariant = _module(name).VARIANT
    report = judge(name, variant.meets, tmp_path)
    assert not _blamed(report)
    verdicts = report["closing"]["counts"]
    assert not verdicts.get("failed")
    assert not verdicts.get("errored")
    assert verdicts.get("passed")
