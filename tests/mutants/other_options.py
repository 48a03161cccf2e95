"""Leaves out the options that are not shown: another dumper says more of the same stack."""

from .mutant import Given, Json, Mutant, claims


def leave_out(document: Json, given: Given) -> None:
    for overlay in document["overlays"]:
        overlay["options"] = [option for option in overlay["options"] if option["basis"] == "shown"]


MUTANT = Mutant(
    breaks=("OVSI-EQV-005", "OVSI-DUMP-016"),
    fails=(
        "test_dumper.py::test_faithful[core-one-lower-inside]",
        "test_interchange.py::test_same_stack[core-read-only-outside]",
    ),
    image=leave_out,
    info=claims("interchange core outside"),
)
