"""Keeps layers in an array of 127."""

from .mutant import Given, Json, Mutant, run

MUTANT = Mutant(breaks=("OVSI-DUMP-012",), meets="test_sound and (deep-128-inside or deep-20-inside)")


def lose(document: Json, given: Given) -> None:
    for overlay in document["overlays"]:
        del overlay["layers"][128:]


if __name__ == "__main__":
    run(image=lose)
