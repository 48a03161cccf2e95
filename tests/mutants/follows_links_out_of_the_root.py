"""Joins the directory of `--root` and a mount point, and lets the kernel walk."""

import os

from .mutant import Mutant, load, name, options


def joined(words: list[str]) -> list[str]:
    if "--all" not in words or words[0] != "restore":
        return words
    at = words.index("--all")
    target = words[at + 2] + name(load(options(words))["mounts"][0]["mountPoint"])
    return [*words[:at], "--target", os.path.realpath(target), *words[at + 3 :]]


MUTANT = Mutant(
    breaks=("OVSI-SEC-002",),
    fails=(
        "test_restore_all.py::test_link_out_of_the_root[above-/outside-inside]",
        "test_restore_all.py::test_link_out_of_the_root[above-../outside-inside]",
    ),
    words=joined,
)
