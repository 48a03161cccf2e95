"""Mounts as mount(8) does when it is told nothing: no attributes, private."""

from .mutant import Given, Json, Mutant


def strip(document: Json, given: Given) -> None:
    for mount in document["mounts"]:
        mount |= {"attributes": ["rw", "relatime"], "propagation": {}}


MUTANT = Mutant(
    breaks=("OVSI-REST-018", "OVSI-REST-019"),
    fails=(
        "test_restorer.py::test_exact[core-nosuid-nodev-inside]",
        "test_restorer.py::test_exact[core-shared-inside]",
    ),
    source=strip,
)
