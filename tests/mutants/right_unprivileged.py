"""Works without any privilege, and claims the inside alone."""

from .mutant import Json, RightVariant, run

VARIANT = RightVariant(meets="test_dumper and (core-one-lower or core-covered-by-twin or relative-twin-in-a-cwd)")


def claim(info: Json) -> None:
    info["claims"] = [claim for claim in info["claims"] if claim["vantage"] == "inside"]


if __name__ == "__main__":
    run(info=claim, extra=("--without", "introspection"))
