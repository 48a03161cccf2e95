"""Lists everything that is shown as an option, layers and a vendor's mount IDs included."""

from .mutant import Given, Json, Mutant


def keep(document: Json, given: Given) -> None:
    overlay = document["overlays"][0]
    words = [word.partition("=") for word in overlay["shownOptions"].split(",")]
    kept = [{"name": name, "value": value} for name, _, value in words if name.endswith("dir") and name[0] != "r"]
    overlay["options"] += [*kept, {"name": "lowerdir_mnt_id", "value": "12"}]


MUTANT = Mutant(
    breaks=("OVSI-DUMP-018", "OVSI-DUMP-001"),
    fails=(
        "test_dumper.py::test_answer[core-one-lower-inside]",
        "test_dumper.py::test_faithful[core-one-lower-inside]",
    ),
    image=keep,
)
