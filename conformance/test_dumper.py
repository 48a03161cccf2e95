"""Class Dumper: every stack, from every vantage."""

from collections.abc import Callable

import pytest

from .harness import describe, errands
from .harness.cases import Case, at, every, over
from .harness.imagecheck import parse, read
from .harness.implementation import Implementation, Outcome
from .harness.judge import complete, faithful, sound, trace, words
from .harness.observation import Observation
from .harness.scene import Scene
from .harness.stack import Vantage
from .harness.verdict import Errored, Finding, require
from .stacks import ALL
from .stacks.core import PLAIN

Observe = Callable[[Case], Observation]
every_stack = over("dumper", every(ALL))


def shown(seen: Observation) -> str:
    return describe.text(seen.stack, seen.truth)


@pytest.mark.requirement("OVSI-DUMP-001", "OVSI-CLI-004", "OVSI-CLI-007", "OVSI-CLI-008", *words.IDS)
@every_stack
def test_answer(case: Case, observed: Observe) -> None:
    """An image, valid, in the words of this version, and an exit that says whether it is complete."""
    seen = observed(case)
    faults = (Finding("OVSI-DUMP-001", "image", "no fault", fault) for fault in seen.first.faults if seen.image)
    require([*faults, *words.judge(seen)], shown(seen))
    sources = [s for overlay in seen.image["overlays"] for s in (*overlay["layers"], overlay.get("work")) if s]
    whole = all(s["assurance"] == "proved" and s["state"] in ("located", "covered", "elsewhere") for s in sources)
    outcome = seen.first.answer.outcome
    if whole and outcome is not Outcome.DONE:
        require([Finding("OVSI-CLI-007", "dump", "exit 0: every source is proved and can be reached", outcome.value)])
    if not whole and outcome is not Outcome.INCOMPLETE:
        require([Finding("OVSI-CLI-008", "dump", "exit 3: a source falls short", outcome.value)])


@pytest.mark.always
@pytest.mark.requirement(*sound.IDS)
@every_stack
def test_sound(case: Case, observed: Observe) -> None:
    """Nothing that the image states of sources is false."""
    seen = observed(case)
    require(sound.judge(seen), shown(seen))


@pytest.mark.requirement(*faithful.IDS)
@every_stack
def test_faithful(case: Case, observed: Observe) -> None:
    """What the kernel shows to everyone is in the image as it is."""
    seen = observed(case)
    require(faithful.judge(seen), shown(seen))


@pytest.mark.requirement(*complete.IDS)
@every_stack
def test_complete(case: Case, observed: Observe, record_property: Callable[[str, object], None]) -> None:
    """What is provable from this vantage is proved."""
    seen = observed(case)
    record_property("proved", (len(complete.proved(seen)), len(seen.truth.everything)))
    require(complete.judge(seen), shown(seen))


@pytest.mark.requirement(*trace.IDS)
@every_stack
def test_no_trace(case: Case, observed: Observe) -> None:
    """The dump changed nothing and left nothing."""
    seen = observed(case)
    require(trace.judge(seen), shown(seen))


@pytest.mark.requirement("OVSI-EQV-001")
@every_stack
def test_same_twice(case: Case, observed: Observe) -> None:
    """Two dumps of the unchanged mount are the same bytes but for `created`."""
    seen = observed(case)
    first, second = seen.first.written or b"", seen.second.written
    if not seen.image or second is None:
        raise Errored(f"no second image: {seen.second.answer}")
    if first != second:
        stamp = parse(first).get("created"), parse(second).get("created")
        if stamp[0] and stamp[1]:
            second = second.replace(stamp[1].encode(), stamp[0].encode(), 1)
    if first != second:
        require([Finding("OVSI-EQV-001", "a second dump", "the same bytes", "other bytes")], shown(seen))


@pytest.mark.requirement("OVSI-DUMP-029", "OVSI-DUMP-021", "OVSI-DUMP-001")
@at("dumper")
def test_mount_whose_root_was_removed(implementation: Implementation, vantage: Vantage) -> None:
    """It is a mount still, and its root has no name: the one that it had may be another's."""
    with Scene(implementation, PLAIN, vantage) as scene:
        scene.sandbox.do(errands.remove_root_of_a_mount, PLAIN.target, b"/m/fresh")
        number = next(mount.id for mount in scene.table() if mount.point == b"/m/fresh")
        answer = scene.dump(scene.path(b"image"))
        image, faults = read(scene.read(b"image") or b"")
        if image is None:
            require([Finding("OVSI-DUMP-001", "dump", "an image", str(answer))])
        found = [mount for mount in (image or {})["mounts"] if mount["mountId"] == number]
        if not found:
            require([Finding("OVSI-DUMP-021", f"mount {number}", "listed", "it is not")], describe.text(PLAIN))
        if found[0]["root"] is not None:
            require([Finding("OVSI-DUMP-029", "root", "null", str(found[0]["root"]))], describe.text(PLAIN))
        require(Finding("OVSI-DUMP-001", "image", "no fault", fault) for fault in faults)
