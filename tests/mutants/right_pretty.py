"""Writes images for people: indented, every letter beyond ASCII escaped, a blank line at the end."""

import json

from .mutant import RightVariant, content, options, put, reference


def be(words: list[str]) -> int:
    code, output = reference(words), options(words).get("output", "-")
    if words[:1] == ["dump"] and code in (0, 3) and output.startswith("/") and not output.startswith("/dev/"):
        put(output, json.dumps(json.loads(content(output)), indent=4, sort_keys=True).encode() + b"\n\n")
    return code


VARIANT = RightVariant(
    meets=(
        "test_dumper.py::test_*[core-one-lower-*]",
        "test_dumper.py::test_*[escaping-not-utf-8-inside]",
        "test_round_trip.py::*[core-one-lower-*]",
    ),
    be=be,
)
