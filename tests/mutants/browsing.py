"""Walks through the overlay to see what is in it: overlayfs writes down what it learns."""

import os

from .mutant import Given, Mutant, run

MUTANT = Mutant(breaks=("OVSI-DUMP-009",), meets="test_no_trace and core-three-lowers-outside")


def browse(given: Given, code: int) -> None:
    if "mountpoint" in given:
        for directory, names, files in os.walk(f"/proc/{given['pid']}/root{given['mountpoint']}"):
            for name in (*names, *files):
                os.stat(os.path.join(directory, name))


if __name__ == "__main__":
    run(after=browse)
