"""Says what it is about to do, with names as they are."""

import os

from .mutant import Mutant, reference, say


def be(words: list[str]) -> int:
    say([b" ".join(map(os.fsencode, words))])
    return reference(words)


MUTANT = Mutant(
    breaks=("OVSI-SEC-005",),
    fails=(
        "test_security.py::test_control_characters_in_dumped_names[inside]",
        "test_security.py::test_control_characters_in_refusals[target-inside]",
    ),
    be=be,
)
