"""Takes the layers that the kernel never lists a directory of for none."""

from .mutant import Given, Json, Mutant, run

MUTANT = Mutant(breaks=("OVSI-DUMP-012",), meets="test_sound and data-only-below-an-upper-outside")


def lose(document: Json, given: Given) -> None:
    for overlay in document["overlays"]:
        overlay["layers"] = [layer for layer in overlay["layers"] if layer["role"] != "data"]


if __name__ == "__main__":
    run(image=lose)
