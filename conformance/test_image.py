"""Class Image: documents that a reader accepts or refuses, given to `validate`."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .harness.implementation import Implementation, Outcome
from .harness.vectors import Vector, load
from .harness.verdict import Finding, require


def _parameter(vector: Vector) -> Any:
    marks = [
        pytest.mark.requirement(*vector.requirements, "OVSI-CLI-003"),
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
        require([Finding("OVSI-CLI-004", subject, vector.expect, str(answer))])
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
