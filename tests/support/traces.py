"""Which files of the suite and of the project's tests name which requirement."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from .requirements import ID, REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TREES = ("conformance", "tests")
_IDS = re.compile(rf"{ID.pattern}(?:\s+{ID.pattern})*")
_OPENING = re.compile(rf"({_IDS.pattern})(?=[:.]|\Z)")


@dataclass(frozen=True, order=True)
class Place:
    """Where an id is declared: a file relative to the repository, the line of what declares it, and its name.

    The name is the function's or the variable's; empty in JSON, and where a file declares it as a whole.
    """

    file: str
    line: int
    name: str


@cache
def places() -> dict[str, list[Place]]:
    """Requirement id to the places that declare it, by file and line."""
    found: dict[str, list[Place]] = {}
    for tree in TREES:
        for path in sorted((REPOSITORY / tree).rglob("*")):
            if path.suffix in {".py", ".json"} and path.is_file():
                file = str(path.relative_to(REPOSITORY))
                declared = dict.fromkeys((each, Place(file, line, name)) for each, line, name in declarations(path))
                for each, place in declared:
                    found.setdefault(each, []).append(place)
    return found


def declared_by() -> dict[str, set[str]]:
    """Requirement id to the files, relative to the repository, that declare it."""
    return {name: {place.file for place in where} for name, where in places().items()}


def is_mutant(file: str) -> bool:
    """Whether a file is a wrong implementation: it names the requirements that it breaks, which is no test of them."""
    return "mutants" in file


def named_by_tests() -> set[str]:
    """Ids that tests judge. Mutants name the requirements that they break, which is no test of them."""
    return {name for name, files in declared_by().items() if not all(map(is_mutant, files))}


def ids_declared_in(path: Path) -> set[str]:
    """Ids that a file declares."""
    return {name for name, _, _ in declarations(path)}


def declarations(path: Path) -> Iterator[tuple[str, int, str]]:
    """Id, line and name (see `Place`) of what declares it.

    JSON declares all that it mentions; the suite's Python and the mutants, string literals of ids only; the project's
    own tests, what their docstrings begin with. So what merely mentions an id is not taken for a test of it. A vector
    may be bytes that are not UTF-8.
    """
    text = path.read_text("utf-8", errors="replace")
    if path.suffix == ".json":
        yield from ((name, 1, "") for name in ID.findall(text))
    elif path.is_relative_to(REPOSITORY / "tests") and not is_mutant(str(path)):
        yield from _in_docstrings(ast.parse(text))
    else:
        yield from _in_literals(ast.parse(text), 1, "")


def _in_docstrings(module: ast.Module) -> Iterator[tuple[str, int, str]]:
    for node in module.body:
        opening = _OPENING.match(ast.get_docstring(node) or "") if isinstance(node, ast.FunctionDef) else None
        if opening and isinstance(node, ast.FunctionDef):
            yield from ((each, node.lineno, node.name) for each in opening[1].split())


def _in_literals(node: ast.AST, line: int, name: str) -> Iterator[tuple[str, int, str]]:
    for inner in ast.iter_child_nodes(node):
        where = (line, name)
        if isinstance(inner, ast.FunctionDef):
            where = (inner.lineno, inner.name)
        elif isinstance(node, ast.Module) and isinstance(inner, ast.Assign | ast.AnnAssign):
            target = inner.target if isinstance(inner, ast.AnnAssign) else inner.targets[0]
            where = (inner.lineno, target.id if isinstance(target, ast.Name) else "")
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str) and _IDS.fullmatch(inner.value):
            yield from ((each, *where) for each in inner.value.split())
        yield from _in_literals(inner, *where)
