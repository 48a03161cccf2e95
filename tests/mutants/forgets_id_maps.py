"""Knows nothing of ID-mapped layers: leaves their mappings out, and restores without them."""

from .mutant import Given, Json, Mutant, claims, every_source, run

MUTANT = Mutant(
    breaks=("OVSI-DUMP-028", "OVSI-REST-034"),
    meets="(test_sound and idmapped-lowers-outside) or (test_owners and idmapped-lowers-outside)",
)


def forget(document: Json, given: Given) -> None:
    for source in every_source(document):
        source.pop("idmap", None)


if __name__ == "__main__":
    run(image=forget, source=forget, info=claims("restorer idmapped outside"))
