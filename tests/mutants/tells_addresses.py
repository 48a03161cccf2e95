"""Notes where in the kernel's memory it has found things."""

from .mutant import Given, Json, Mutant


def note(document: Json, given: Given) -> None:
    document["x-mutant-superblock"] = f"{0xFFFF_8881_0A2B_3C00:#x}"


MUTANT = Mutant(breaks=("OVSI-SEC-007",), fails=("test_dumper.py::test_answer[core-one-lower-inside]",), image=note)
