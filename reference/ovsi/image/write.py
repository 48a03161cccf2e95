"""The writer: image to bytes, the same bytes for the same image; JSON for people too, a layer a line.

The `json` module is not imported: that would take longer than all that is done here.
"""

from __future__ import annotations

from . import model
from .frames import BEFORE_GENERATION, BEGIN_OF_ARRAY, BEGIN_OF_LINE, END, END_OF_ARRAY, frame_of
from .shape import properties
from .strings import string

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    Encoder = Callable[[Any], str]
    Step = tuple[int, str, str, Encoder, Any]  # (number and name of the field, '"name": ', encoder, what is left out)


def encode(image: model.Image) -> bytes:
    """The whole document, UTF-8, ending in a newline."""
    return b"".join(chunks(image))


def chunks(image: model.Image) -> Iterator[bytes]:
    """The document in pieces of some kilobytes: copies of a whole one take longer to get memory for than to make."""
    texts: list[str] = []
    for text in _texts(image):
        texts.append(text)
        if len(texts) == _MANY:
            yield "".join(texts).encode()
            texts.clear()
    yield "".join(texts).encode()


def _texts(image: model.Image) -> Iterator[str]:
    """The tables, and of each overlay its layers, of which there may be hundreds, each for itself."""
    tables = ",\n ".join(_parts(image, _IMAGE_STEPS[:-1]))
    yield f'{{\n "format": "overlay-source-image",\n {tables},\n "overlays": ['
    one_layer = _remembered(_layer) if len(image.overlays) > 1 else _layer
    comma = ""
    for overlay in image.overlays:
        yield f"{comma}\n  {{\n   {_OVERLAY_LINE.join(_parts(overlay, _BEFORE_LAYERS))}{_OVERLAY_LINE}{BEGIN_OF_ARRAY}"
        layers = map(one_layer, overlay.layers)
        yield next(layers)[1:]  # without a comma before it
        yield from layers
        yield END_OF_ARRAY
        for part in _parts(overlay, _AFTER_LAYERS):
            yield _OVERLAY_LINE + part
        yield "\n  }"
        comma = ","
    yield "\n ]\n}\n"


def bytes_(value: bytes) -> str:
    """Bytes: a string where they are UTF-8, else an object with their base64."""
    try:
        return string(value.decode())
    except UnicodeDecodeError:
        from binascii import b2a_base64  # most names are UTF-8

        return f'{{"base64": "{b2a_base64(value, newline=False).decode()}"}}'


def _missing(value: model.Missing) -> str:
    return "{" + ", ".join([f"{string(name)}: {string(sentence)}" for name, sentence in value]) + "}"


class _Words(dict[str, str]):
    """Strings that come again and again, encoded once."""

    def __missing__(self, value: str) -> str:
        encoded = self[value] = string(value)
        return encoded


_word = _Words().__getitem__
_ENCODERS: dict[str, Encoder] = {  # every other kind is a string
    **dict.fromkeys(("Id", "Word", "StateWord", "Role", "Basis", "Stability", "Name"), _word),
    **dict.fromkeys(("U32", "Count", "MountNumber", "PeerGroup", "ProcessId", "HandleType"), str),
    **dict.fromkeys(("Flag", "bool"), lambda value: "true" if value else "false"),
    **dict.fromkeys(("Bytes", "Path"), bytes_),
    "Hex": lambda value: f'"{value.hex()}"',
    "U64": lambda value: f'"{value}"',
    "Missing": _missing,
}


def _parts(record: model.Entry, steps: Iterable[Step]) -> list[str]:
    """The properties of a record that are written, each with its name."""
    values: Any = record  # which is a tuple
    if missing := getattr(record, "missing", ()):
        return _parts_with_nulls(values, {name for name, _sentence in missing}, steps)
    return [head + encoder(values[at]) for at, _, head, encoder, absent in steps if values[at] is not absent]


def _parts_with_nulls(values: Any, nulls: set[str], steps: Iterable[Step]) -> list[str]:
    return [
        head + ("null" if values[at] is None else encoder(values[at]))
        for at, field, head, encoder, absent in steps
        if values[at] is not absent or field in nulls
    ]


