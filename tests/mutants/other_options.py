"""Leaves out the options that are not shown: another dumper says more of the same stack."""

from .mutant import Given, Json, Mutant, claims, run

MUTANT = Mutant(breaks=("OVSI-EQV-005",), meets="test_same_stack and core-read-only-outside", peer=True)


def leave_out(document: Json, given: Given) -> None:
    for overlay in document["overlays"]:
        overlay["options"] = [option for option in overlay["options"] if option["basis"] == "shown"]


if __name__ == "__main__":
    run(image=leave_out, info=claims("interchange core outside"))
