"""The quick way to find that a document satisfies a schema, and the independent judge: they agree."""

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from conformance.harness import imagecheck, satisfying, schemas, vectors

ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.0,
    2**70,
    0.5,
    "",
    "upper",
    "-",
    [],
    ["a", "a"],
    {},
    [{"a": 1}, {"a": 1.0}],
)
"""Values that are of every type, and at the edges of what the schemas allow."""
STRINGS = (
    "7",
    "aa",
    "1.0",
    "0:1",
    "cwd",
    "page",
    "aaaa",
    "2026-01-01T00:00:00Z",
    "0a" * 4 + "-0a0a" * 3 + "-" + "0a" * 6,
)
"""For each pattern of the schemas at least one that fits."""


def _example(schema: Any, root: Any) -> Any:
    """A document with every property that a schema names; it need not satisfy it."""
    if "$ref" in schema:
        return _example(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if "oneOf" in schema:
        return _example(schema["oneOf"][0], root)
    found = {name: _example(each, root) for name, each in schema.get("properties", {}).items()}
    for each in schema.get("allOf", ()):
        inherited = _example(each, root)
        found = {**(inherited if isinstance(inherited, dict) else {}), **found}
    if isinstance(schema.get("additionalProperties"), dict):
        found["another"] = _example(schema["additionalProperties"], root)
    if "items" in schema:
        return [_example(schema["items"], root)]
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    text = next(each for each in STRINGS if re.search(schema.get("pattern", ""), each))
    return {"string": text, "integer": 7, "number": 1.5, "boolean": True, "null": None}.get(kind, found)


def _slightly_other(value: Any, levels: int = 2) -> Iterator[Any]:
    """Every copy of a document in which one value is another, one is missing, or a key is new; no deeper changes."""
    if levels == 0:
        return
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        for other in (*ODD, *_slightly_other(value[key], levels - 1)):
            copied = copy.copy(value)
            copied[key] = other
            yield copied
        copied = copy.copy(value)
        del copied[key]
        yield copied
    if isinstance(value, dict):
        yield {**value, "later": 1}
    if isinstance(value, list):
        yield [*value, *value]


@pytest.mark.parametrize("name", ["image", "info", "error", "result", "report"])
def test_the_quick_way_agrees_with_the_independent_judge(name: str) -> None:
    """On documents by each definition of a schema with all its properties, and on every slight change of them."""
    root = schemas.load(name)
    found = set()
    for part in ({name: each for name, each in root.items() if name != "$defs"}, *root.get("$defs", {}).values()):
        schema = {**part, "$defs": root.get("$defs", {})}
        quick, slow = satisfying.compiled(schema), Draft202012Validator(schema)
        for document in (example := _example(part, root), *_slightly_other(example)):
            found.add(slow.is_valid(document))
            assert quick(document) == slow.is_valid(document), document
    assert found == {True, False}


def test_the_quick_way_agrees_on_every_vector() -> None:
    root = schemas.load("image")
    quick, slow = satisfying.compiled(root), Draft202012Validator(root)
    for vector in vectors.load():
        try:
            document = imagecheck.parse(vector.content())
        except ValueError:
            continue
        assert quick(document) == slow.is_valid(document), vector.name


@pytest.mark.parametrize("schema", [{"not": {}}, {"if": {}, "else": {}}, {"enum": [1]}, {"$ref": "other.json"}])
def test_there_is_no_quick_way_by_a_word_that_is_not_understood(schema: dict[str, Any]) -> None:
    with pytest.raises(satisfying.Unknown):
        satisfying.compiled(schema)
