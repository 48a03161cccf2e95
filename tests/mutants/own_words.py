"""Writes a later version, keys and words of its own."""

from .mutant import Given, Json, Mutant, every_source


def invent(document: Json, given: Given) -> None:
    document["version"] = "1.1"
    for source in every_source(document):
        source["confidence"] = 97
        source["method"] = "guess"


MUTANT = Mutant(
    breaks=("OVSI-VER-001", "OVSI-VER-002", "OVSI-REG-001"),
    fails=("test_dumper.py::test_answer[core-one-lower-inside]",),
    image=invent,
)
