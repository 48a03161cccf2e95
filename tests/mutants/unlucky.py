"""Checks a directory and mounts its name: in between somebody always comes along."""

import os
import time

from .joins_options import done, string
from .mutant import Json, Mutant, every_source, load, mount_overlay, options, place, reference, refuse, unmount

PATIENCE = 2.0


def is_there(document: Json, source: Json) -> bool:
    path = place(document, source)
    return os.path.isdir(path) and str(os.stat(path).st_ino) == source["identity"]["inode"]


def wait(document: Json, wanted: bool) -> None:
    """Until every source is there, or one is not."""
    until = time.monotonic() + PATIENCE
    while all_there(document) is not wanted and time.monotonic() < until:
        continue


def all_there(document: Json) -> bool:
    try:
        return all(is_there(document, source) for source in every_source(document))
    except OSError:
        return False


def be(words: list[str]) -> int:
    if words[:1] != ["restore"]:
        return reference(words)
    given = options(words)
    image = load(given)
    line = string(image)
    until = time.monotonic() + PATIENCE
    while mounted := any(mount_overlay(given["target"], line) for _ in range(200)):
        if not all_there(image) or time.monotonic() > until:  # what came along is there still, or nothing ever does
            break
        unmount(given["target"])
        wait(image, True)
        wait(image, False)
    if not mounted:
        return refuse("target", "target-missing")
    done(given)
    return 0


MUTANT = Mutant(breaks=("OVSI-REST-001",), fails=("test_security.py::test_exchanged_meanwhile[/a-inside]",), be=be)
