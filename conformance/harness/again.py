"""An implementation's own images, restored: what the classes Round trip and Interchange have in common."""

import os
from dataclasses import replace

from . import errands
from .imagecheck import Json, entry, raw, read, sources
from .implementation import Outcome
from .judge import sound
from .observation import Statement
from .scene import RESTORED, Scene
from .truth import Truth
from .verdict import Failed, Finding, require

EITHER = (Outcome.DONE, Outcome.INCOMPLETE)


def dump(scene: Scene, name: bytes, requirement: str, outcomes: tuple[Outcome, ...] = EITHER) -> Json:
    """An image of the stack; every image is judged for soundness."""
    return _dump(scene, name, requirement, outcomes, (), scene.truth)


def dump_of_restored(
    scene: Scene, name: bytes, requirement: str, outcomes: tuple[Outcome, ...] = EITHER, *, right: bool = True
) -> Json:
    """An image of what was restored of it, sound by the suite's record where that is `right` of it still.

    It is not of an overlay below that was made anew, and has another device.
    """
    truth = None
    mount = scene.restored()
    below = {inner.device for inner in scene.truth.inner}
    anew = any(source.device in below and not source.reached for source in scene.truth.everything)
    if right and mount and not anew:
        truth = replace(scene.truth, mounts=tuple(scene.table()), target=mount)
    return _dump(scene, name, requirement, outcomes, (b"--mountpoint", RESTORED), truth)


def _dump(
    scene: Scene,
    name: bytes,
    requirement: str,
    outcomes: tuple[Outcome, ...],
    selector: tuple[bytes, ...],
    truth: Truth | None,
) -> Json:
    what = f"the {name.decode()} dump by {scene.implementation.name}"
    answer = scene.dump(scene.path(name), *selector)
    image, faults = read(scene.read(name) or b"")
    if answer.outcome not in outcomes:
        raise Failed([Finding(requirement, what, outcomes[0].value, str(answer))])
    if image is None or faults:
        raise Failed([Finding(requirement, what, "a valid image", faults[0])])
    if truth:
        require(sound.judge(Statement(scene.stack, scene.vantage, truth, image)))
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
