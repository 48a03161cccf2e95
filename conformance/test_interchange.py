"""Class Interchange: what one implementation dumps another restores, and the reverse. Judged with `--peer=<cmd>`."""

import pytest

from .harness import describe
from .harness.again import as_many_layers, dump, dump_of_restored, leaves_nothing_open, names_the_sources
from .harness.cases import Case, every, over
from .harness.implementation import Implementation, Outcome
from .harness.judge import complete, restored, sound
from .harness.projection import difference, settled
from .harness.restoration import attempt
from .harness.scene import Scene
from .harness.verdict import Finding, Lacking, require
from .stacks import ALL


def _cases() -> list[Case]:
    """The first two stacks of every profile and vantage that can be had back: each class judges the others."""
    groups: dict[tuple[str, object], list[Case]] = {}
    for case in every(ALL):
        if case.stack.restorable:
            groups.setdefault((case.stack.profile, case.vantage), []).append(case)
    return [case for group in groups.values() for case in group[:2]]


@pytest.mark.requirement("OVSI-EQV-004", *restored.IDS, *sound.IDS)
@pytest.mark.parametrize("ours", [True, False], ids=["dumped", "restored"])
@over("interchange", _cases())
def test_other_end(case: Case, implementation: Implementation, peer: Implementation, ours: bool) -> None:
    """What one has proved the other mounts; what is a candidate it mounts, or refuses, under `--accept unproved`."""
    dumper, restorer = (implementation, peer) if ours else (peer, implementation)
    with Scene(dumper, case.stack, case.vantage) as scene:
        text = describe.text(case.stack, scene.truth)
        image = dump(scene, b"first", "OVSI-DUMP-001")
        right, whole = names_the_sources(scene, image), leaves_nothing_open(image)
        scene.unmount()
        scene.implementation = restorer
        seen = attempt(scene, image, *(() if whole else (b"--accept", b"unproved")))
        if seen.answer.outcome is Outcome.REFUSED and not whole:
            return
        if right:
            require(restored.judge(seen), text)
        require(as_many_layers(image, dump_of_restored(scene, b"second", "OVSI-EQV-004", right=right)), text)


@pytest.mark.requirement("OVSI-EQV-005")
@over("interchange", [case for case in _cases() if case.stack.provable[case.vantage] is None])
def test_same_stack(case: Case, implementation: Implementation, peer: Implementation) -> None:
    """Where both prove every source, and leave nothing open, they say the same."""
    if not complete.all_provable(case.vantage):
        raise Lacking("needs introspection: without it not every source can be proved")
    with Scene(implementation, case.stack, case.vantage) as scene:
        images = []
        for by, name in ((implementation, b"one"), (peer, b"other")):
            scene.implementation = by
            images.append(dump(scene, name, "OVSI-DUMP-001"))
        for by, image in zip((implementation, peer), images, strict=True):
            if not settled(image):
                raise Lacking(f"{by.name} proves not every source, or leaves a property null")
        text = describe.text(case.stack, scene.truth)
        require((Finding("OVSI-EQV-005", what, old, new) for what, old, new in difference(*images)), text)
