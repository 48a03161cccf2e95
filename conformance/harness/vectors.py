"""The vectors of the Image class, as `vectors/manifest.json` lists them; some are made by a recipe."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DIRECTORY = Path(__file__).resolve().parents[1] / "vectors"


@dataclass(frozen=True)
class Vector:
    """A document; `expect`: `valid`, or the category of the refusal."""

    name: str
    title: str
    requirements: tuple[str, ...]
    expect: str
    entry: dict[str, Any]

    def content(self) -> bytes:
        """The bytes of the document."""
        if "file" in self.entry:
            return (DIRECTORY / str(self.entry["file"])).read_bytes()
        return generate((DIRECTORY / self.entry["base"]).read_bytes(), self.entry["generate"])


def load() -> list[Vector]:
    entries = json.loads((DIRECTORY / "manifest.json").read_text())["vectors"]
    return [
        Vector(
            entry.get("file", entry.get("name")).removesuffix(".json"),
            entry["title"],
            tuple(entry["requirements"]),
            entry["expect"],
            entry,
        )
        for entry in entries
    ]


def generate(base: bytes, recipe: dict[str, Any]) -> bytes:
    """A document by a recipe of `vectors/README.md`."""
    match recipe:
        case {"pad-to": length}:
            return base.ljust(int(length), b" ")
        case {"repeat": pointer, "times": times}:
            return _repeat(json.loads(base), pointer, times)
        case {"nest": depth}:
            return base.rstrip()[:-1] + b',"x-nest":' + b"[" * int(depth) + b"]" * int(depth) + b"}"
        case {"replace": old, "by": new, "append-zeros": zeros}:
            return base.replace(str(old).encode(), str(new).encode() + b"0" * int(zeros), 1)
    raise ValueError(f"no such recipe: {recipe}")


def _repeat(document: Any, pointer: str, times: int) -> bytes:
    *path, last = pointer.strip("/").split("/")
    at = document
    for step in path:
        at = at[int(step) if isinstance(at, list) else step]
    at[int(last) : int(last) + 1] = [at[int(last)]] * times
    return json.dumps(document).encode()
