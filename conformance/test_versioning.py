"""Versions and extensions, as a restorer meets them: the unknown never makes a source surer, nor a stack smaller."""

import pytest

from .harness import describe
from .harness.cases import at
from .harness.imagecheck import Json
from .harness.implementation import Implementation
from .harness.judge import refused, restored
from .harness.restoration import Ready
from .harness.stack import Vantage
from .harness.verdict import require
from .stacks.core import PLAIN

every_vantage = at("restorer")
UNKNOWN = {"layers": None, "lowerdir": "/decoy", "x-vendor-note": {"role": "upper", "requires": ["x-vendor-thing"]}}


def _with_unknown_keys(value: object) -> None:
    """Put keys of a later version into every object but those whose keys are names of properties."""
    if isinstance(value, list):
        for child in value:
            _with_unknown_keys(child)
    if isinstance(value, dict):
        for name, child in value.items():
            if name != "missing":
                _with_unknown_keys(child)
        if set(value) != {"base64"}:
            value |= {f"later-{name}": child for name, child in UNKNOWN.items()}


@pytest.mark.requirement("OVSI-IMG-031", "OVSI-IMG-033", *restored.IDS)
@every_vantage
def test_newer_minor(implementation: Implementation, vantage: Vantage) -> None:
    """A document of a later minor version, with keys that this one does not define, is restored as ever."""
    with Ready(implementation, PLAIN, vantage) as scene:
        scene.document["version"] = "1.99"
        _with_unknown_keys(scene.document)
        require(restored.judge(scene.attempt()), describe.text(scene.stack))


@pytest.mark.requirement("OVSI-IMG-036", "OVSI-REST-003", "OVSI-REST-005", *refused.IDS)
@every_vantage
def test_unknown_assurance(implementation: Implementation, vantage: Vantage) -> None:
    """However sure it may mean, it is as good as none; its location is no candidate, which alone could be accepted."""
    with Ready(implementation, PLAIN, vantage) as scene:
        scene.layer("lower/1")["assurance"] = "certain"
        require(refused.judge(scene.attempt(), "OVSI-IMG-036", "unproved"), describe.text(scene.stack))
        accepting = scene.attempt(b"--accept", b"unproved")
        require(refused.judge(accepting, "OVSI-REST-005", "unproved"), describe.text(scene.stack))


def _require(document: Json, where: str) -> None:
    overlay = document["overlays"][0]
    part = {"document": document, "overlay": overlay, "layer": overlay["layers"][1], "work": overlay["work"]}[where]
    part["requires"] = ["x-vendor-encrypted"]


@pytest.mark.requirement("OVSI-IMG-034", *refused.IDS)
@every_vantage
@pytest.mark.parametrize("where", ["document", "overlay", "layer", "work"])
def test_unknown_requirement(implementation: Implementation, vantage: Vantage, where: str) -> None:
    """What has to be understood, and is not."""
    with Ready(implementation, PLAIN, vantage) as scene:
        _require(scene.document, where)
        require(refused.judge(scene.attempt(), "OVSI-IMG-034", "unsupported"), describe.text(scene.stack))
