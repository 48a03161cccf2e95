"""Learns in its own way, which has a name of its own, and keeps a vendor's notes with each source."""

from .mutant import Given, Json, RightVariant, every_source


def rename(document: Json, given: Given) -> None:
    for source in every_source(document):
        if "method" in source:
            source["method"] = "x-acme-divination"
        source["x-acme-note"] = {"role": "upper", "requires": ["nothing"]}


VARIANT = RightVariant(
    meets=("test_dumper.py::test_*[core-one-lower-*]", "test_dumper.py::test_*[nested-read-only-below-outside]"),
    image=rename,
)
