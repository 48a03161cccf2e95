"""Leaves mountinfo's octal escapes in names and mount points."""

from .mutant import Given, Json, Mutant, every_source


def escaped(name: object) -> object:
    if not isinstance(name, str):
        return name
    return "".join(f"\\{ord(letter):03o}" if letter in " \t\n\\" else letter for letter in name)


def leave(document: Json, given: Given) -> None:
    for source in every_source(document):
        source["declared"] = escaped(source["declared"])
    for mount in document["mounts"]:
        mount["mountPoint"] = "/m/\\040t" if isinstance(mount["mountPoint"], dict) else escaped(mount["mountPoint"])


MUTANT = Mutant(
    breaks=("OVSI-DUMP-014", "OVSI-DUMP-020"),
    fails=(
        "test_dumper.py::test_faithful[escaping-everything-inside]",
        "test_dumper.py::test_faithful[escaping-backslash-inside]",
        "test_dumper.py::test_faithful[escaping-blank-inside]",
    ),
    image=leave,
)
