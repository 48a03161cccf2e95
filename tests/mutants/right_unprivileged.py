"""Works without any privilege, and claims the inside alone."""

from .mutant import Json, RightVariant


def claim(info: Json) -> None:
    info["claims"] = [claim for claim in info["claims"] if claim["vantage"] == "inside"]


VARIANT = RightVariant(
    meets=(
        "test_dumper.py::*[core-one-lower-*]",
        "test_dumper.py::*[core-covered-by-twin-*]",
        "test_dumper.py::*[relative-twin-in-a-cwd-*]",
    ),
    info=claim,
    extra=("--without", "introspection"),
)
