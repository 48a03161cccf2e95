"""Lists everything that is shown as an option, layers and a vendor's mount IDs included."""

from .mutant import Given, Json, Mutant, run

MUTANT = Mutant(
    breaks=("OVSI-DUMP-018", "OVSI-DUMP-001"), meets="(test_faithful or test_answer) and core-one-lower-inside"
)


def keep(document: Json, given: Given) -> None:
    overlay = document["overlays"][0]
    words = [word.partition("=") for word in overlay["shownOptions"].split(",")]
    kept = [{"name": name, "value": value} for name, _, value in words if name.endswith("dir") and name[0] != "r"]
    overlay["options"] += [*kept, {"name": "lowerdir_mnt_id", "value": "12"}]


if __name__ == "__main__":
    run(image=keep)
