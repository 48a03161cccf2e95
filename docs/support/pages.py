"""mkdocs hook: the pages that are not files under docs/.

The specification's chapters, the schemas, the changes and the registries live elsewhere in the repository, each in one
place; here they become pages. A requirement's id becomes an anchor, so that `#OVSI-DUMP-012` links to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
REQUIREMENT = re.compile(r"^\*\*(OVSI-[A-Z]+-\d{3})\*\*", re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the navigation of folders that are listed nowhere by hand."""
    config.nav = [_expanded(entry) for entry in config.nav or []]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for chapter in sorted((ROOT / "spec").glob("*.md")):
        files.append(File.generated(config, f"spec/{_page_name(chapter)}", content=_chapter(chapter)))
    for schema in sorted((ROOT / "schemas").glob("*.json")):
        files.append(File.generated(config, f"schemas/{schema.name}", content=schema.read_text()))
    files.append(File.generated(config, "changes.md", content=(ROOT / "CHANGELOG.md").read_text()))
    files.append(File.generated(config, "registries.md", content=_registries()))
    return files


def _expanded(entry: dict[str, str]) -> dict[str, object]:
    ((title, target),) = entry.items()
    if not target.endswith("/"):
        return {title: target}
    folder = ROOT / "spec" if target == "spec/" else ROOT / "docs" / target
    pages = sorted(folder.glob("*.md"), key=_reading_order)
    return {title: [target + (_page_name(page) if target == "spec/" else page.name) for page in pages]}


def _reading_order(page: Path) -> tuple[bool, bool, str]:
    return (page.name != "README.md", not page.name[0].isdigit(), page.name)


def _page_name(page: Path) -> str:
    return "index.md" if page.name == "README.md" else page.name


def _chapter(path: Path) -> str:
    text = REQUIREMENT.sub(r'<a id="\1"></a>**[\1](#\1)**', path.read_text())
    text = text.replace("(README.md", "(index.md")
    return re.sub(r"^```json .*$", "```json", text, flags=re.MULTILINE)


def _registries() -> str:
    registries = json.loads((ROOT / "schemas" / "registries.json").read_text())
    parts = ["# Registries", registries["description"]]
    for name, entries in registries.items():
        if name in _TABLES:
            parts.append(_TABLES[name](entries))
        elif isinstance(entries, list) and entries:
            rows = [f"| `{entry['name']}` | {entry['meaning']} |" for entry in entries]
            parts.append("\n".join([f"## {name.capitalize()}\n", "| name | meaning |", "|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def _identity(rows: list[dict[str, list[str]]]) -> str:
    cells = [
        [_words(row["types"]), f"`{row['stability']}`", _listed(row["sameBoot"]), _listed(row["otherBoot"])]
        for row in rows
    ]
    heading = "Which fields are compared, by [type of file system](spec/04-identity.md#43-the-identity-table)."
    return _table("Identity", heading, ["type", "stability", "on the boot of the image", "on another boot"], cells)


def _options(options: list[dict[str, Any]]) -> str:
    cells = [
        [
            f"`{option['name']}`",
            _words(option.get("values", [])),
            option["stated"],
            option["shownUnless"],
            _since(option),
        ]
        for option in options
    ]
    heading = "The options of an overlay; what the words mean is in [chapter 12](spec/12-registries.md#123-forms)."
    return _table("Options", heading, ["option", "values", "stated", "shown unless it equals", "since"], cells)


def _since(option: dict[str, Any]) -> str:
    return str(option.get("since", "") or ("not established" if "since" in option else ""))


def _words(words: list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words).replace("`*`", "every other")


def _listed(fields: list[str]) -> str:
    return ", ".join(fields) or "nothing suffices"


def _table(title: str, text: str, columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join([f"## {title}\n\n{text}\n", *(f"| {' | '.join(line)} |" for line in lines)])


def _categories(categories: list[dict[str, object]]) -> str:
    parts = ["## Error categories and codes"]
    for category in categories:
        codes = category["codes"]
        assert isinstance(codes, list)
        rows = [f"| `{code['code']}` | {code['meaning']} | {code['remedy']} |" for code in codes]
        heading = f"### {category['name']}\n\n{str(category['meaning']).capitalize()}.\n"
        parts.append("\n".join([heading, "| code | meaning | what to do |", "|---|---|---|", *rows]))
    return "\n\n".join(parts)


_TABLES: dict[str, Callable[[Any], str]] = {"identity": _identity, "options": _options, "categories": _categories}
