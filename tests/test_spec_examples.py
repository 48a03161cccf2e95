"""Every JSON example in the specification is valid by the schema that it says it follows."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema
import pytest

from .support.requirements import REPOSITORY, Example, examples

EXAMPLES = examples()
DOCUMENTS = ("image", "info", "error", "result", "report")


@cache
def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((REPOSITORY / "schemas" / f"{name}.json").read_text("utf-8"))
    return loaded


def schema_of(kind: str) -> dict[str, Any]:
    """The schema for a kind of example: a document's, or that of one definition of the image."""
    document, _, definition = kind.partition(":")
    if document == "fragment":
        image = schema("image")
        assert definition in image["$defs"], f"schemas/image.json defines no {definition!r}"
        return {"$schema": image["$schema"], "$ref": f"#/$defs/{definition}", "$defs": image["$defs"]}
    assert kind in DOCUMENTS, f"unknown kind of example: {kind!r}"
    return schema(kind)


def test_there_are_examples_of_every_kind() -> None:
    kinds = {example.kind.partition(":")[0] for example in EXAMPLES}
    assert kinds >= {"image", "info", "error", "result", "fragment"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.chapter}:{example.line}")
def test_example_is_valid(example: Example) -> None:
    where = f"spec/{example.chapter}:{example.line}"
    assert example.kind, f"{where}: a json block says which schema it follows: example=image, example=fragment:layer"
    validator = jsonschema.Draft202012Validator(schema_of(example.kind))
    faults = [f"{fault.json_path}: {fault.message}" for fault in validator.iter_errors(json.loads(example.text))]
    assert not faults, f"{where}: " + "; ".join(faults)
