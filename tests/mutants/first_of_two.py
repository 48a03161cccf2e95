"""Takes the first file system that bears the UUID."""

import json
import sys
from pathlib import Path

from .mutant import Mutant, claims, options, run

MUTANT = Mutant(breaks=("OVSI-ID-012",), meets="test_copy_of_a_disk")


def words(given: list[str]) -> list[str]:
    """As if the caller had said which."""
    image = json.loads(Path(options(given)["image"]).read_bytes())
    disk = next(entry["id"] for entry in image["filesystems"] if entry["type"] != "overlay")
    return [*given, "--map", f"{disk}=/store"]


if __name__ == "__main__":
    if sys.argv[1] == "restore":
        sys.argv[1:] = words(sys.argv[1:])
    run(info=claims("restorer filesystems outside"))
