"""Finds no fault with documents, or falls over those that are large."""

import os

from .mutant import Mutant, options

BUFFER = 1 << 20


def read(words: list[str], code: int) -> int:
    if words[:1] != ["validate"] or "--image" not in words:
        return code
    return 139 if os.stat(options(words)["image"]).st_size > BUFFER else 0


MUTANT = Mutant(
    breaks=("OVSI-IMG-001", "OVSI-IMG-044", "OVSI-IMG-041", "OVSI-CLI-004", "OVSI-SEC-004"),
    fails=(
        "test_image.py::test_vector[invalid/cut-short]",
        "test_image.py::test_vector[long-array]",
        "test_image.py::test_vector[invalid/location-on-another-filesystem]",
        "test_image.py::test_vector[invalid/overlay-file-system-twice]",
        "test_security.py::test_document_made_to_hurt[entries]",
    ),
    code=read,
)
