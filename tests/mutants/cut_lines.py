"""Reads mountinfo into a buffer of 4096 bytes: what does not fit is not there."""

from .mutant import Given, Json, Mutant, run

MUTANT = Mutant(
    breaks=("OVSI-DUMP-012", "OVSI-DUMP-013", "OVSI-DUMP-015", "OVSI-DUMP-019"),
    meets="(test_sound or test_faithful) and (deep-long-line or deep-20) and inside",
)
BUFFER = 4096


def cut(document: Json, given: Given) -> None:
    overlay = document["overlays"][0]
    if len(overlay["shownOptions"]) < BUFFER:
        return
    overlay["shownOptions"] = overlay["shownOptions"][:BUFFER]
    seen = overlay["shownOptions"].count("lowerdir+=")
    overlay["layers"] = [layer for layer in overlay["layers"] if layer["role"] == "lower"][:seen]
    overlay.pop("work")


if __name__ == "__main__":
    run(image=cut)
