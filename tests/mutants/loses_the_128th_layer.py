"""Keeps layers in an array of 127."""

from .mutant import Given, Json, Mutant


def lose(document: Json, given: Given) -> None:
    for overlay in document["overlays"]:
        del overlay["layers"][128:]


MUTANT = Mutant(breaks=("OVSI-DUMP-012",), fails=("test_dumper.py::test_sound[deep-128-inside]",), image=lose)
