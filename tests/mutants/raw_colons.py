"""Splits the option string at every colon and comma, escaped or not."""

import re

from .mutant import Given, Json, Mutant


def split(document: Json, given: Given) -> None:
    overlay = document["overlays"][0]
    layers = [*(layer for layer in overlay["layers"] if layer["role"] == "upper")]
    for layer in overlay["layers"][len(layers) :]:
        parts = re.split("[:,]", layer["declared"])
        layers += [layer] if len(parts) == 1 else [unknown(part) for part in parts]
    if len(layers) > len(overlay["layers"]):
        overlay["layers"] = [layers[0], *(unknown(layer["declared"]) for layer in layers[1:])]


def unknown(name: str) -> Json:
    known = {"state": "unknown", "assurance": "none", "reason": "not looked for"}
    return known | {"role": "lower", "declared": name, "idmap": None, "missing": {"idmap": "not shown"}}


MUTANT = Mutant(
    breaks=("OVSI-DUMP-012", "OVSI-DUMP-014"),
    fails=(
        "test_dumper.py::test_sound[escaping-colon-inside]",
        "test_dumper.py::test_faithful[escaping-colon-inside]",
    ),
    image=split,
)
