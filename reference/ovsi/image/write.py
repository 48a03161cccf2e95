"""The writer: image to bytes, the same bytes for the same image; JSON for people too, a layer a line.

The `json` module is not imported: that would take longer than all that is done here.
"""

from __future__ import annotations

from binascii import b2a_base64

from . import model
from .shape import properties
from .strings import string

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    Encoder = Callable[[Any], str]
    Step = tuple[str, str, Encoder, Any]  # (field, '"name": ', encoder, the value that is left out)


def encode(image: model.Image) -> bytes:
    """The whole document, UTF-8, ending in a newline."""
    return b"".join(chunks(image))


def chunks(image: model.Image) -> Iterator[bytes]:
    """The document in pieces: the tables, then one an overlay."""
    tables = ",\n ".join(_parts(image, _IMAGE_STEPS[:-1]))
    yield f'{{\n "format": "overlay-source-image",\n {tables},\n "overlays": ['.encode()
    comma = ""
    for overlay in image.overlays:
        yield f"{comma}\n  {{\n   {_OVERLAY_LINE.join(_parts(overlay, _OVERLAY_STEPS))}\n  }}".encode()
        comma = ","
    yield b"\n ]\n}\n"


def bytes_(value: bytes) -> str:
    """Bytes: a string where they are UTF-8, else an object with their base64."""
    try:
        return string(value.decode())
    except UnicodeDecodeError:
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
    state = record.__dict__
    if state.get("missing"):
        return _parts_with_nulls(state, steps)
    return [head + encoder(state[field]) for field, head, encoder, absent in steps if state[field] is not absent]


def _parts_with_nulls(state: dict[str, Any], steps: Iterable[Step]) -> list[str]:
    nulls = {name for name, _sentence in state["missing"]}
    return [
        head + ("null" if state[field] is None else encoder(state[field]))
        for field, head, encoder, absent in steps
        if state[field] is not absent or field in nulls
    ]


def _inline(kind: type[model.Entry]) -> Encoder:
    """An encoder of records of this class on one line."""
    steps = _STEPS.get(kind) or _STEPS.setdefault(kind, _steps(kind))

    def encoder(record: model.Entry) -> str:
        return "{" + ", ".join(_parts(record, steps)) + "}"

    if kind is model.Layer:
        return lambda layer: _usual_layer(layer.__dict__) or encoder(layer)
    return encoder


# What a dump may have a million of, in the form that nearly all have, by hand; None for any other form. A test holds
# these equal to the general way, which takes three times as long.


def _usual_layer(state: dict[str, Any]) -> str | None:
    if state["identity"] is None or state["location"] is None or any(map(state.__getitem__, _RARE)):
        return None
    identity, place = _usual_identity(state["identity"].__dict__), _usual_place(state["location"].__dict__)
    if identity is None or place is None or None in (state["declared"], state["path"], state["method"]):
        return None
    return (
        f'{{"role": {_word(state["role"])}, "declared": {bytes_(state["declared"])}, "identity": {identity}, '
        f'"path": {bytes_(state["path"])}, "state": {_word(state["state"])}, "assurance": {_word(state["assurance"])}, '
        f'"method": {_word(state["method"])}, "location": {place}}}'
    )


def _usual_identity(state: dict[str, Any]) -> str | None:
    if state["missing"] or state["generation"] is None or state["subvolume"] is not None or state["handle"] is None:
        return None
    handle = state["handle"].__dict__
    if handle["made_by"] is None:
        return None
    return (
        f'{{"filesystem": {_word(state["filesystem"])}, "inode": "{state["inode"]}", "generation": '
        f'{state["generation"]}, "handle": {{"type": {handle["type"]}, "bytes": "{handle["bytes"].hex()}", '
        f'"madeBy": {_word(handle["made_by"])}}}}}'
    )


def _usual_place(state: dict[str, Any]) -> str | None:
    if state["mount"] is None:
        return None
    return f'{{"mount": {_word(state["mount"])}, "path": {bytes_(state["path"])}}}'


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
            one = _repeated(one) if line and kind is not model.Layer else one
        elif nullable and required:
            one = _or_null(one)
        steps.append((field, f'"{name}": ', one, _NOTHING if required else absent))
    return steps


_NOTHING = object()  # what a required property is never
_RARE = ("candidate", "idmap", "reason", "requires", "missing")  # of a layer: mostly absent, and false then
_OVERLAY_LINE = ",\n   "
_STEPS: dict[type[model.Entry], list[Step]] = {}
_OVERLAY_STEPS = _STEPS[model.Overlay] = _steps(model.Overlay, "\n   ")
_IMAGE_STEPS = _STEPS[model.Image] = _steps(model.Image, "\n ")
