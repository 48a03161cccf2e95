"""Mounts with the caller's own rights what a user namespace had mounted."""

from .mutant import Given, Json, Mutant, claims


def forget(document: Json, given: Given) -> None:
    for overlay in document["overlays"]:
        overlay.pop("mounter", None)


MUTANT = Mutant(
    breaks=("OVSI-REST-033",),
    fails=("test_finished_stack.py::test_in_the_namespace_of_the_mounter[outside]",),
    source=forget,
    info=claims("restorer userns outside"),
)
