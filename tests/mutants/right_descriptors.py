"""Appends layer after layer by name."""

import os

from .mutant import RightVariant, reference


def be(words: list[str]) -> int:
    os.environ["OVSI_SETUP"] = "append"
    return reference(words)


VARIANT = RightVariant(
    meets=("test_restorer.py::test_exact[core-three-lowers-*]", "test_restorer.py::test_exact[escaping-colon-inside]"),
    be=be,
)
