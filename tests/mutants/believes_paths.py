"""Takes a directory for a proved source because it lies where that was, and follows links to it."""

import os

from .mutant import Given, Json, Mutant, every_source, place

KEPT = ("role", "declared", "idmap")


def believe(document: Json, given: Given) -> None:
    """Every source is a candidate, at the place that its path comes to."""
    for source in every_source(document):
        where = source.get("location") or source["candidate"]
        point = place(document, source | {"location": where | {"path": "/"}}).rstrip("/")
        path = os.path.realpath(place(document, source)).removeprefix(point)
        kept = {name: source[name] for name in KEPT if name in source} | {"candidate": where | {"path": path}}
        source.clear()
        source |= kept | {"state": "unknown", "assurance": "consistent", "reason": "it is there"}


MUTANT = Mutant(
    breaks=("OVSI-ID-006", "OVSI-REST-028", "OVSI-SEC-001"),
    fails=(
        "test_restorer.py::test_exact[core-one-lower-inside]",
        "test_restorer.py::test_lookalike_in_its_place[*-inside]",
        "test_security.py::test_link_on_the_way[above, absolute-inside]",
        "test_security.py::test_link_on_the_way[itself, inside the mount-inside]",
    ),
    words=lambda words: [*words, "--accept", "unproved"] if words[:1] == ["restore"] else words,
    source=believe,
)
