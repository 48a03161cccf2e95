"""A page a schema, property by property, from schemas/*.json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import chapters

Schema = dict[str, Any]
SCHEMAS = Path(__file__).parents[2] / "schemas"
_BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
}
_PIPE = "&#124;"
"""A bar that ends no cell of a table."""


def names() -> list[tuple[str, str]]:
    """Page and title of each schema, the image first."""
    found = [(path.stem, _load(path)) for path in sorted(SCHEMAS.glob("*.json"))]
    schemas = sorted((name for name, schema in found if "$schema" in schema), key=lambda name: (name != "image", name))
    return [(f"{name}.md", name.capitalize()) for name in schemas]


def pages() -> Iterator[tuple[str, str]]:
    """Name and Markdown of each page."""
    for name, _ in names():
        stem = name.removesuffix(".md")
        yield f"schemas/{name}", _page(stem, _load(SCHEMAS / f"{stem}.json"))


def _load(path: Path) -> Schema:
    loaded: Schema = json.loads(path.read_text())
    return loaded


def _page(name: str, schema: Schema) -> str:
    lines = [f"# Schema: {schema['title']}", "", _chaptered(schema["description"]), ""]
    lines += [f"For programs: [`{name}.json`]({name}.json), JSON Schema 2020-12, `{schema['$id']}`.", ""]
    lines += ["## The document", "", *_members(schema, "")]
    for title, definition in schema.get("$defs", {}).items():
        lines += [f"## {title}", "", _chaptered(definition["description"]), "", *_type_line(definition)]
        lines += [*_members(definition, ""), *_alternatives(definition), *_rules(definition)]
    return "\n".join(lines) + "\n"


def _chaptered(text: str) -> str:
    """With a chapter that is named by its title as a link to it."""
    for title, page in chapters.titles().items():
        text = re.sub(rf"\b(?:the spec's )?chapter {title}\b", f"[\\g<0>](../spec/{page})", text)
    return text


def _members(schema: Schema, prefix: str) -> list[str]:
    """The properties of an object as a table, those of objects inside it under names with dots."""
    rows = list(_rows(schema, prefix))
    if not rows:
        return []
    return ["| property | value | meaning |", "|---|---|---|", *rows, ""]


def _rows(schema: Schema, prefix: str) -> Iterator[str]:
    required = schema.get("required", [])
    for name, member in schema.get("properties", {}).items():
        if isinstance(member, bool):
            continue
        needed = '<span class="form">required</span>' if name in required else ""
        meaning = " ".join([member.get("description", "").replace("|", _PIPE), *_form(member)])
        yield f"| `{prefix}{name}`{needed} | {_value(member)} | {meaning} |"
        yield from _rows(member, f"{prefix}{name}.")
        if "$ref" not in member.get("items", {}):
            yield from _rows(member.get("items", {}), f"{prefix}{name}[].")
        for choice in member.get("oneOf", []):
            yield from _rows(choice, f"{prefix}{name}.")
        if isinstance(member.get("additionalProperties"), dict):
            yield from _rows(member["additionalProperties"], f"{prefix}{name}.*.")


def _value(schema: Schema) -> str:
    """What may stand there, in a few words."""
    if "$ref" in schema:
        target = schema["$ref"].rsplit("/", 1)[1]
        return f"[{target}](#{target.lower()})"
    if "oneOf" in schema:
        return " or ".join(dict.fromkeys(_value(choice) for choice in schema["oneOf"]))
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    kinds = schema.get("type", "any")
    words = " or ".join(kinds) if isinstance(kinds, list) else kinds
    if words == "array":
        words = f"array of {_value(schema.get('items', {}))}"
    return "; ".join([words, *_bounds(schema)])


def _bounds(schema: Schema) -> Iterator[str]:
    for key, words in _BOUNDS.items():
        if key in schema and (key, schema[key]) != ("minLength", 1):
            found = words.format(schema[key])
            yield found.removesuffix("s") if schema[key] == 1 else found
    if schema.get("minLength") == 1:
        yield "not empty"
    if schema.get("uniqueItems"):
        yield "none twice"


def _form(schema: Schema) -> Iterator[str]:
    """The pattern of a string, or of an array's strings: too long a word to stand beside others."""
    pattern = schema.get("pattern") or schema.get("items", {}).get("pattern")
    if pattern:
        letters = "".join(each if each.isalnum() else f"&#{ord(each)};" for each in pattern)
        yield f'<span class="form">Form: <code>{letters}</code></span>'


def _type_line(definition: Schema) -> Iterator[str]:
    if "properties" not in definition and "oneOf" not in definition:
        yield " ".join([f"Value: {_value(definition)}.", *_form(definition)])
        yield ""


def _alternatives(definition: Schema) -> Iterator[str]:
    for choice in definition.get("oneOf", []):
        words = _value(choice) if "type" in choice else f"With `{'`, `'.join(choice['required'])}`"
        yield " ".join([f"- {words}: {choice['description']}", *_form(choice)])
        for name, each in _named(choice):
            yield " ".join([f"    - `{name}`: {_value(each)}. {each['description']}", *_form(each)])
    yield ""


def _named(schema: Schema) -> Iterator[tuple[str, Schema]]:
    yield from schema.get("properties", {}).items()


def _rules(definition: Schema) -> Iterator[str]:
    """What holds beyond the single properties; in words, which each rule of the schema has."""
    rules = definition.get("allOf", [])
    extended = [rule for rule in rules if "$ref" in rule]
    conditions = [rule for rule in rules if "if" in rule]
    for rule in extended:
        yield f"All of {_value(rule)} holds too."
        yield ""
    if conditions:
        yield "Rules:"
        yield ""
        yield from (f"- {rule['description']} {rule['then'].get('description', '')}" for rule in conditions)
        yield ""
