"""Checks a directory and mounts its name: in between somebody always comes along."""

import json
import os
import sys
import time
from pathlib import Path

from .joins_options import string
from .mutant import Json, Mutant, every_source, mount_overlay, options, place, run

MUTANT = Mutant(breaks=("OVSI-REST-001",), meets="test_exchanged_meanwhile and inside")
PATIENCE = 2.0


def is_there(document: Json, source: Json) -> bool:
    path = place(document, source)
    return os.path.isdir(path) and str(os.stat(path).st_ino) == source["identity"]["inode"]


def wait(document: Json, wanted: bool) -> None:
    """Until every source is there, or one is not."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            if all(is_there(document, source) for source in every_source(document)) is wanted:
                return
        except OSError:
            continue


if __name__ == "__main__":
    if sys.argv[1] == "restore":
        given = options(sys.argv[1:])
        image = json.loads(Path(given["image"]).read_bytes())
        words = string(image)
        wait(image, True)
        wait(image, False)
        for _ in range(200):
            if mount_overlay(given["target"], words):
                break
        raise SystemExit(0)
    run()
