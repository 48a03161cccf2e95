"""An implementation's own images, restored: what the classes Round trip and Interchange have in common."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from . import errands, observation
from .cases import Case
from .imagecheck import Json, entry, raw, sources
from .implementation import Implementation, Outcome
from .judge import restored, sound
from .observation import Dumped, Statement
from .restoration import Restoration, attempt
from .scene import RESTORED, Scene
from .truth import Truth
from .verdict import Failed, Finding, require

EITHER = (Outcome.DONE, Outcome.INCOMPLETE)
ACCEPT = (b"--accept", b"unproved")


@dataclass(frozen=True)
class Trip:
    """There and back. `named`: every candidate of the image led to the source itself, while the overlay was mounted.

    `again`: a dump of what was restored, None where restoring it was refused; `anew`: the truth of what was restored,
    None where the suite's record is not of it: of an overlay below that was made anew, and has another device.
    """

    named: bool
    seen: Restoration
    again: Dumped | None
    anew: Truth | None


def usual(case: Case) -> tuple[bytes, ...]:
    """What is said with a restore of an implementation's own image: where it can prove every source, nothing."""
    return () if case.stack.provable[case.vantage] is None else ACCEPT


def there_and_back(scene: Scene, first: Dumped, words: Sequence[bytes], by: Implementation | None = None) -> Trip:
    """Unmount the stack, have it restored from its first image (`by` another implementation), and dumped there."""
    named = names_the_sources(scene, first.image)
    scene.unmount()
    scene.implementation = by or scene.implementation
    seen = attempt(scene, first.image, *words)
    if seen.answer.outcome is Outcome.REFUSED:
        return Trip(named, seen, None, None)
    return Trip(named, seen, observation.dump(scene, b"again", b"--mountpoint", RESTORED), _truth_of_restored(scene))


def _truth_of_restored(scene: Scene) -> Truth | None:
    mount = scene.restored()
    below = {inner.device for inner in scene.truth.inner}
    if mount is None or any(source.device in below and not source.reached for source in scene.truth.everything):
        return None
    return replace(scene.truth, mounts=tuple(scene.table()), target=mount)


def image_of(
    dumped: Dumped,
    what: str,
    requirement: str,
    case: Case,
    truth: Truth | None,
    outcomes: tuple[Outcome, ...] = EITHER,
) -> Json:
    """The image of a dump, which `what` names; every image is judged for soundness, where the truth is known."""
    image, faults = dumped.read
    if dumped.answer.outcome not in outcomes:
        raise Failed([Finding(requirement, what, outcomes[0].value, str(dumped.answer))])
    if image is None or faults:
        raise Failed([Finding(requirement, what, "a valid image", faults[0])])
    if truth:
        require(sound.judge(Statement(case.stack, case.vantage, truth, image)))
    return image


def leaves_nothing_open(image: Json) -> bool:
    """Whether it says of every source what it is and whose its files are: then nothing has to be accepted."""
    return all(
        source["assurance"] == "proved" and source.get("idmap", "none") is not None
        for overlay in image["overlays"]
        for _, source in sources(overlay)
    )


def names_the_sources(scene: Scene, image: Json) -> bool:
    """Whether every candidate of an image leads to the source itself. To be asked while the overlay is mounted."""
    first, *below = image["overlays"]
    if any(source["assurance"] != "proved" for overlay in below for _, source in sources(overlay)):
        return False
    return all(
        source["assurance"] == "proved" or _leads_to(scene, image, label, source) for label, source in sources(first)
    )


def _leads_to(scene: Scene, image: Json, label: str, source: Json) -> bool:
    place = source.get("candidate", {})
    mount = entry(image["mounts"], place.get("mount"))
    if mount is None or "namespace" in mount:
        return False
    path = os.path.normpath(raw(mount["mountPoint"]) + b"/" + raw(place["path"]))
    return scene.sandbox.do(errands.is_source, label, path)


def as_many_layers(first: Json, second: Json) -> list[Finding]:
    """Where a candidate is not the source, all that can be asked: as many layers, in the same roles."""
    old, new = ([layer["role"] for layer in each["overlays"][0]["layers"]] for each in (first, second))
    if old == new:
        return []
    return [Finding("OVSI-EQV-004", "layers", f"{len(old)}, as in the first dump", str(len(new)))]


def require_alike(case: Case, image: Json, trip: Trip, what: str, built: str) -> None:
    """What an image proves is mounted again, and has as many layers; what it has candidates for, or is refused."""
    if trip.seen.answer.outcome is Outcome.REFUSED and not leaves_nothing_open(image):
        return
    if trip.named:
        require(restored.judge(trip.seen), built)
    assert trip.again
    second = image_of(trip.again, what, "OVSI-EQV-004", case, trip.anew if trip.named else None)
    require(as_many_layers(image, second), built)
