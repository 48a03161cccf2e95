"""The second implementation, written from the specification alone, still meets a few stacks of the suite.

All that it claims is judged by `make conformance IMPL="$PWD/examples/second/ovsi-pl"`, which takes minutes.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ROOT / "examples/second/ovsi-pl"


def test_every_module_compiles() -> None:
    library = PROGRAM.parent / "lib"
    for file in (PROGRAM, *sorted(library.rglob("*.pm"))):
        command = ["perl", "-wc", f"-I{library}", str(file)]
        ran = subprocess.run(command, capture_output=True, text=True)
        assert ran.stderr == f"{file} syntax OK\n"


def test_smoke(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "conformance", "--smoke", "-q"]
    command += ["-p", "no:cacheprovider", "-p", "no:xdist", f"--impl={PROGRAM}", f"--report={tmp_path}"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    report = json.loads((tmp_path / "report.json").read_text())
    assert {test["verdict"] for test in report["tests"]} == {"passed"}, ran.stdout
    assert {test["class"] for test in report["tests"]} >= {"image", "dumper", "restorer", "round-trip"}
