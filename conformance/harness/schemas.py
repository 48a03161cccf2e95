"""The project's schemas, found beside this package, and validators of them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from .satisfying import Check, compiled

_ABOVE = Path(__file__).resolve().parents[2]


@cache
def load(name: str) -> Any:
    """`schemas/NAME.json`; installed, the package beside this one holds them."""
    installed = _ABOVE / "ovsi_schemas"
    directory = installed if installed.is_dir() else _ABOVE / "schemas"
    return json.loads((directory / f"{name}.json").read_text())


def parsed(data: bytes) -> Any:
    """JSON of whoever wrote it; raises ValueError, where it is nested too deeply to be read as well."""
    try:
        return json.loads(data.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(load(name))


@cache
def _satisfied(name: str) -> Check:
    return compiled(load(name))


def errors_by(name: str, document: object) -> list[str]:
    """What a document breaks of a schema, a line each; empty where it satisfies it."""
    try:
        if _satisfied(name)(document):
            return []
        return [f"{error.json_path}: {error.message[:300]}" for error in _validator(name).iter_errors(document)]
    except RecursionError:  # in the words for what is wrong with it
        return ["$: nested too deeply"]
