"""Has a dumper and nothing else."""

import sys

from .mutant import Json, RightVariant, run

VARIANT = RightVariant(meets="core-one-lower or test_command_line")


def claim(info: Json) -> None:
    info["claims"] = [claim for claim in info["claims"] if claim["class"] == "dumper"]


if __name__ == "__main__":
    if sys.argv[1:2] in (["restore"], ["validate"]):
        sys.argv[1] = "lacking"
    run(info=claim)
