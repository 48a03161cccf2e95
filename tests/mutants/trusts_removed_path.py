"""Takes the path that the kernel remembers of a removed directory for a path."""

from .mutant import Given, Json, Mutant, every_source, run

MUTANT = Mutant(breaks=("OVSI-DUMP-006", "OVSI-LOC-002"), meets="test_sound and unmounted-removed-lower-outside")


def remember(document: Json, given: Given) -> None:
    for source in every_source(document):
        if source["state"] == "deleted":
            source |= {"state": "unmounted", "path": source["declared"].removeprefix("/store")}


if __name__ == "__main__":
    run(image=remember)
