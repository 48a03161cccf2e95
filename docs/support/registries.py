"""The registered words as pages: all from schemas/registries.json."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

_REGISTRIES = Path(__file__).parents[2] / "schemas" / "registries.json"
_ON_PAGES_OF_THEIR_OWN = {"categories", "classes", "profiles", "vantages"}


def words() -> str:
    """The page of all that has no page of its own."""
    registries = _load()
    own = "Errors have [a page of their own](errors.md), and so have [classes, profiles and vantages](profiles.md)."
    described = registries["description"].replace("chapter 12", "[chapter 12](spec/12-registries.md)")
    parts = ["# Registries", f"{described} {own}"]
    for name, entries in registries.items():
        if name in _ON_PAGES_OF_THEIR_OWN or not isinstance(entries, list):
            continue
        if name == "identity":
            parts.append(_identity(entries))
        elif name == "options":
            parts.append(_options(entries))
        else:
            parts.append(_meanings(_heading(name), entries))
    return "\n\n".join(parts) + "\n"


def errors() -> str:
    """The page of categories and codes, a section a category."""
    text = (
        "A refusal ends with exit status 1 and, as the last line of standard error, one JSON object: its "
        "[schema](schemas/error.md), the [rules](spec/08-command-line.md). Here each category is a section, and lists "
        "its codes. The category is judged by the suite; the code says more, and is for people and for programs that "
        "want to be exact. The other exit statuses, 0, 2 and 3, are in "
        "[section 8.2](spec/08-command-line.md#82-exit-status)."
    )
    return "\n\n".join(["# Error codes", text, *map(_category, _load()["categories"])]) + "\n"


def profiles() -> str:
    """The page of what may be claimed: class, profile and vantage."""
    registries = _load()
    text = (
        'A claim is a class, a profile and a vantage: `{"class": "dumper", "profile": "core", "vantage": '
        '"inside"}`. [Chapter 9](spec/09-conformance.md) says what each is judged by, the '
        "[results](conformance.md) what was claimed and met, and [chapter 2](spec/02-terms.md) what the words mean."
    )
    names = ("classes", "profiles", "vantages")
    return "\n\n".join(["# Classes and profiles", text, *(_meanings(_heading(n), registries[n]) for n in names)]) + "\n"


def _load() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(_REGISTRIES.read_text())
    return loaded


def _heading(name: str) -> str:
    return {"requires": "Required abilities", "accept": "Deviations to accept"}.get(name, name.capitalize())


def _meanings(title: str, entries: list[dict[str, str]]) -> str:
    if not entries:
        return f"## {title}\n\nNone is registered."
    rows = [[f"`{entry['name']}`", _coded(entry["meaning"])] for entry in entries]
    return _table(title, "", ["name", "meaning"], rows)


def _identity(rows: list[dict[str, Any]]) -> str:
    cells = [
        [_words(row["types"]), f"`{row['stability']}`", _listed(row["sameBoot"]), _listed(row["otherBoot"])]
        for row in rows
    ]
    heading = "Which fields are compared, by [type of file system](spec/04-identity.md#43-the-identity-table)."
    return _table("Identity", heading, ["type", "stability", "on the boot of the image", "on another boot"], cells)


def _options(options: list[dict[str, Any]]) -> str:
    cells = [
        [f"`{each['name']}`", _words(each.get("values", [])), each["stated"], each["shownUnless"], _since(each)]
        for each in options
    ]
    heading = "The options of an overlay; what the words mean is in [chapter 12](spec/12-registries.md#123-forms)."
    return _table("Options", heading, ["option", "values", "stated", "shown unless it equals", "since"], cells)


def _category(category: dict[str, Any]) -> str:
    rows = [
        [f'<a id="{code["code"]}"></a>`{code["code"]}`', _coded(code["meaning"]), _coded(code["remedy"])]
        for code in category["codes"]
    ]
    text = f"{str(category['meaning']).capitalize()}."
    return _table(category["name"], text, ["code", "meaning", "what to do"], rows)


def _coded(text: str) -> str:
    """With options set apart from the words around them."""
    return re.sub(r"(?<![`\w-])--[a-z-]+(?: (?:unproved|[a-z]+-[a-z]+))?", r"`\g<0>`", text)


def _since(option: dict[str, Any]) -> str:
    return str(option.get("since", "") or ("not established" if "since" in option else ""))


def _words(words: list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words).replace("`*`", "every other")


def _listed(fields: list[str]) -> str:
    return ", ".join(fields) or "nothing suffices"


def _table(title: str, text: str, columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join([f"## {title}\n\n{text}\n", *(f"| {' | '.join(line)} |" for line in lines)])
