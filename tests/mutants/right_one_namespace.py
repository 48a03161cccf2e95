"""Does not look into other mount namespaces, nor at what processes hold, and says so."""

from .mutant import Given, Json, RightVariant, every_source


def look_no_further(document: Json, given: Given) -> None:
    for source in every_source(document):
        if source["state"] == "detached":
            source |= {"state": "unknown", "reason": "processes were not looked at"}
            del source["location"]


def claim(info: Json) -> None:
    info["claims"] = [claim for claim in info["claims"] if claim["profile"] == "core" and claim["class"] == "dumper"]


VARIANT = RightVariant(
    meets=("test_dumper.py::test_*[core-one-lower-*]", "test_dumper.py::test_*[unmounted-held-by-cwd-inside]"),
    image=look_no_further,
    info=claim,
)
