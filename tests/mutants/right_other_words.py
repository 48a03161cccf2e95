"""Another order of keys, another layout, ids of its own, extra keys, and much to say on standard error."""

import json
import sys
from typing import Any

from .mutant import Given, Json, RightVariant, reference


def backwards(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: backwards(child) for name, child in reversed(value.items())}
    return [backwards(child) for child in value] if isinstance(value, list) else value


def reword(document: Json, given: Given) -> None:
    print('chatter, and more of it {"category": "none"}', file=sys.stderr)
    text = json.dumps(document)
    for kind, table in (("Volume", "filesystems"), ("Place.", "mounts"), ("Stack_", "overlays")):
        for entry in document[table]:
            text = text.replace(json.dumps(entry["id"]), json.dumps(kind + entry["id"]))
    document.clear()
    document |= backwards(json.loads(text)) | {"x-other-note": ["anything", {"x": None}]}
    document["producer"] = {"name": "other", "version": "0"}


def be(words: list[str]) -> int:
    print("starting\n", file=sys.stderr)
    return reference(words)


VARIANT = RightVariant(
    meets=(
        "test_dumper.py::*[core-one-lower-*]",
        "test_dumper.py::*[relative-short-names-inside]",
        "test_command_line.py::test_no_such_subcommand",
    ),
    be=be,
    image=reword,
)
