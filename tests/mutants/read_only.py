"""Mounts read-only what was read-write, to be on the safe side."""

from .mutant import Given, Json, Mutant


def protect(document: Json, given: Given) -> None:
    for mount in document["mounts"]:
        mount["attributes"] = ["ro" if word == "rw" else word for word in mount["attributes"]]


MUTANT = Mutant(
    breaks=("OVSI-REST-016", "OVSI-REST-018"),
    fails=("test_restorer.py::test_exact[core-one-lower-inside]",),
    source=protect,
)
