"""Which files of the suite and of the project's tests name which requirement."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from .requirements import ID, REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

TREES = ("conformance", "tests")
_IDS = re.compile(rf"{ID.pattern}(?:\s+{ID.pattern})*")


def declared_by() -> dict[str, set[str]]:
    """Requirement id to the files, relative to the repository, that declare it."""
    found: dict[str, set[str]] = {}
    for tree in TREES:
        for path in sorted((REPOSITORY / tree).rglob("*")):
            if path.suffix in {".py", ".json"} and path.is_file():
                for name in ids_declared_in(path):
                    found.setdefault(name, set()).add(str(path.relative_to(REPOSITORY)))
    return found


def is_mutant(file: str) -> bool:
    """Whether a file is a wrong implementation: it names the requirements that it breaks, which is no test of them."""
    return "mutants" in file


def named_by_tests() -> set[str]:
    """Ids that tests judge. Mutants name the requirements that they break, which is no test of them."""
    return {name for name, files in declared_by().items() if not all(map(is_mutant, files))}


def ids_declared_in(path: Path) -> set[str]:
    """Ids that a file declares: of JSON all, of Python string literals that hold ids and nothing else.

    So a comment, a docstring or a message that mentions an id is not taken for a test of it. A vector may be bytes that
    are not UTF-8.
    """
    text = path.read_text("utf-8", errors="replace")
    if path.suffix == ".json":
        return set(ID.findall(text))
    literals = (node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant))
    return {name for value in literals if isinstance(value, str) and _IDS.fullmatch(value) for name in value.split()}
