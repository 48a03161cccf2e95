"""Resolves a mount point below /proc/PID/root, where an absolute link leads out of it again."""

import os

from .mutant import Mutant


def resolved(words: list[str]) -> list[str]:
    if "--mountpoint" not in words:
        return words
    pid, at = words[words.index("--pid") + 1], words.index("--mountpoint") + 1
    path = os.path.realpath(f"/proc/{pid}/root{words[at]}")
    return ["dump", "--pid", str(os.getpid()), "--mountpoint", path, *words[at + 1 :]]


MUTANT = Mutant(
    breaks=("OVSI-SEC-006",), fails=("test_security.py::test_link_in_a_mount_point[absolute-inside]",), words=resolved
)
