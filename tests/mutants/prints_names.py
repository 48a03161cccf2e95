"""Says what it is about to do, with names as they are."""

import os
import sys

from .mutant import Mutant, run

MUTANT = Mutant(breaks=("OVSI-SEC-005",), meets="test_control_characters and inside and (target or dumped)")

if __name__ == "__main__":
    os.write(2, b" ".join(map(os.fsencode, sys.argv)) + b"\n")
    run()
