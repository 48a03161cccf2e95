"""Takes an overlay with the device number of the image for the overlay of the image, however it is mounted by now."""

from .mutant import Given, Json, Mutant, mounts


def refresh(document: Json, given: Given) -> None:
    """Every mount of the image is the one that is there now."""
    now = {fields[4]: int(fields[0]) for fields, _ in mounts("self")}
    for mount in document["mounts"]:
        if mount["mountPoint"] in now:
            mount["mountId"] = now[mount["mountPoint"]]
            mount.pop("uniqueId", None)


MUTANT = Mutant(
    breaks=("OVSI-ID-010",), fails=("test_identity.py::test_overlay_that_was_mounted_anew[inside]",), source=refresh
)
