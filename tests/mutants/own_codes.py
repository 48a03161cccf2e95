"""Gives one code to every error."""

import json

from .mutant import Mutant, overheard, say


def be(words: list[str]) -> int:
    code, lines = overheard(words)
    if code == 1:
        lines[-1] = json.dumps(json.loads(lines[-1]) | {"code": "went-wrong"}).encode()
    say(lines)
    return code


MUTANT = Mutant(
    breaks=("OVSI-REG-002",),
    fails=(
        "test_command_line.py::test_no_image_file[missing-not-found]",
        "test_image.py::test_vector[invalid/cut-short]",
        "test_restorer.py::test_target[missing-inside]",
    ),
    be=be,
)
