"""Mounts something for its own use and forgets it."""

import os
import subprocess

from .mutant import Given, Mutant, run

MUTANT = Mutant(
    breaks=("OVSI-DUMP-010", "OVSI-REST-021"),
    meets="(test_no_trace or test_exact) and core-one-lower-inside",
)


def forget(given: Given, code: int) -> None:
    """Only where there is a world of its own to forget it in."""
    if "output" in given or "target" in given:
        os.makedirs("/left", exist_ok=True)
        subprocess.run(["mount", "--bind", "/store", "/left"], check=True)


if __name__ == "__main__":
    run(after=forget)
