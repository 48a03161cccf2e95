"""Walks through the overlay to see what is in it: overlayfs writes down what it learns."""

import os

from .mutant import Given, Mutant


def browse(given: Given, code: int) -> None:
    if "mountpoint" in given:
        for directory, names, files in os.walk(f"/proc/{given['pid']}/root{given['mountpoint']}"):
            for name in (*names, *files):
                os.stat(os.path.join(directory, name))


MUTANT = Mutant(
    breaks=("OVSI-DUMP-009",), fails=("test_dumper.py::test_no_trace[core-three-lowers-outside]",), after=browse
)
