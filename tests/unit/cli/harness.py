"""Runs `python -m ovsi` as people and programs do, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema

REPOSITORY = Path(__file__).resolve().parents[3]
PYTHON = ("env", "--default-signal", sys.executable)
"""With the usual signals: who runs the tests in the background may have some of them ignored."""
VECTORS = REPOSITORY / "conformance" / "vectors"
VALID = VECTORS / "valid" / "writable.json"
ERROR = jsonschema.Draft202012Validator(json.loads((REPOSITORY / "schemas" / "error.json").read_text()))
INFO = jsonschema.Draft202012Validator(json.loads((REPOSITORY / "schemas" / "info.json").read_text()))


def ovsi(*words: str | bytes | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """One run; standard input is empty unless said otherwise."""
    options.setdefault("input", b"")
    environment = (
        os.environ | {"PYTHONPATH": str(REPOSITORY / "reference"), "LC_ALL": "C.UTF-8"} | options.pop("env", {})
    )
    if "stdout" not in options:
        options["stdout"] = subprocess.PIPE
    program: list[str | bytes | Path] = [sys.executable, "-m", "ovsi", *words]
    return subprocess.run(program, stderr=subprocess.PIPE, env=environment, timeout=60, check=False, **options)


def refused(run: subprocess.CompletedProcess[bytes]) -> dict[str, str]:
    """The error object of a refusal, judged by its schema; no traceback, nothing after it."""
    assert run.returncode == 1, run
    lines = run.stderr.decode().splitlines()
    assert b"Traceback" not in run.stderr
    error: dict[str, str] = json.loads(lines[-1])
    ERROR.validate(error)
    assert lines[-2].startswith("ovsi: ")
    return error
