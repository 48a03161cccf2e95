"""Takes the path that the kernel remembers of a removed directory for a path."""

from .mutant import Given, Json, Mutant, every_source


def remember(document: Json, given: Given) -> None:
    for source in every_source(document):
        if source["state"] == "deleted":
            source |= {"state": "unmounted", "path": source["declared"].removeprefix("/store")}


MUTANT = Mutant(
    breaks=("OVSI-DUMP-006", "OVSI-LOC-002"),
    fails=("test_dumper.py::test_sound[unmounted-removed-lower-outside]",),
    image=remember,
)
