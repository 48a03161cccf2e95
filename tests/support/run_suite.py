"""Run the conformance suite as a program of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def suite(*words: str, limit: float = 120, **environment: str) -> subprocess.CompletedProcess[str]:
    """`pytest conformance WORDS` in this checkout, whose modules are on the path; at most `limit` seconds."""
    path = os.pathsep.join((str(ROOT), str(ROOT / "reference"), os.environ.get("PYTHONPATH", "")))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "conformance",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:hypothesispytest",
    ]
    surroundings = {**os.environ, "PYTHONPATH": path, **environment}
    return subprocess.run([*command, *words], cwd=ROOT, env=surroundings, capture_output=True, text=True, timeout=limit)
