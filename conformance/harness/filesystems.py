"""The identity table of the specification (section 4.3), from the registries."""

from functools import cache
from typing import Any

from .schemas import load


@cache
def _row(kind: str) -> dict[str, Any]:
    rows = [row for row in load("registries")["identity"] if kind in row["types"]]
    return rows[0] if rows else {}


def stability(kind: str) -> str:
    """For how long an inode number names an object on a file system of this type."""
    return str(_row(kind).get("stability", "none"))


def has_generation(kind: str) -> bool:
    """Whether inodes of it bear a generation, without which an inode number is no identity."""
    return "generation" in _row(kind).get("sameBoot", ("generation",))
