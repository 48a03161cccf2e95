"""Class Round trip: dump, unmount, restore, dump again."""

import pytest

from .harness import describe
from .harness.again import EITHER, image_of, require_alike
from .harness.cases import Case, over
from .harness.course import Courses
from .harness.implementation import Outcome
from .harness.judge import complete, refused, restored, sound
from .harness.projection import difference
from .harness.verdict import Finding, Lacking, require
from .stacks.round_trips import BY_CANDIDATES, BY_PROOF

ID, FIRST, AGAIN = "OVSI-EQV-004", "the first dump", "the dump of what was restored"


@pytest.mark.requirement(ID, *restored.IDS, *sound.IDS)
@over("round-trip", BY_PROOF)
def test_there_and_back(case: Case, course: Courses) -> None:
    """What is restored is what was dumped, and dumps equivalently; where a source is covered it may be refused."""
    if not complete.all_provable(case.vantage):
        raise Lacking("needs introspection: without it not every source can be proved")
    way = course(case)
    truth = way.observed().truth
    built = describe.text(case.stack, truth)
    whole = all(source.state in ("located", "covered", "elsewhere") for source in truth.everything)
    outcome = Outcome.DONE if whole else Outcome.INCOMPLETE  # an inner overlay that is mounted nowhere has no place
    image = image_of(way.observed().first, FIRST, ID, case, truth, (outcome,))
    trip = way.trip()
    if case.stack.covered and trip.seen.answer.outcome is Outcome.REFUSED:
        return require(refused.judge(trip.seen, ID, "not-found", "identity"), built)
    require(restored.judge(trip.seen), built)
    outcomes = EITHER if case.stack.covered else (outcome,)  # an inner overlay that was covered may be made anew
    anew = None if case.stack.covered else trip.anew  # what covered it may have been the overlay itself, now gone
    assert trip.again
    again = image_of(trip.again, AGAIN, ID, case, anew, outcomes)
    return require((Finding(ID, what, old, new) for what, old, new in difference(image, again)), built)


@pytest.mark.requirement(ID, *restored.IDS, *sound.IDS)
@over("round-trip", BY_CANDIDATES)
def test_there_and_back_by_candidates(case: Case, course: Courses) -> None:
    """Where not all can be proved, `--accept unproved` refuses, or builds what the candidates name."""
    way = course(case)
    seen = way.observed()
    image = image_of(seen.first, FIRST, ID, case, seen.truth)
    require_alike(case, image, way.trip(), AGAIN, describe.text(case.stack, seen.truth))
