"""Writes the name that the root of a mount had before it was removed."""

from .mutant import Given, Json, Mutant


def name_them(document: Json, given: Given) -> None:
    for mount in document["mounts"]:
        if mount["root"] is None or mount["root"].endswith("fresh"):
            mount["root"] = "/fresh"
            mount.pop("missing", None)


MUTANT = Mutant(
    breaks=("OVSI-DUMP-029",), fails=("test_dumper.py::test_mount_whose_root_was_removed[inside]",), image=name_them
)
