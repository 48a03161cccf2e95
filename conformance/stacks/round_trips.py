"""Which stacks make the round trip, from which vantage, and by what."""

from collections.abc import Iterable

from ..harness.cases import Case, every
from . import ALL


def _proved(case: Case) -> bool:
    """Whether every source must be proved: then an implementation's own dump is enough to build the stack again."""
    return case.stack.provable[case.vantage] is None


def _sample(cases: Iterable[Case]) -> list[Case]:
    """The first three of every profile and vantage, and all that no other vantage takes."""
    groups: dict[tuple[str, object], list[Case]] = {}
    for case in cases:
        groups.setdefault((case.stack.profile, case.vantage), []).append(case)
    return [
        case
        for group in groups.values()
        for place, case in enumerate(group)
        if place < 3 or len(case.stack.vantages) == 1
    ]


_RESTORABLE = [case for case in every(ALL) if case.stack.restorable]
_COVERED = [case for case in every(ALL) if case.stack.covered and not case.stack.not_restored]

BY_PROOF = [case for case in (*_RESTORABLE, *_COVERED) if _proved(case)]
BY_CANDIDATES = _sample(case for case in _RESTORABLE if not _proved(case))
