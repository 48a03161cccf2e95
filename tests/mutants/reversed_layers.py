"""Stacks the lowers in the wrong order."""

from .mutant import Given, Json, Mutant, run

MUTANT = Mutant(breaks=("OVSI-REST-012",), meets="test_exact and core-three-lowers-inside")


def reverse(document: Json, given: Given) -> None:
    overlay = document["overlays"][0]
    overlay["layers"][1:] = overlay["layers"][:0:-1]


if __name__ == "__main__":
    run(source=reverse)
