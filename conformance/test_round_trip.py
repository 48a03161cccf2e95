"""Class Round trip: dump, unmount, restore, dump again."""

import pytest

from .harness import describe
from .harness.cases import Case, every, over
from .harness.imagecheck import Json, parse
from .harness.implementation import Implementation, Outcome
from .harness.judge import complete
from .harness.judge import restored as as_it_was
from .harness.projection import difference
from .harness.restoration import attempt
from .harness.scene import RESTORED, Scene
from .harness.verdict import Failed, Finding, Lacking, require
from .stacks import ALL


def _comes_back(case: Case) -> bool:
    """Whether every source must be proved: then the implementation's own dump is enough to build the stack again."""
    return case.stack.restorable(case.vantage) and case.stack.provable[case.vantage] is None


def _sample(cases: list[Case]) -> list[Case]:
    """The first three of every profile and vantage: the other classes judge each stack."""
    groups: dict[tuple[str, object], list[Case]] = {}
    for case in cases:
        groups.setdefault((case.stack.profile, case.vantage), []).append(case)
    return [case for group in groups.values() for case in group[:3]]


_OTHERS = [case for case in every(ALL) if case.stack.restorable(case.vantage) and not _comes_back(case)]


def _dump(scene: Scene, name: bytes, outcomes: tuple[Outcome, ...], *selector: bytes) -> Json:
    """An image of the implementation's own; whether it is valid is judged in its own class."""
    answer = scene.dump(scene.path(name), *selector)
    if answer.outcome not in outcomes:
        raise Failed([Finding("OVSI-EQV-004", f"the {name.decode()} dump", f"{outcomes[0].value}", str(answer))])
    try:
        return parse(scene.read(name) or b"")
    except ValueError as error:
        raise Failed([Finding("OVSI-EQV-004", f"the {name.decode()} dump", "an image", str(error))]) from None


@pytest.mark.requirement("OVSI-EQV-004", *as_it_was.IDS)
@over("round-trip", [case for case in every(ALL) if _comes_back(case)])
def test_there_and_back(case: Case, implementation: Implementation) -> None:
    """The restored mount is the one that was dumped, and its dump is equivalent to the first."""
    if not complete.all_provable(case.vantage):
        raise Lacking("needs introspection: without it not every source can be proved")
    with Scene(implementation, case.stack, case.vantage) as scene:
        built = describe.text(case.stack, scene.truth)
        whole = all(source.state in ("located", "elsewhere") for source in scene.truth.everything)
        outcome = Outcome.DONE if whole else Outcome.INCOMPLETE  # an inner overlay that is mounted nowhere has no place
        image = _dump(scene, b"first", (outcome,))
        scene.unmount()
        require(as_it_was.judge(attempt(scene, image)), built)
        again = _dump(scene, b"second", (outcome,), b"--mountpoint", RESTORED)
        require((Finding("OVSI-EQV-004", what, old, new) for what, old, new in difference(image, again)), built)


@pytest.mark.requirement("OVSI-EQV-004")
@over("round-trip", _sample(_OTHERS))
def test_there_and_back_by_candidates(case: Case, implementation: Implementation) -> None:
    """Where not all can be proved, `--accept unproved` refuses, or builds as many layers in the same order of roles."""
    either = (Outcome.DONE, Outcome.INCOMPLETE)
    with Scene(implementation, case.stack, case.vantage) as scene:
        image = _dump(scene, b"first", either)
        scene.unmount()
        if attempt(scene, image, b"--accept", b"unproved").answer.outcome is Outcome.REFUSED:
            return
        again = _dump(scene, b"second", either, b"--mountpoint", RESTORED)
        old, new = ([layer["role"] for layer in each["overlays"][0]["layers"]] for each in (image, again))
        if old != new:
            built = describe.text(case.stack, scene.truth)
            require([Finding("OVSI-EQV-004", "layers", f"{len(old)}, as in the first dump", str(len(new)))], built)
