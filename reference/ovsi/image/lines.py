"""Layers that stand on lines of their own, as the writer puts them, taken apart without the general scanner.

An image of 500 layers is nearly all such lines, and the scanner makes four objects of each first. What is not in
exactly that form, or has a fault, is left to the general way, which tells the fault. A test holds the two equal.
"""

from __future__ import annotations

from ..record import unchecked
from . import model, usual
from .fault import Fault
from .frames import BEFORE_GENERATION, BEGIN_OF_ARRAY, BEGIN_OF_LINE, END, END_OF_ARRAY, frame_of
from .kinds import path
from .parse import tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MARK = "8446744073709551"
"""Begins the numbers that stand for layers: a number can be written in one way only, and none in the text is so."""
_MOST_FRAMES = 16


def tree_with_layers(text: str) -> object | None:
    """The tree of a document, its layers read already. None where the general way is to tell, of faults too."""
    head, *parts = text.split(BEGIN_OF_ARRAY + BEGIN_OF_LINE)
    rest = [head]
    known: list[_Frame] = []
    arrays: list[list[model.Layer]] = []
    for number, part in enumerate(parts):
        lines, end, after = part.partition(END_OF_ARRAY)
        if not end or "\\" in lines:
            return None
        layers = []
        for line in lines.split("," + BEGIN_OF_LINE):
            layer = _layer(line, known)
            if layer is None:
                return None
            layers.append(layer)
        arrays.append(layers)
        rest += (f"{BEGIN_OF_ARRAY}{_MARK}{number:05}]", after)
    if not arrays or any(_MARK in part for part in rest[::2]):
        return None
    try:
        root = tree("".join(rest))
    except Fault:
        return None
    return root if _put_back(root, arrays) else None


def _put_back(root: object, arrays: list[list[model.Layer]]) -> bool:
    """Put the layers in the places of their numbers, if each overlay has its own; others are of what is ignored."""
    overlays = root.get("overlays") if type(root) is dict else None
    if type(overlays) is not list:
        return False
    for number, overlay in enumerate(overlays):
        if type(overlay) is not dict or overlay.get("layers") != [int(f"{_MARK}{number:05}")]:
            return False
        overlay["layers"] = arrays[number]
    return True


class _Frame:
    """A frame, and what all layers in it have in common."""

    def __init__(self, like: model.Layer) -> None:
        """Of a layer in the usual form, in which nothing is None that is asked for here."""
        values: Any = like
        _declared, identity, _path, state, assurance, method, place, *self.others = values
        filesystem, _inode, _generation, _subvolume, handle, _missing = identity
        kind, _data, made_by = handle
        self.texts = frame_of((like.role, filesystem, kind, made_by, state, assurance, method, place.mount))
        self.words = filesystem, kind, made_by, place.mount, state, assurance, method


def _layer(line: str, known: list[_Frame]) -> model.Layer | None:
    """The layer on a line, by the frames of lines before, the last one first; None of any other form."""
    for frame in reversed(known):
        if line.startswith(frame.texts[0]):
            found = _in_frame(line, frame)
            if found is not None:
                return found
    whole = line.startswith('{"role": "') and line.endswith(END) and "\n" not in line
    if not whole or len(known) == _MOST_FRAMES:
        return None  # and to scan a part of an object would be to import `json` for the scanner's complaint
    try:
        layer = usual.layer(tree(line))
    except Fault:
        return None
    if layer is None:
        return None
    known.append(_Frame(layer))
    return _in_frame(line, known[-1])


def _in_frame(line: str, frame: _Frame) -> model.Layer | None:
    """The layer on a line without backslashes, which begins as the frame does, if the rest is in the frame too."""
    head, before_inode, before_bytes, before_path, before_place = frame.texts
    declared, _, rest = line[len(head) :].partition(before_inode)
    inode, _, rest = rest.partition(BEFORE_GENERATION)
    generation, _, rest = rest.partition(before_bytes)
    digits, _, rest = rest.partition(before_path)
    inside, _, rest = rest.partition(before_place)
    below, end, after = rest.partition(END)
    if not end or after:  # nor is there any end where something before was missing
        return None
    try:
        data, number, version = bytes.fromhex(digits), int(inode), int(generation)
        if data.hex() != digits or not data or str(number) != inode or str(version) != generation:
            return None
        if number >> 64 or version >> 32:
            return None
        name, inside_path = _string(declared).encode(), path(_string(inside))
        below_path = inside_path if below == inside else path(_string(below))
    except (ValueError, Fault):
        return None
    filesystem, kind, made_by, mount, state, assurance, method = frame.words
    made = unchecked(model.Handle, (kind, data, made_by))
    known = unchecked(model.Identity, (filesystem, number, version, None, made, ()))
    at = unchecked(model.Place, (mount, None, below_path))
    return unchecked(model.Layer, (name, known, inside_path, state, assurance, method, at, *frame.others))


def _string(token: str) -> str:
    """What a string of JSON without escapes says. Raises ValueError for anything else, or where it can't be plain."""
    before, inner, after = token.split('"')
    if before or after or not inner.isprintable():
        raise ValueError(token)
    return inner
