"""Takes the first file system that bears the UUID."""

from .mutant import Mutant, claims, load, options


def as_if_told_which(words: list[str]) -> list[str]:
    if words[:1] != ["restore"]:
        return words
    disk = next(entry["id"] for entry in load(options(words))["filesystems"] if entry["type"] != "overlay")
    return [*words, "--map", f"{disk}=/store"]


MUTANT = Mutant(
    breaks=("OVSI-ID-012",),
    fails=("test_identity.py::test_copy_of_a_disk[beside-outside]",),
    words=as_if_told_which,
    info=claims("restorer filesystems outside"),
)