def _inline(kind: type[model.Entry]) -> Encoder:
    """An encoder of records of this class on one line."""
    steps: list[Step] = []

    def encoder(record: model.Entry) -> str:
        if not steps:  # most images have no record of most classes
            steps.extend(_steps(kind))
        return "{" + ", ".join(_parts(record, steps)) + "}"

    return (lambda work: _usual(work, "") or encoder(work)) if kind is model.Source else encoder


# What a dump may have a million of, in the form that nearly all have, by hand; None for any other form. A test holds
# these equal to the general way, which takes three times as long.


def _usual(source: model.Source, role: str) -> str | None:
    values: Any = source  # a tuple, as are its parts
    declared, identity, path, state, assurance, method, place, candidate, idmap, reason, requires, missing = values[:12]
    if candidate or idmap or reason or requires or missing or identity is None or place is None:
        return None
    filesystem, inode, generation, subvolume, handle, unknown = identity
    if unknown or generation is None or subvolume is not None or handle is None:
        return None
    mount, _process, below = place
    kind, data, made_by = handle
    if declared is None or path is None or method is None or mount is None or made_by is None:
        return None
    head, before_inode, before_bytes, before_path, before_place = frame_of(
        (role, filesystem, kind, made_by, state, assurance, method, mount)
    )
    inside = bytes_(path)
    return (
        f"{head}{bytes_(declared)}{before_inode}{inode}{BEFORE_GENERATION}{generation}{before_bytes}{data.hex()}"
        f"{before_path}{inside}{before_place}{inside if below == path else bytes_(below)}{END}"
    )


def _layer(layer: model.Layer) -> str:
    """A layer with the comma and the line's begin before it."""
    return f",{BEGIN_OF_LINE}{_usual(layer, layer.role) or _any_layer(layer)}"


def _repeated(one: Encoder) -> Encoder:
    """An encoder that keeps the last value: what one overlay has, the next often has too, as the same object."""
    last: Any = None
    text = ""

    def encoder(value: Any) -> str:
        nonlocal last, text
        if value is not last:
            text = one(value)
            last = value
        return text

    return encoder


_MOST_REMEMBERED = 4096  # the lowers of an image that many overlays share, and then some


def _remembered(one: Encoder) -> Encoder:
    """An encoder that keeps many values: overlays have layers in common, as the same objects."""
    known: dict[int, tuple[Any, str]] = {}  # by their ids, which are their own as long as they are kept here

    def encoder(value: Any) -> str:
        found = known.get(id(value))
        if found is not None:
            return found[1]
        text = one(value)
        if len(known) < _MOST_REMEMBERED:
            known[id(value)] = value, text
        return text

    return encoder


def _array(one: Encoder, line: str) -> Encoder:
    """An encoder of arrays; `line` is what a line begins with where each element has its own, else empty."""

    def on_lines(values: tuple[Any, ...]) -> str:
        return f"[{line} {f',{line} '.join(map(one, values))}{line}]" if values else "[]"

    def inline(values: tuple[Any, ...]) -> str:
        return "[" + ", ".join(map(one, values)) + "]"

    return on_lines if line else inline


def _or_null(one: Encoder) -> Encoder:
    return lambda value: "null" if value is None else one(value)


def _steps(record: type[model.Entry], line: str = "") -> list[Step]:
    """How a record is written; `line`: what its lines begin with, where it has more than one."""
    steps: list[Step] = []
    for name, field, kind, many, required, nullable, absent in properties(record):
        one = _ENCODERS.get(kind, string) if isinstance(kind, str) else _inline(kind)
        if many:
            one = _array(one, "" if isinstance(kind, str) else line)
            one = _repeated(one) if line else one
        elif nullable and required:
            one = _or_null(one)
        steps.append((record._fields.index(field), field, f'"{name}": ', one, _NOTHING if required else absent))
    return steps


_NOTHING = object()  # what a required property is never
_MANY = 64  # texts in a piece of the document
_OVERLAY_LINE = ",\n   "
_IMAGE_STEPS = _steps(model.Image, "\n ")
_BEFORE_LAYERS = _steps(model.Overlay, "\n   ")
_AT = [field for _, field, *_ in _BEFORE_LAYERS].index("layers")
_AFTER_LAYERS = _BEFORE_LAYERS[_AT + 1 :]
del _BEFORE_LAYERS[_AT:]
_any_layer = _inline(model.Layer)
