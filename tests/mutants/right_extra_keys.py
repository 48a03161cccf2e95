"""Says more than is asked for, under names that begin with `x-`, in every document but the image."""

import json

from .mutant import Json, RightVariant, content, options, overheard, put, say

MORE = {"x-note": {"x": None}, "x-other-1": ["anything"]}


def be(words: list[str]) -> int:
    """With more in the error, and in the result."""
    code, lines = overheard(words)
    if code == 1:
        lines[-1] = json.dumps(json.loads(lines[-1]) | MORE).encode()
    say(lines)
    result = options(words).get("result")
    if result and code == 0:
        put(result, json.dumps(json.loads(content(result)) | MORE).encode())
    return code


def add(info: Json) -> None:
    info |= MORE


VARIANT = RightVariant(
    meets=(
        "test_command_line.py::test_info",
        "test_command_line.py::test_claims_are_registered",
        "test_command_line.py::test_no_image_file*",
        "test_restorer.py::test_target[*]",
        "test_restorer.py::test_exact[core-one-lower-*]",
    ),
    be=be,
    info=add,
)
