"""Class Round trip: dump, unmount, restore, dump again."""

import pytest

from .harness import describe
from .harness.again import EITHER, as_many_layers, dump, dump_of_restored, leaves_nothing_open, names_the_sources
from .harness.cases import Case, over
from .harness.implementation import Implementation, Outcome
from .harness.judge import complete, refused, restored, sound
from .harness.projection import difference
from .harness.restoration import attempt
from .harness.scene import Scene
from .harness.verdict import Finding, Lacking, require
from .stacks.round_trips import BY_CANDIDATES, BY_PROOF


@pytest.mark.requirement("OVSI-EQV-004", *restored.IDS, *sound.IDS)
@over("round-trip", BY_PROOF)
def test_there_and_back(case: Case, implementation: Implementation) -> None:
    """What is restored is what was dumped, and dumps equivalently; where a source is covered it may be refused."""
    if not complete.all_provable(case.vantage):
        raise Lacking("needs introspection: without it not every source can be proved")
    with Scene(implementation, case.stack, case.vantage) as scene:
        built = describe.text(case.stack, scene.truth)
        whole = all(source.state in ("located", "covered", "elsewhere") for source in scene.truth.everything)
        outcome = Outcome.DONE if whole else Outcome.INCOMPLETE  # an inner overlay that is mounted nowhere has no place
        image = dump(scene, b"first", "OVSI-EQV-004", (outcome,))
        scene.unmount()
        seen = attempt(scene, image)
        if case.stack.covered and seen.answer.outcome is Outcome.REFUSED:
            return require(refused.judge(seen, "OVSI-EQV-004", "not-found", "identity"), built)
        require(restored.judge(seen), built)
        outcomes = EITHER if case.stack.covered else (outcome,)  # an inner overlay that was covered may be made anew
        right = not case.stack.covered  # what covered it may have been the overlay itself, which is gone from there
        again = dump_of_restored(scene, b"second", "OVSI-EQV-004", outcomes, right=right)
        return require((Finding("OVSI-EQV-004", what, old, new) for what, old, new in difference(image, again)), built)


@pytest.mark.requirement("OVSI-EQV-004", *restored.IDS, *sound.IDS)
@over("round-trip", BY_CANDIDATES)
def test_there_and_back_by_candidates(case: Case, implementation: Implementation) -> None:
    """Where not all can be proved, `--accept unproved` refuses, or builds what the candidates name."""
    with Scene(implementation, case.stack, case.vantage) as scene:
        built = describe.text(case.stack, scene.truth)
        image = dump(scene, b"first", "OVSI-EQV-004")
        right, whole = names_the_sources(scene, image), leaves_nothing_open(image)
        scene.unmount()
        seen = attempt(scene, image, b"--accept", b"unproved")
        if seen.answer.outcome is Outcome.REFUSED and not whole:
            return
        if right:
            require(restored.judge(seen), built)
        again = dump_of_restored(scene, b"second", "OVSI-EQV-004", right=right)
        require(as_many_layers(image, again), built)
