"""Mounts with the caller's own rights what a user namespace had mounted."""

from .mutant import Given, Json, Mutant, claims, run

MUTANT = Mutant(breaks=("OVSI-REST-033",), meets="test_in_the_namespace_of_the_mounter")


def forget(document: Json, given: Given) -> None:
    for overlay in document["overlays"]:
        overlay.pop("mounter", None)


if __name__ == "__main__":
    run(source=forget, info=claims("restorer userns outside"))
