"""Writes all layers and options into one string, as they are, and is content with what the kernel makes of it."""

import json

from .mutant import Given, Json, Mutant, load, mount_overlay, name, options, place, put, reference, refuse


def string(document: Json) -> str:
    overlay = document["overlays"][0]
    lowers = [place(document, layer) for layer in overlay["layers"] if layer["role"] == "lower"]
    words = [f"lowerdir={':'.join(lowers)}", f"upperdir={place(document, overlay['layers'][0])}"]
    words += [f"workdir={place(document, overlay['work'])}"]
    for option in overlay["options"]:
        value = option["value"]
        words.append(option["name"] if value is None else f"{option['name']}={name(value)}")
    return ",".join(words)


def be(words: list[str]) -> int:
    if words[:1] != ["restore"]:
        return reference(words)
    given = options(words)
    if not mount_overlay(given["target"], string(load(given))):
        return refuse("unsupported", "unsupported-option")
    done(given)
    return 0


def done(given: Given) -> None:
    """Write a result that says little."""
    made = {"id": load(given)["overlays"][0]["id"], "mountPoint": given["target"], "setup": "page"}
    result = {"format": "overlay-source-result", "version": "1.0", "overlays": [made], "accepted": []}
    put(given["result"], json.dumps(result).encode())


MUTANT = Mutant(
    breaks=("OVSI-CLI-005", "OVSI-REST-011", "OVSI-REST-026", "OVSI-SEC-003"),
    fails=(
        "test_restorer.py::test_target[missing-inside]",
        "test_finished_stack.py::test_name_is_one_name[option-inside]",
        "test_finished_stack.py::test_name_is_one_name[layer-inside]",
        "test_finished_stack.py::test_read_only_for_read_write[inside]",
        "test_security.py::test_option_is_one_option[layer in a value-inside]",
        "test_security.py::test_option_is_one_option[flag in a name-inside]",
    ),
    be=be,
)
