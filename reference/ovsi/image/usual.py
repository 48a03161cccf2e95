"""What an image has most of, and in the form that nearly all have: a proved layer with its place. Read by hand.

The general way (`read`) takes five times as long. Of an image in the layout that a dump writes, `lines` asks here for
one layer of a sort and reads the others itself; in any other layout each layer comes here. Tests hold the three equal.
"""

from __future__ import annotations

from _operator import itemgetter

from ..record import unchecked
from . import model, rules
from .fault import Fault
from .kinds import KINDS, path, raw

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LAYER = ("role", "declared", "identity", "path", "state", "assurance", "method", "location")
_IDENTITY = ("filesystem", "inode", "generation", "handle")
_HANDLE = ("type", "bytes", "madeBy")
_PLACE = ("mount", "path")
_in_layer, _in_identity, _in_handle, _in_place = (itemgetter(*names) for names in (_LAYER, _IDENTITY, _HANDLE, _PLACE))

_WORDS = tuple(KINDS[kind] for kind in ("Role", "StateWord", "StateWord", "Word", "Id", "MadeBy", "Id"))
_I31 = 1 << 31  # added to a handle's type, of 32 bits with a sign, it is one of 32 bits without
_good: set[tuple[object, ...]] = set()  # words that were found together before


def layer(value: Any) -> model.Layer | None:
    """The layer that an object of the document is; None where it is not in that form, or has a fault."""
    try:
        role, declared, identity, inside, state, assurance, method, place = _in_layer(value)
        filesystem, inode, generation, handle = _in_identity(identity)
        kind, digits, made_by = _in_handle(handle)
        mount, below = _in_place(place)
        if (len(value), len(identity), len(handle), len(place)) != _SIZES:
            return None
        words = (role, state, assurance, method, filesystem, made_by, mount)
        if words not in _good and not _are_good(words):
            return None
        data, number = bytes.fromhex(digits), int(inode)
        if data.hex() != digits or not data or str(number) != inode or number >> 64:
            return None
        if type(kind) is not int or type(generation) is not int or not 0 <= generation < 1 << 32 or kind + _I31 >> 32:
            return None
        inside_path = path(inside)
        made = unchecked(model.Handle, (kind, data, made_by))
        known = unchecked(model.Identity, (filesystem, number, generation, None, made, ()))
        at = unchecked(model.Place, (mount, None, inside_path if below == inside else path(below)))
        declared_name = raw(declared)
    except (KeyError, TypeError, ValueError, Fault):
        return None
    values = (declared_name, known, inside_path, state, assurance, method, at)
    return unchecked(model.Layer, (*values, *_REST, role))


_SIZES = tuple(map(len, (_LAYER, _IDENTITY, _HANDLE, _PLACE)))
_REST = tuple([model.Layer._defaults[name] for name in model.Layer._fields[7:-1]])


def _are_good(words: tuple[object, ...]) -> bool:
    """Whether each is a word of its kind, and they say: proved, and in reach. Raises Fault."""
    for kind, word in zip(_WORDS, words, strict=True):
        kind(word)
    _role, state, assurance, *_ = words
    if assurance != "proved" or state not in rules.REACHABLE:
        return False
    _good.add(words)
    return True
