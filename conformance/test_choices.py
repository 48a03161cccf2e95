"""Where a command line or an image leaves a choice: among overlays, maps, places for the result."""

import copy
import json

import pytest

from .harness import describe, errands
from .harness.cases import at
from .harness.imagecheck import Json
from .harness.implementation import Implementation, Outcome
from .harness.judge import refused, restored
from .harness.restoration import Ready
from .harness.scene import RESTORED
from .harness.schemas import errors_by, parsed
from .harness.stack import Vantage
from .harness.verdict import Finding, require
from .stacks.core import APART, PLAIN

every_vantage = at("restorer")


def _pid(scene: Ready) -> tuple[bytes, ...]:
    return () if scene.within else (b"--pid", scene.pid)


def _with_another(scene: Ready) -> None:
    """Put before the overlay of the image another one, which could be built too: with its lowers in another order."""
    another: Json = copy.deepcopy(scene.overlay) | {"id": "another", "filesystem": "fs-another", "mounts": []}
    another["layers"][1:] = another["layers"][:0:-1]
    filesystem = {"id": "fs-another", "type": "overlay", "device": "0:999998", "stability": "boot"}
    scene.document["filesystems"].append(filesystem)
    scene.chosen = scene.overlay["id"].encode()
    scene.document["overlays"].insert(0, another)


@pytest.mark.requirement("OVSI-CLI-020", *refused.ANSWER, *restored.IDS)
@every_vantage
def test_one_of_several(implementation: Implementation, vantage: Vantage) -> None:
    """The overlay that is named is restored, wherever it stands in the image; where none is named, none."""
    with Ready(implementation, PLAIN, vantage) as scene:
        _with_another(scene)
        image = scene.write(b"image.json", json.dumps(scene.document).encode())
        answer = scene.call(b"restore", b"--image", image, b"--target", RESTORED, *_pid(scene))
        found = list(refused.answer(answer, "OVSI-CLI-020", "not-found"))
        require(found or restored.judge(scene.attempt()), describe.text(scene.stack))


@pytest.mark.requirement("OVSI-REST-008", *restored.IDS)
@every_vantage
def test_longest_map(implementation: Implementation, vantage: Vantage) -> None:
    """Of several mappings of one file system that apply, the one of the longest part of it serves."""
    with Ready(implementation, APART, vantage) as scene:
        scene.sandbox.do(errands.lookalikes_at, APART, b"/decoy")
        scene.sandbox.do(errands.bind, b"/store/a", b"/moved")
        scene.sandbox.do(errands.unmount, b"/store")
        seen = scene.attempt(maps=(scene.store + b"=/decoy", scene.store + b":/a=/moved", scene.store + b":/b=/decoy"))
        if seen.answer.outcome is Outcome.REFUSED:
            require([Finding("OVSI-REST-008", "restore", "found below the directory of /a", str(seen.answer))])
        require(restored.judge(seen), describe.text(scene.stack))


@pytest.mark.requirement("OVSI-CLI-012", "OVSI-REST-021", *refused.ANSWER)
@every_vantage
@pytest.mark.parametrize("where", ["a directory", "in none"])
def test_no_place_for_the_result(implementation: Implementation, vantage: Vantage, where: str) -> None:
    """Where the result can't be written nothing stays mounted."""
    with Ready(implementation, PLAIN, vantage) as scene:
        image = scene.write(b"image.json", json.dumps(scene.document).encode())
        place = scene.directory if where == "a directory" else scene.path(b"none/result.json")
        words = (b"--image", image, b"--target", RESTORED, *_pid(scene), b"--result", place)
        found = list(refused.answer(scene.call(b"restore", *words), "OVSI-CLI-012", "target"))
        if scene.restored():
            found.append(Finding("OVSI-REST-021", "the target", "nothing is mounted", "an overlay is mounted there"))
        require(found, describe.text(scene.stack))


@pytest.mark.requirement("OVSI-CLI-013")
@every_vantage
def test_image_and_result_by_standard_streams(implementation: Implementation, vantage: Vantage) -> None:
    """`-` is standard input for the image, and standard output for the result."""
    with Ready(implementation, PLAIN, vantage) as scene:
        words = (b"--image", b"-", b"--target", RESTORED, *_pid(scene), b"--result", b"-")
        answer = scene.call(b"restore", *words, given=json.dumps(scene.document).encode())
        if answer.outcome is not Outcome.DONE or not scene.restored():
            require([Finding("OVSI-CLI-013", "restore --image -", "done (exit 0)", str(answer))], describe.text(PLAIN))
        try:
            faults = errors_by("result", parsed(answer.ran.stdout))
        except ValueError:
            faults = ["no JSON document"]
        require(Finding("OVSI-CLI-013", "restore --result -", "a result", fault) for fault in faults)
