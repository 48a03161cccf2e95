"""Bytes to a tree of plain values: the rules of spec 3.2 that hold for the text, whatever it says.

The scanner is the one below the standard `json` module, taken without that module where it can be: importing `json`
costs as much as reading an image of 500 layers.
"""

from __future__ import annotations

import sys

from .fault import Fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 64
_SPACE = " \t\r\n"
_LONGEST_INTEGER = 400  # digits; more than any number here may have, fewer than `int` refuses
_HUGE: int = 10**_LONGEST_INTEGER  # stands for all that are longer


class Fraction(str):
    """A number written with a fraction or an exponent, as it stood."""

    __slots__ = ()


class _Repeating(dict[str, object]):
    """An object that had a key twice."""

    key = ""


class _Hooks:
    """What the scanner does with numbers and objects, and what it met on the way (its context, in its own words)."""

    strict = True
    object_hook = None
    memo: dict[str, str]

    def __init__(self) -> None:
        self.memo = {}
        self.parse_int: Callable[[str], int] = int  # which the scanner knows, so that it does not come here
        self.object_pairs_hook: Callable[[list[tuple[str, object]]], object] | None = None  # a plain dict then
        self.fractions = False
        self.repeated = False

    def watch_keys(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        result = dict(pairs)
        if len(result) == len(pairs):
            return result
        self.repeated = True
        marked = _Repeating(result)
        seen: set[str] = set()
        marked.key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # None: seen now
        return marked

    def parse_float(self, digits: str) -> Fraction:
        self.fractions = True
        return Fraction(digits)

    def parse_any_int(self, digits: str) -> int:
        if len(digits) <= _LONGEST_INTEGER:
            return int(digits)
        return -_HUGE if digits[0] == "-" else _HUGE

    def parse_constant(self, word: str) -> object:
        raise Fault("not-json", f"holds {word}, which is no JSON number")


def text_of(data: bytes) -> str:
    """The text in these bytes. Raises Fault for what breaks spec 3.2."""
    if len(data) > MAX_BYTES:
        raise Fault("too-large", f"has more than {MAX_BYTES:,} bytes")
    return _decode(data)


def tree(text: str) -> object:
    """The document in a text. Raises Fault for what breaks spec 3.2."""
    hooks = _Hooks()
    root = _scan(text, hooks)
    if _pairs(root) != text.count('":') or _has_keys_apart(text):  # a key twice, or seemingly so
        hooks.object_pairs_hook = hooks.watch_keys
        root = _scan(text, hooks)
    if hooks.repeated:
        _refuse_repeated(root)
    if "\\ud" in text or "\\uD" in text:
        _refuse_surrogates(root)
    if "\\u0000" in text:
        _refuse_nul(root)
    if hooks.fractions:
        _refuse_fractions(root)
    return root


def walk(root: object) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Every value of the tree with the way to it, outermost step first."""
    waiting: list[tuple[tuple[str | int, ...], object]] = [((), root)]
    while waiting:
        at, value = waiting.pop()
        yield at, value
        if isinstance(value, dict):
            waiting += [((*at, key), item) for key, item in reversed(value.items())]
        elif isinstance(value, list):
            waiting += [((*at, index), value[index]) for index in reversed(range(len(value)))]


def _decode(data: bytes) -> str:
    if data.startswith(b"\xef\xbb\xbf"):
        raise Fault("not-utf8", "begins with a byte order mark")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Fault("not-utf8", f"is not UTF-8 at byte {error.start}") from None


def _scan(text: str, hooks: _Hooks) -> object:
    start = len(text) - len(text.lstrip(_SPACE))
    try:
        root, end = _scanner(hooks)(text, start)
    except StopIteration as stop:
        raise Fault("not-json", _place(text, "no value", stop.value)) from None
    except RecursionError:
        raise Fault("too-large", f"is nested more than {MAX_DEPTH} levels deep") from None
    except ValueError as error:
        if hooks.parse_int is int and not hasattr(error, "pos"):  # it refused to read thousands of digits
            hooks.parse_int = hooks.parse_any_int
            return _scan(text, hooks)
        raise Fault("not-json", _place(text, getattr(error, "msg", str(error)), getattr(error, "pos", 0))) from None
    except SystemError:
        if "json.decoder" in sys.modules:
            raise
        import json.decoder  # noqa: F401 - the scanner found a fault, and wanted this module's exception for it

        return _scan(text, hooks)
    rest = end + len(text[end:]) - len(text[end:].lstrip(_SPACE))
    if rest < len(text):
        raise Fault("not-json", _place(text, "something after the document", rest))
    return root


def _scanner(hooks: _Hooks) -> Callable[[str, int], tuple[object, int]]:
    try:
        from _json import make_scanner
    except ImportError:  # another implementation of Python
        from json import JSONDecoder

        names = ("object_pairs_hook", "parse_float", "parse_int", "parse_constant")
        decoder: Any = JSONDecoder(**{name: getattr(hooks, name) for name in names})
        return decoder.scan_once  # type: ignore[no-any-return]  # which typeshed lacks
    return make_scanner(hooks)  # type: ignore[arg-type]  # takes whatever has these attributes


def _place(text: str, what: str, at: int) -> str:
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    return f"is not JSON: line {line}, column {column}: {what[:1].lower()}{what[1:]}"


def _pairs(root: object) -> int:
    """How many keys the objects of a tree have. Raises Fault: too-large where it is nested too deeply.

    The text has a quote and a colon for each, so one key more where one came twice; more yet where a string has both.
    """
    pairs, level = 0, [root]
    for _depth in range(MAX_DEPTH + 1):
        objects = [value for value in level if type(value) is dict]
        arrays = [value for value in level if type(value) is list]
        if not objects and not arrays:
            return pairs
        pairs += sum(map(len, objects))
        level = [value for one in objects for value in one.values() if type(value) is not str]
        level += [value for some in arrays for value in some if type(value) is not str]
    raise Fault("too-large", f"is nested more than {MAX_DEPTH} levels deep")


def _has_keys_apart(text: str) -> bool:
    """Whether a key may stand apart from its colon."""
    return any(f"{space}:" in text for space in _SPACE if space in text)


def _refuse_repeated(root: object) -> None:
    for at, value in walk(root):
        if isinstance(value, _Repeating):
            raise Fault("duplicate-key", f"has the key `{value.key}` twice", *reversed(at))
    raise Fault("duplicate-key", "has a key twice in one object")  # in one that a repeated key hid


def _refuse_surrogates(root: object) -> None:
    for at, value in walk(root):
        for words in _strings(value):
            if not words.isascii() and any("\ud800" <= mark <= "\udfff" for mark in words):
                raise Fault("not-utf8", "holds a lone surrogate", *reversed(at))


def _refuse_nul(root: object) -> None:
    for at, value in walk(root):
        if any("\0" in words for words in _strings(value)):
            raise Fault("bad-bytes", "holds a NUL", *reversed(at))


def _refuse_fractions(root: object) -> None:
    for at, value in walk(root):
        if isinstance(value, Fraction):
            raise Fault("bad-number", f"is {value}; numbers here have no fraction and no exponent", *reversed(at))


def _strings(value: object) -> list[str]:
    """The value itself where it is a string, the keys where it is an object."""
    return list(value) if isinstance(value, dict) else [value] if isinstance(value, str) else []
