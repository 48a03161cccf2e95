"""Says why it refuses in codes of its own, with words around them and blank lines behind."""

import json

from .mutant import RightVariant, overheard, say


def be(words: list[str]) -> int:
    code, lines = overheard(words)
    if code == 1:
        error = json.loads(lines[-1]) | {"code": "x-acme-no"}
        error.pop("remedy", None)
        lines[-1:] = [b'{"category": "bad-image"}', b"", json.dumps(error, separators=(",", ":")).encode(), b"", b" "]
    say(lines)
    return code


VARIANT = RightVariant(
    meets=(
        "test_restorer.py::test_source_is_gone[upper-*]",
        "test_restorer.py::test_target[missing-*]",
        "test_image.py::test_vector[invalid/newer-major*]",
        "test_command_line.py::test_nothing_of_that_name[overlay-inside]",
    ),
    be=be,
)
