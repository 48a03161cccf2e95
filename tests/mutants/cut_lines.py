"""Reads mountinfo into a buffer of 4096 bytes: what does not fit is not there."""

from .mutant import Given, Json, Mutant

BUFFER = 4096


def cut(document: Json, given: Given) -> None:
    overlay = document["overlays"][0]
    if len(overlay["shownOptions"]) < BUFFER:
        return
    overlay["shownOptions"] = overlay["shownOptions"][:BUFFER]
    seen = overlay["shownOptions"].count("lowerdir+=")
    overlay["layers"] = [layer for layer in overlay["layers"] if layer["role"] == "lower"][:seen]
    overlay.pop("work")


MUTANT = Mutant(
    breaks=("OVSI-DUMP-012", "OVSI-DUMP-013", "OVSI-DUMP-015", "OVSI-DUMP-019"),
    fails=(
        "test_dumper.py::test_sound[deep-long-line-inside]",
        "test_dumper.py::test_faithful[deep-long-line-inside]",
    ),
    image=cut,
)
