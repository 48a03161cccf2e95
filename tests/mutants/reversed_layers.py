"""Stacks the lowers in the wrong order."""

from .mutant import Given, Json, Mutant


def reverse(document: Json, given: Given) -> None:
    overlay = document["overlays"][0]
    overlay["layers"][1:] = overlay["layers"][:0:-1]


MUTANT = Mutant(
    breaks=("OVSI-REST-012",), fails=("test_restorer.py::test_exact[core-three-lowers-inside]",), source=reverse
)
