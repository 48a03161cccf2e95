"""Class Image: documents that a reader accepts or refuses, given to `validate`."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .harness.implementation import Implementation, Outcome
from .harness.judge import refused
from .harness.vectors import DIRECTORY, Vector, load
from .harness.verdict import Finding, require


def _parameter(vector: Vector) -> Any:
    marks = [
        pytest.mark.requirement(*vector.requirements, "OVSI-CLI-003", "OVSI-SEC-004", "OVSI-REG-002"),
        pytest.mark.claim("image", "core", "inside"),
    ]
    return pytest.param(vector, id=vector.name, marks=marks)


@pytest.fixture(scope="session")
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ovsi-") as name:
        yield Path(name)


@pytest.mark.parametrize("vector", [_parameter(vector) for vector in load()])
def test_vector(vector: Vector, implementation: Implementation, directory: Path) -> None:
    """Exit 0 for a valid one; a refusal of the right category for any other."""
    file = directory / "image.json"
    file.write_bytes(vector.content())
    answer = implementation.call(b"validate", b"--image", bytes(file))
    file.unlink()
    first, subject = vector.requirements[0], f"{vector.name}: {vector.title}"
    if answer.outcome is Outcome.CRASHED:
        within = not {"OVSI-IMG-007", "OVSI-IMG-008"} & set(vector.requirements) or vector.expect == "valid"
        broken = ("OVSI-CLI-004", "OVSI-SEC-004") if within else ("OVSI-CLI-004",)
        require(Finding(requirement, subject, vector.expect, str(answer)) for requirement in broken)
    require(refused.error(answer))
    if vector.expect == "valid" and answer.outcome is not Outcome.DONE:
        require(
            [
                Finding(
                    "OVSI-CLI-003" if answer.outcome is Outcome.USAGE else first, subject, "valid (exit 0)", str(answer)
                )
            ]
        )
    if vector.expect != "valid" and answer.category != vector.expect:
        require([Finding(first, subject, f"refused as {vector.expect}", str(answer))])


@pytest.mark.claim("image", "core", "inside")
@pytest.mark.requirement("OVSI-CLI-013", *refused.ANSWER)
def test_standard_input(implementation: Implementation) -> None:
    """`-` is standard input, whatever comes there."""
    valid, invalid = ((DIRECTORY / name).read_bytes() for name in ("valid/minimal.json", "invalid/cut-short.json"))
    answer = implementation.call(b"validate", b"--image", b"-", given=valid)
    if answer.outcome is not Outcome.DONE:
        require([Finding("OVSI-CLI-013", "a valid image on standard input", "valid (exit 0)", str(answer))])
    answer = implementation.call(b"validate", b"--image", b"-", given=invalid)
    require(refused.answer(answer, "OVSI-CLI-013", "bad-image"))
