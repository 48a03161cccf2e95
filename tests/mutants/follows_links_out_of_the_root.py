"""Joins the directory of `--root` and a mount point, and lets the kernel walk."""

import json
import os
import sys
from pathlib import Path

from .mutant import Mutant, name, run

MUTANT = Mutant(breaks=("OVSI-SEC-002",), meets="test_link_out_of_the_root and above and inside")


def words(given: list[str]) -> list[str]:
    if "--all" not in given:
        return given
    at, image = given.index("--all"), json.loads(Path(given[given.index("--image") + 1]).read_bytes())
    target = given[at + 2] + name(image["mounts"][0]["mountPoint"])
    return [*given[:at], "--target", os.path.realpath(target), *given[at + 3 :]]


if __name__ == "__main__":
    if sys.argv[1] == "restore":
        sys.argv[1:] = words(sys.argv[1:])
    run()
