"""How a command is measured: wall-clock time beside others' in turn, peak memory, system calls counted."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

_TOTAL = re.compile(r"^100\.00\s.*?\s(\d+)(?:\s+\d+)?\s+total$", re.MULTILINE)


def seconds(command: list[str]) -> float:
    """Wall-clock seconds of a whole process. Raises CalledProcessError when it does not exit 0."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    return time.perf_counter() - start


def in_turn(commands: list[list[str]], runs: int, between: Callable[[], object] = lambda: None) -> list[float]:
    """Median milliseconds of each of several commands taken in turn; the first round warms up."""
    rounds = []
    for _ in range(runs + 1):
        rounds.append([seconds(command) * 1000 for command in commands])
        between()
    return [median(times) for times in zip(*rounds[1:], strict=True)]


def peak_mebibytes(command: list[str]) -> float:
    """Peak resident memory of one run."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    shown = subprocess.run([sys.executable, "-I", "-c", code, *command], check=True, capture_output=True, text=True)
    return int(shown.stdout) / 1024


def system_calls(command: list[str]) -> int:
    """How many system calls a run makes, its children's among them. Raises FileNotFoundError without strace."""
    with TemporaryDirectory() as directory:
        table = Path(directory) / "calls"
        counting = ["strace", "-f", "-c", "-o", str(table), *command]
        subprocess.run(counting, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        found = _TOTAL.search(table.read_text())
        assert found, table.read_text()
        return int(found[1])
