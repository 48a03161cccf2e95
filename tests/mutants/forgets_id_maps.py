"""Knows nothing of ID-mapped layers: leaves their mappings out, and restores without them."""

from .mutant import Given, Json, Mutant, claims, every_source


def forget(document: Json, given: Given) -> None:
    for source in every_source(document):
        source.pop("idmap", None)
        if source.get("missing", {}).pop("idmap", None) and not source["missing"]:
            del source["missing"]


MUTANT = Mutant(
    breaks=("OVSI-DUMP-028", "OVSI-REST-034"),
    fails=(
        "test_dumper.py::test_faithful[core-one-lower-inside]",
        "test_dumper.py::test_sound[idmapped-lowers-outside]",
        "test_finished_stack.py::test_owners[idmapped-lowers-outside]",
    ),
    image=forget,
    source=forget,
    info=claims("restorer idmapped outside"),
)
