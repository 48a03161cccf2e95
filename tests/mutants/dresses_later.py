"""Mounts first, and gives the mount its attributes and its propagation afterwards."""

import subprocess

from .mutant import Given, Json, Mutant, run

MUTANT = Mutant(breaks=("OVSI-REST-027",), meets="test_in_one_step and inside")


def strip(document: Json, given: Given) -> None:
    for mount in document["mounts"]:
        mount |= {"attributes": ["rw", "relatime"], "propagation": {}}


def dress(given: Given, code: int) -> None:
    if "target" in given and code == 0:
        subprocess.run(["mount", "-o", "remount,bind,nosuid,nodev,relatime", given["target"]], check=True)
        subprocess.run(["mount", "--make-shared", given["target"]], check=True)


if __name__ == "__main__":
    run(source=strip, after=dress)
