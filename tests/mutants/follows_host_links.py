"""Resolves a mount point below /proc/PID/root, where an absolute link leads out of it again."""

import os
import sys

from .mutant import Mutant, run

MUTANT = Mutant(breaks=("OVSI-SEC-006",), meets="test_link_in_a_mount_point and absolute-inside")


def words(given: list[str]) -> list[str]:
    if "--mountpoint" not in given:
        return given
    pid, at = given[given.index("--pid") + 1], given.index("--mountpoint") + 1
    path = os.path.realpath(f"/proc/{pid}/root{given[at]}")
    return ["dump", "--pid", str(os.getpid()), "--mountpoint", path, *given[at + 1 :]]


if __name__ == "__main__":
    sys.argv[1:] = words(sys.argv[1:])
    run()
