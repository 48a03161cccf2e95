"""`be.py NAME …`: a mutant or a right variant as a program. NAME is a module, `MODULE.MEMBER` one of a family."""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:1] = [ROOT, os.path.join(ROOT, "reference")]

from tests.mutants.registry import named  # noqa: E402 - found there

named(sys.argv[1]).answer(sys.argv[2:])
