"""Finds no fault with documents, or falls over those that are large."""

import sys
from pathlib import Path

from .mutant import Mutant, options, run

MUTANT = Mutant(
    breaks=("OVSI-IMG-044", "OVSI-IMG-041", "OVSI-CLI-004", "OVSI-SEC-004"),
    meets="test_vector and (overlay-file-system-twice or invalid/location-on-another or long-array) or hurt",
)
BUFFER = 1 << 20


def read(command: str, code: int) -> int:
    if command != "validate":
        return code
    return 139 if Path(options(sys.argv[1:])["image"]).stat().st_size > BUFFER else 0


if __name__ == "__main__":
    run(code=read)
