"""Class Interchange: what one implementation dumps another restores, and the reverse. Judged with `--peer=<cmd>`."""

import pytest

from .harness import describe, observation
from .harness.again import ACCEPT, image_of, leaves_nothing_open, require_alike, there_and_back, usual
from .harness.cases import Case, every, over
from .harness.course import Courses
from .harness.imagecheck import Json
from .harness.implementation import Implementation
from .harness.judge import complete, restored, sound
from .harness.observation import Dumped
from .harness.projection import difference, settled
from .harness.scene import Scene
from .harness.truth import Truth
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
def test_other_end(
    case: Case, implementation: Implementation, peer: Implementation, course: Courses, ours: bool
) -> None:
    """What one has proved the other mounts; what is a candidate it mounts, or refuses, under `--accept unproved`."""
    dumper, restorer = (implementation, peer) if ours else (peer, implementation)
    first, again = f"the dump by {dumper.name}", f"the dump of what was restored by {restorer.name}"

    def image_by(dumped: Dumped, truth: Truth) -> Json:
        return image_of(dumped, first, "OVSI-DUMP-001", case, truth)

    if dumper.is_also(restorer):  # then it is a round trip, which need not be made twice
        way = course(case)
        truth = way.observed().truth
        image = image_by(way.observed().first, truth)
        if _words(image) == usual(case):
            return require_alike(case, image, way.trip(), again, describe.text(case.stack, truth))
    with Scene(dumper, case.stack, case.vantage) as scene:
        dumped = observation.dump(scene, b"first")
        image = image_by(dumped, scene.truth)
        trip = there_and_back(scene, dumped, _words(image), restorer)
        return require_alike(case, image, trip, again, describe.text(case.stack, scene.truth))


def _words(image: Json) -> tuple[bytes, ...]:
    return () if leaves_nothing_open(image) else ACCEPT


@pytest.mark.requirement("OVSI-EQV-005")
@over("interchange", [case for case in _cases() if case.stack.provable[case.vantage] is None])
def test_same_stack(case: Case, implementation: Implementation, peer: Implementation, course: Courses) -> None:
    """Where both prove every source, and leave nothing open, they say the same."""
    if not complete.all_provable(case.vantage):
        raise Lacking("needs introspection: without it not every source can be proved")
    truth, dumps = _two_dumps(case, implementation, peer, course)
    images = []
    for by, dumped in zip((implementation, peer), dumps, strict=True):
        images.append(image_of(dumped, f"the dump by {by.name}", "OVSI-DUMP-001", case, truth))
    for by, image in zip((implementation, peer), images, strict=True):
        if not settled(image):
            raise Lacking(f"{by.name} proves not every source, or leaves a property null")
    text = describe.text(case.stack, truth)
    require((Finding("OVSI-EQV-005", what, old, new) for what, old, new in difference(*images)), text)


def _two_dumps(
    case: Case, implementation: Implementation, peer: Implementation, course: Courses
) -> tuple[Truth, tuple[Dumped, Dumped]]:
    """A dump of one stack by each: where they are one implementation, its two dumps."""
    if implementation.is_also(peer):
        seen = course(case).observed()
        return seen.truth, (seen.first, seen.second)
    with Scene(implementation, case.stack, case.vantage) as scene:
        ours = observation.dump(scene, b"one")
        scene.implementation = peer
        return scene.truth, (ours, observation.dump(scene, b"other"))
