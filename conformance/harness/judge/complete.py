"""Completeness: what a stack declares as provable from a vantage is proved. The share found is told."""

from collections.abc import Iterator

from .. import abilities
from ..observation import Observation
from ..stack import Vantage
from ..verdict import Finding

IDS = ("OVSI-DUMP-026", "OVSI-LOC-001")


def all_provable(vantage: Vantage) -> bool:
    """Whether this machine lets a dumper at this vantage read what the kernel holds."""
    return vantage is Vantage.OUTSIDE and abilities.introspection()


def expected(seen: Observation) -> frozenset[str]:
    """Labels of the sources that must be proved."""
    if seen.vantage is Vantage.OUTSIDE and not all_provable(seen.vantage):
        return frozenset()
    declared = seen.stack.provable[seen.vantage]
    return frozenset(source.label for source in seen.truth.everything) if declared is None else declared


def proved(seen: Observation) -> frozenset[str]:
    return frozenset(label for label, source in seen.stated.items() if source["assurance"] == "proved")


def share(seen: Observation) -> str:
    return f"{len(proved(seen))} of {len(seen.truth.everything)} sources proved, {len(expected(seen))} had to be"


def judge(seen: Observation) -> Iterator[Finding]:
    stated = seen.stated
    for label in sorted(expected(seen) - proved(seen)):
        reason = stated.get(label, {}).get("reason", "not in the image")
        yield Finding("OVSI-DUMP-026", label, "proved", reason)
    for label in sorted(expected(seen) & proved(seen)):
        truth, told = seen.truth.source(label), stated[label]["state"]
        if told != truth.state:
            yield Finding("OVSI-LOC-001", f"{label}: state", truth.state, told)
