"""What the annotations of the model say, as plain tuples that the writer and the reader are made from."""

from __future__ import annotations

from . import model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    # (JSON name, field, kind or record class, many, required, nullable, value when absent);
    # many is None, "tuple", "Some" or "Unique"
    Property = tuple[str, str, str | type[model.Entry], str | None, bool, bool, Any]

_MANY = ("tuple", "Some", "Unique")


def properties(record: type[model.Entry]) -> list[Property]:
    """The properties of a record of the model in the order of writing: a subclass's own first."""
    result: list[Property] = []
    for part in record.__mro__:
        if issubclass(part, model.Entry):
            written = part.__dict__.get("__annotations__", {})  # noqa: RUF063 - `inspect` would cost more than all the rest
            result += [_property(record, name, written[name]) for name in written if name[0] != "_"]
    return result


def _property(record: type[model.Entry], name: str, annotation: str) -> Property:
    outer, _, inner = annotation.removesuffix(" | None").partition("[")
    kind = inner.removesuffix("]").removesuffix(", ...") if inner else outer
    default = record._defaults.get(name, _NONE)
    required = default is _NONE or bool(default)  # a default that says something is written
    found: Any = model.__dict__.get(kind, kind)  # the name of a record is its class, that of a kind stays a name
    many = outer if outer in _MANY else None
    return camel(name), name, found, many, required, outer == "Nullable", None if required else default


_NONE = object()


def camel(name: str) -> str:
    """`mount_point` as the schema writes it: `mountPoint`."""
    if "_" not in name:
        return name
    head, *rest = name.split("_")
    return head + "".join([part.capitalize() for part in rest])
