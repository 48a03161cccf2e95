"""Mounts something for its own use and forgets it."""

import os
import subprocess

from .mutant import Given, Mutant


def forget(given: Given, code: int) -> None:
    """Only where there is a world of its own to forget it in; so deep there that no dump prefers it as a place."""
    if "output" in given or "target" in given:
        os.makedirs("/left/over/here", exist_ok=True)
        subprocess.run(["mount", "--bind", "/store", "/left/over/here"], check=True)


MUTANT = Mutant(
    breaks=("OVSI-REST-022", "OVSI-DUMP-010", "OVSI-REST-021"),
    fails=(
        "test_restorer.py::test_target[missing-inside]",
        "test_dumper.py::test_no_trace[core-one-lower-inside]",
        "test_restorer.py::test_exact[core-one-lower-inside]",
    ),
    after=forget,
)
