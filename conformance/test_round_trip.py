"""Class Round trip: dump, unmount, restore, dump again."""

import pytest

from .harness import describe
from .harness.cases import Case, every, over
from .harness.imagecheck import read
from .harness.implementation import Implementation, Outcome
from .harness.judge import complete
from .harness.judge import restored as as_it_was
from .harness.projection import difference
from .harness.restoration import attempt
from .harness.scene import RESTORED, Scene
from .harness.verdict import Finding, Lacking, require
from .stacks import ALL


def _returns(case: Case) -> bool:
    """Where every source must be proved, the implementation's own dump is enough to build the stack again."""
    return case.stack.restorable(case.vantage) and case.stack.provable[case.vantage] is None


@pytest.mark.requirement("OVSI-EQV-004", *as_it_was.IDS)
@over("round-trip", [case for case in every(ALL) if _returns(case)])
def test_there_and_back(case: Case, implementation: Implementation) -> None:
    """The restored mount is the one that was dumped, and its dump is equivalent to the first."""
    with Scene(implementation, case.stack, case.vantage) as scene:
        built = describe.text(case.stack, scene.truth)
        answer = scene.dump(scene.path(b"first"))
        image, faults = read(scene.read(b"first") or b"")
        if answer.outcome is Outcome.INCOMPLETE and not complete.all_provable(case.vantage):
            raise Lacking("needs introspection: without it not every source can be proved")
        if answer.outcome is not Outcome.DONE or image is None or faults:
            require(
                [Finding("OVSI-EQV-004", "the first dump", "a complete image", "; ".join([str(answer), *faults]))],
                built,
            )
        scene.unmount()
        seen = attempt(scene, image or {})
        require(as_it_was.judge(seen), built)
        again = scene.dump(scene.path(b"second"), b"--mountpoint", RESTORED)
        second, faults = read(scene.read(b"second") or b"")
        if second is None or faults:
            require([Finding("OVSI-EQV-004", "the second dump", "an image", "; ".join([str(again), *faults]))], built)
        lines = difference(image or {}, second or {})
        require((Finding("OVSI-EQV-004", what, old, new) for what, old, new in lines), built)


@pytest.mark.requirement("OVSI-EQV-004", *as_it_was.IDS)
@over("round-trip", [case for case in every(ALL) if case.stack.restorable(case.vantage) and not _returns(case)])
def test_there_and_back_by_candidates(case: Case, implementation: Implementation) -> None:
    """Where not all can be proved: what comes back with `--accept unproved` is refused, or is what the image names."""
    with Scene(implementation, case.stack, case.vantage) as scene:
        built = describe.text(case.stack, scene.truth)
        answer = scene.dump(scene.path(b"first"))
        image, faults = read(scene.read(b"first") or b"")
        if image is None or faults:
            require([Finding("OVSI-EQV-004", "the first dump", "an image", "; ".join([str(answer), *faults]))], built)
        scene.unmount()
        seen = attempt(scene, image or {}, b"--accept", b"unproved")
        if seen.answer.outcome is Outcome.REFUSED:
            return
        scene.dump(scene.path(b"second"), b"--mountpoint", RESTORED)
        second, faults = read(scene.read(b"second") or b"")
        if second is None or faults:
            require([Finding("OVSI-EQV-004", "the second dump", "an image", "; ".join(faults))], built)
        if [len(o["layers"]) for o in (image or {})["overlays"]] != [
            len(o["layers"]) for o in (second or {})["overlays"]
        ]:
            require([Finding("OVSI-EQV-004", "layers", "as many", "others")], built)
