"""The modules that a command always needs, as one module: what `ovsi.start` runs in their place (decision 0006).

Each module becomes a function of which only the code is used: it is run in the namespace of the module, all of whose
names are declared global in it. What serves readers and type checkers alone stays behind: docstrings, annotations of
functions and variables, what is imported for these. Annotations of classes are kept, as the strings that they are below
`from __future__ import annotations`: records are made of them.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ovsi import start

REFERENCE = Path(__file__).parents[1] / "reference"
COMMANDS = {
    "dump": ("ovsi.cli.dump", "ovsi.dump", "ovsi.introspect.introspector", "ovsi.image.write"),
    "validate": ("ovsi.cli.validate", "ovsi.image.read"),
    "restore": ("ovsi.cli.restore", "ovsi.plan.make", "ovsi.restore.run", "ovsi.image.read"),
}
"""By command, modules that every run imports; what they import themselves need not be named."""


class Group(NamedTuple):
    """A file with what many runs import together: the command that has made its own by then, roots beside the first."""

    after: str
    others: tuple[str, ...] = ()


GROUPS = {"of_climb": Group("dump", ("ovsi.discover.search",)), "of_introspection": Group("restore")}
"""By the names that `ovsi.start` has for the files."""

_UNWANTED = ("ovsi", "ovsi.start", "ovsi.signals")
"""Modules that have run by then."""
_HEAD = '"""Made of the modules of this package when it was built (distribution/at_once.py): change those."""'


def source(command: str) -> str:
    """The text of the module for a command, or for a group."""
    names = list(_in_order(_roots(command)))
    if command in GROUPS:
        known = set(_in_order(COMMANDS[GROUPS[command].after]))
        names = [name for name in names if name not in known]
    functions = [ast.unparse(_function(name, f"_{number}")) for number, name in enumerate(names)]
    rows = [f"    ({name!r}, {_is_package(name)}, _{number}.__code__)," for number, name in enumerate(names)]
    return "\n\n\n".join([_HEAD, *functions, "\n".join(["MODULES = (", *rows, ")"])]) + "\n"


def _roots(command: str) -> tuple[str, ...]:
    if command in COMMANDS:
        return COMMANDS[command]
    return (*(first for first, file in start.GROUPS.items() if file == command), *GROUPS[command].others)


def _in_order(roots: tuple[str, ...]) -> Iterator[str]:
    """The modules and all that they import at once, each after those it needs; in the order of the import system."""
    seen = set(_UNWANTED)

    def visit(name: str) -> Iterator[str]:
        if parent := name.rpartition(".")[0]:
            yield from visit(parent)  # which may import it
        if name not in seen:
            seen.add(name)
            for other in _imported(name):
                yield from visit(other)
            yield name

    for root in roots:
        yield from visit(root)


def _path(name: str) -> Path:
    place = REFERENCE / name.replace(".", "/")
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def _is_package(name: str) -> bool:
    return _path(name).name == "__init__.py"


def _imported(name: str) -> Iterator[str]:
    """Modules of the package that a module imports when it is run."""
    package = name if _is_package(name) else name.rpartition(".")[0]
    for statement in _run_at_once(_stripped(name).body):
        if isinstance(statement, ast.ImportFrom) and statement.level:
            parts = package.split(".")
            base = ".".join([*parts[: len(parts) - statement.level + 1], *filter(None, [statement.module])])
            yield base
            yield from (each for alias in statement.names if _path(each := f"{base}.{alias.name}").exists())


def _run_at_once(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements outside functions, those in branches among them."""
    for statement in body:
        yield statement
        if not isinstance(statement, ast.FunctionDef):
            for _field, value in ast.iter_fields(statement):
                if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                    yield from _run_at_once(value)


def _function(name: str, called: str) -> ast.FunctionDef:
    """A module as a function that declares all of its names global."""
    tree = _stripped(name)
    names = sorted(
        symbol.get_name()
        for symbol in symtable.symtable(ast.unparse(tree), name, "exec").get_symbols()
        if symbol.is_assigned() or symbol.is_imported()
    )
    body: list[ast.stmt] = [ast.Global(names), *tree.body] if names else [*tree.body, ast.Pass()]
    nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    made = ast.FunctionDef(name=called, args=nothing, body=body, decorator_list=[])
    return ast.fix_missing_locations(made)


def _stripped(name: str) -> ast.Module:
    path = _path(name)
    tree = _Strip().visit(ast.parse(path.read_text(encoding="utf-8"), str(path)))
    assert isinstance(tree, ast.Module)
    return tree


class _Strip(ast.NodeTransformer):
    """Leaves what a run needs."""

    def __init__(self) -> None:
        self._fields: set[int] = set()  # annotations of the class that is visited

    def visit_Expr(self, node: ast.Expr) -> ast.stmt | None:
        """A string by itself is a docstring."""
        return None if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str) else node

    def visit_If(self, node: ast.If) -> ast.stmt | list[ast.stmt]:
        self.generic_visit(node)
        checking = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        return node.orelse if checking else node

    def visit_Import(self, node: ast.Import) -> ast.stmt:
        for alias in node.names:
            if alias.name == "struct":  # which imports all of `_struct` and holds nothing else
                alias.name, alias.asname = "_struct", "struct"
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt | None:
        return None if node.module == "__future__" else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt | None:
        if id(node) in self._fields:
            node.annotation = ast.copy_location(ast.Constant(ast.unparse(node.annotation)), node.annotation)
            return node
        return None if node.value is None else ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        fields = {id(each) for each in node.body if isinstance(each, ast.AnnAssign)}
        self._fields |= fields
        self.generic_visit(node)
        self._fields -= fields
        node.body = node.body or [ast.Pass()]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        self.generic_visit(node)
        node.returns = None
        node.body = node.body or [ast.Pass()]
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node
