"""The reader: bytes to an image, or a refusal that says what is wrong and where (spec chapter 3).

Checks go from the outside in, and the first fault is told: the text (`parse`), format and version, what the image
requires, each property (`kinds`, by the model's own list), each record (`rules`), the document as a whole (`rules`).
"""

from __future__ import annotations

from ..errors import Refusal
from . import model, rules, usual
from .fault import Fault, pointer, shown
from .kinds import KINDS, version
from .lines import tree_with_layers
from .parse import text_of, tree
from .shape import properties

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Reader = Callable[[Any], Any]

FORMAT = "overlay-source-image"
MAJOR = 1
KNOWN_REQUIRES: frozenset[str] = frozenset()
ROLES = ("upper", "lower", "data")
MOST_EXTENTS = 340


def decode(data: bytes) -> model.Image:
    """The image in these bytes. Words of `state` and `assurance` unknown here come back as `unknown` and `none`.

    Raises Refusal with a code of the categories bad-image and unsupported; its subject is a JSON pointer.
    """
    try:
        return _decode(data)
    except Fault as fault:
        place = pointer(reversed(fault.at))
        raise Refusal(fault.code, f"{place or 'the document'} {fault.what}", place) from None


def _decode(data: bytes) -> model.Image:
    text = text_of(data)
    root = tree_with_layers(text) or tree(text)
    if not isinstance(root, dict):
        raise Fault("not-by-schema", f"is {shown(root)}, not an object")
    if root.get("format") != FORMAT:
        was = f"is {shown(root['format'])}" if "format" in root else "is not there"
        raise Fault("not-by-schema", f"{was}; an image has the format `{FORMAT}`", "format")
    _refuse_major(root)
    _refuse_unknown(root)
    image: model.Image = _READERS[model.Image](root)
    rules.check(image)
    return rules.as_known(image)


def _refuse_major(root: dict[str, Any]) -> None:
    if "version" not in root:
        raise Fault("not-by-schema", "has no `version`")
    try:
        major = int(version(root["version"]).partition(".")[0])
    except Fault as fault:
        fault.at.append("version")
        raise
    if major != MAJOR:
        raise Fault("unsupported-version", f"is {root['version']}; this program reads {MAJOR}.x", "version")


def _refuse_unknown(root: dict[str, Any]) -> None:
    """What an image requires wins over its faults, so this looks before anything else is known to be right."""
    for at, part in _requiring(root):
        way = tuple(reversed(at))
        for index, word in enumerate(_list(part.get("requires"))):
            if isinstance(word, str) and word not in KNOWN_REQUIRES:
                raise Fault(
                    "unsupported-requires", f"is {shown(word)}, which this program lacks", index, "requires", *way
                )
        role = part.get("role")
        if "layers" in at and isinstance(role, str) and role not in ROLES:
            raise Fault("unsupported-role", f"is {shown(role)}, which this program does not know", "role", *way)


def _requiring(root: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """The objects that require something, or may, with the way to each, from the outside in."""
    yield (), root
    for index, overlay in _objects(root.get("overlays")):
        at = ("overlays", index)
        yield at, overlay
        for number, layer in _objects(overlay.get("layers")):
            if "requires" in layer or layer.get("role") not in ROLES:
                yield (*at, "layers", number), layer
        if isinstance(overlay.get("work"), dict):
            yield (*at, "work"), overlay["work"]


def _objects(value: object) -> list[tuple[int, dict[str, Any]]]:
    return [(index, item) for index, item in enumerate(_list(value)) if isinstance(item, dict)]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


class _Readers(dict[type[model.Entry], "Reader"]):
    """The reader of each class of record, made when it is first asked for."""

    def __missing__(self, record: type[model.Entry]) -> Reader:
        made = self[record] = _record(record)
        return made


_READERS = _Readers()


def _record(record: type[model.Entry]) -> Reader:
    """A reader of objects of this class."""
    steps = {
        name: (field, _property(kind, many), nullable)
        for name, field, kind, many, _required, nullable, _absent in properties(record)
    }
    required = {name for name, *_, needed, _nullable, _absent in properties(record) if needed}
    has_missing = "missing" in record._fields
    check = rules.OF_RECORDS.get(record)
    may_be_usual = record is model.Layer

    def read(value: object) -> model.Entry:
        if may_be_usual:
            if type(value) is record:
                return value  # read by its line
            if layer := usual.layer(value):
                return layer
        if not isinstance(value, dict):
            raise Fault("not-by-schema", f"is {shown(value)}, not an object")
        if not required <= value.keys():
            raise Fault("not-by-schema", f"has no `{min(required - value.keys())}`")
        state: dict[str, Any] = {}
        nulls: set[str] = set()
        for name, item in value.items():
            if name not in steps:
                continue
            field, one, nullable = steps[name]
            if item is None and nullable:
                state[field] = None
                nulls.add(name)
            else:
                try:
                    state[field] = one(item)
                except Fault as fault:
                    fault.at.append(name)
                    raise
        if has_missing and (nulls or "missing" in state):
            _check_nulls(value, nulls, dict(state.get("missing", ())))
            state["missing"] = tuple(pair for pair in state.get("missing", ()) if pair[0] in nulls)
        result = record(**state)
        return check(result) if check else result

    return read


def _check_nulls(value: dict[str, Any], nulls: set[str], explained: dict[str, str]) -> None:
    """A property is null exactly where `missing` names it (spec OVSI-IMG-017, OVSI-IMG-018)."""
    for name in nulls:
        if name not in explained:
            raise Fault("bad-null", "is null, and `missing` does not say why", name)
    for name in explained:
        if name not in value or value[name] is not None:
            raise Fault("bad-null", "explains a property that is not null", name, "missing")


def _property(kind: str | type[model.Entry], many: str | None) -> Reader:
    one = KINDS[kind] if isinstance(kind, str) else _READERS[kind]
    if many is None:
        return one
    most = MOST_EXTENTS if kind is model.IdRange else None

    def read(value: object) -> tuple[Any, ...]:
        if type(value) is not list:
            raise Fault("not-by-schema", f"is {shown(value)}, not an array")
        if many == "Some" and not value:
            raise Fault("not-by-schema", "is empty")
        if most and len(value) > most:
            raise Fault("not-by-schema", f"has {len(value)} elements; {most} at most")
        index, result = 0, []
        try:
            for index, item in enumerate(value):  # noqa: B007 - the exception needs it
                result.append(one(item))
        except Fault as fault:
            fault.at.append(index)
            raise
        if many == "Unique" and len(set(result)) < len(result):
            raise Fault("not-by-schema", "has an element twice")
        return tuple(result)

    return read
