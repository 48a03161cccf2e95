"""Gives the layers to the kernel in another way, after some thought."""

import os
import time

from .mutant import RightVariant, reference


def be(words: list[str]) -> int:
    time.sleep(0.3)  # a slow start is no fault
    os.environ["OVSI_SETUP"] = "page"
    return reference(words)


VARIANT = RightVariant(
    meets=(
        "test_restorer.py::test_exact[core-three-lowers-*]",
        "test_restorer.py::test_exact[escaping-comma-*]",
        "test_restorer.py::test_exact[deep-128-inside]",
        "test_restorer.py::test_exact[core-shared-*]",
    ),
    be=be,
)
