"""Mounts as mount(8) does when it is told nothing: no attributes, private."""

from .mutant import Given, Json, Mutant, run

MUTANT = Mutant(
    breaks=("OVSI-REST-018", "OVSI-REST-019"),
    meets="test_exact and (core-nosuid-nodev-inside or core-shared-inside)",
)


def strip(document: Json, given: Given) -> None:
    for mount in document["mounts"]:
        mount |= {"attributes": ["rw", "relatime"], "propagation": {}}


if __name__ == "__main__":
    run(source=strip)
