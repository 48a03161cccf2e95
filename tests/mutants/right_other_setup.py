"""Gives the layers to the kernel in another way, after some thought."""

import os
import time

from .mutant import RightVariant, run

VARIANT = RightVariant(meets="test_exact and (core-three-lowers or escaping-comma or deep-128 or core-shared)")

if __name__ == "__main__":
    time.sleep(0.3)  # a slow start is no fault
    os.environ["OVSI_SETUP"] = "page"
    run()
