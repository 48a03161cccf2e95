"""Notes where in the kernel's memory it has found things."""

from .mutant import Given, Json, Mutant, run

MUTANT = Mutant(breaks=("OVSI-SEC-007",), meets="test_answer and core-one-lower-inside")


def note(document: Json, given: Given) -> None:
    document["x-mutant-superblock"] = f"{0xFFFF_8881_0A2B_3C00:#x}"


if __name__ == "__main__":
    run(image=note)
