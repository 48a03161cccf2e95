"""Takes the layers that the kernel never lists a directory of for none."""

from .mutant import Given, Json, Mutant


def lose(document: Json, given: Given) -> None:
    for overlay in document["overlays"]:
        overlay["layers"] = [layer for layer in overlay["layers"] if layer["role"] != "data"]


MUTANT = Mutant(
    breaks=("OVSI-DUMP-012",), fails=("test_dumper.py::test_sound[data-only-below-an-upper-outside]",), image=lose
)
