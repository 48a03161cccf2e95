"""The registries of the specification (schemas/registries.json), read when something in them is needed."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_PLACES = (
    os.path.join(os.path.dirname(_HERE), "ovsi_schemas"),  # installed: beside the package
    os.path.join(os.path.dirname(os.path.dirname(_HERE)), "schemas"),  # in the repository
)


def load() -> dict[str, Any]:
    """The whole document; empty where it is not there, as in a package cut short."""
    from ..image.parse import text_of, tree

    for place in _PLACES:
        try:
            with open(os.path.join(place, "registries.json"), "rb") as file:
                registries: dict[str, Any] = tree(text_of(file.read()))  # type: ignore[assignment]  # a file of our own
                return registries
        except FileNotFoundError:
            continue
    return {}


def category_and_remedy(code: str) -> tuple[str, str]:
    """What the registry of codes says of one; `system` and nothing for a code that it has not."""
    for category in load().get("categories", ()):
        for entry in category["codes"]:
            if entry["code"] == code:
                return category["name"], entry["remedy"]
    return "system", ""


def accepted_words() -> tuple[str, ...]:
    """The words of `--accept`."""
    return tuple(entry["name"] for entry in load().get("accept", ()))
