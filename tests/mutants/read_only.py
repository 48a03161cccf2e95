"""Mounts read-only what was read-write, to be on the safe side."""

from .mutant import Given, Json, Mutant, run

MUTANT = Mutant(breaks=("OVSI-REST-016", "OVSI-REST-018"), meets="test_exact and core-one-lower-inside")


def protect(document: Json, given: Given) -> None:
    for mount in document["mounts"]:
        mount["attributes"] = ["ro" if word == "rw" else word for word in mount["attributes"]]


if __name__ == "__main__":
    run(source=protect)
