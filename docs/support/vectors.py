"""The page of the vectors, from conformance/vectors/manifest.json, and the documents themselves beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[2] / "conformance" / "vectors"
Vector = dict[str, Any]


def pages() -> Iterator[tuple[str, str | bytes]]:
    """The page, and each stored document under `vectors/`."""
    vectors = _load()
    yield "vectors.md", _page(vectors)
    for vector in vectors:
        if "file" in vector:
            yield f"vectors/{vector['file']}", (VECTORS / vector["file"]).read_bytes()


def by_requirement() -> dict[str, list[str]]:
    """Requirement id to the names of the vectors that judge it."""
    found: dict[str, list[str]] = {}
    for vector in _load():
        for requirement in vector["requirements"]:
            found.setdefault(requirement, []).append(name(vector))
    return found


def name(vector: Vector) -> str:
    """Such as `valid/minimal`, which is what its test is named by."""
    return str(vector.get("name") or vector["file"].removesuffix(".json"))


def anchor(requirement: str) -> str:
    """Where on the site the vectors of a requirement are listed."""
    return f"vectors.md#vectors-{requirement}"


def _load() -> list[Vector]:
    vectors: list[Vector] = json.loads((VECTORS / "manifest.json").read_text())["vectors"]
    return vectors


def _page(vectors: list[Vector]) -> str:
    valid = [vector for vector in vectors if vector["expect"] == "valid"]
    refused = [vector for vector in vectors if vector["expect"] != "valid"]
    lines = [
        "# Vectors",
        "",
        f"Documents that a reader of images accepts ({len(valid)}) or refuses ({len(refused)}): by them the",
        "class Image is judged, through `validate`. A refused one has one fault, and is named for it. They are bytes:",
        "some are not UTF-8, not JSON, or bear white space that an editor would mend.",
        "",
        "## Valid",
        "",
        "| vector | what it shows | requirements |",
        "|---|---|---|",
        *(f"| {_place(vector)} | {_words(vector)} | {_requirements(vector)} |" for vector in valid),
        "",
        "## Refused",
        "",
        "| vector | its fault | category | requirements |",
        "|---|---|---|---|",
        *(
            f"| {_place(vector)} | {_words(vector)} | [`{vector['expect']}`](errors.md#{vector['expect']})"
            f" | {_requirements(vector)} |"
            for vector in refused
        ),
        "",
        "## By requirement",
        "",
        "| requirement | vectors |",
        "|---|---|",
        *(
            f'| <a id="vectors-{each}"></a>{_requirement(each)} | {", ".join(map(_link, names))} |'
            for each, names in sorted(by_requirement().items())
        ),
    ]
    return "\n".join(lines) + "\n"


def _place(vector: Vector) -> str:
    own = name(vector)
    shown = f"`{own.rpartition('/')[2]}`"
    return f'<a id="{_id(own)}"></a>' + (f"[{shown}](vectors/{vector['file']})" if "file" in vector else shown)


def _words(vector: Vector) -> str:
    """What is special about it; a large one is not stored, but made by a recipe of the manifest."""
    base = (
        f" (made from {_link(vector['base'].removesuffix('.json'))} when it is needed)" if "file" not in vector else ""
    )
    return f"{vector['title']}{base}".replace("|", "\\|")


def _requirements(vector: Vector) -> str:
    return "<br>".join(map(_requirement, vector["requirements"]))


def _requirement(requirement: str) -> str:
    return f"[{requirement}](requirements.md#row-{requirement})"


def _link(name: str) -> str:
    return f"[`{name}`](#{_id(name)})"


def _id(name: str) -> str:
    return f"vector-{name.replace('/', '-')}"
