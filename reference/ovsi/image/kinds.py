"""The kinds of value that the model's annotations name: one function each from JSON's value to Python's, or a Fault."""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64

from .fault import Fault, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Reader = Callable[[Any], Any]

_DIGITS = "0123456789"
_HEX = _DIGITS + "abcdef"
_LOWER = "abcdefghijklmnopqrstuvwxyz"
_LETTERS = _LOWER + _LOWER.upper()
_UUID = (8, 4, 4, 4, 12)


def string(value: object) -> str:
    """Any JSON string."""
    if type(value) is not str:
        raise Fault("not-by-schema", f"is {shown(value)}, not a string")
    return value


def text(value: object) -> str:
    """A string that is not empty."""
    if not string(value):
        raise Fault("not-by-schema", "is empty")
    return string(value)


def name(value: object) -> str:
    """The kernel's word: not empty, no NUL."""
    if "\0" in text(value):
        raise Fault("bad-bytes", "holds a NUL byte")
    return text(value)


def _of(what: str, first: str, rest: str, longest: int) -> Reader:
    """A reader of strings of these characters, named `what` in messages; most come again and again."""
    good: set[str] = set()

    def read(value: object) -> str:
        word = string(value)
        if word in good:
            return word
        if not word or word[0] not in first or word.strip(rest) or len(word) > longest:
            raise Fault("not-by-schema", f"is {shown(value)}, not {what}")
        good.add(word)
        return word

    return read


def _one_of(*words: str) -> Reader:
    def read(value: object) -> str:
        if string(value) not in words:
            raise Fault("not-by-schema", f"is {shown(value)}, not one of {', '.join(words)}")
        return string(value)

    return read


def _integer(least: int, most: int) -> Reader:
    def read(value: object) -> int:
        if type(value) is not int:
            raise Fault("not-by-schema", f"is {shown(value)}, not a number")
        if not least <= value <= most:
            raise Fault("bad-number", f"is {shown(value)}, not from {least} to {most}")
        return value

    return read


def _decimal(digits: str, longest: int) -> bool:
    """Whether it is a decimal number: no sign, no leading zero."""
    return digits.isdecimal() and digits.isascii() and len(digits) <= longest and (digits[0] != "0" or digits == "0")


def u64(value: object) -> int:
    """A decimal string of at most 2^64-1."""
    digits = string(value)
    if not _decimal(digits, 20) or int(digits) >= 2**64:
        raise Fault("bad-number", f"is {shown(value)}, not a decimal number of at most 2^64-1")
    return int(digits)


def device(value: object) -> str:
    """`major:minor`."""
    parts = string(value).split(":")
    if len(parts) != 2 or not all(_decimal(part, 10) for part in parts):
        raise Fault("not-by-schema", f"is {shown(value)}, not a device number `major:minor`")
    return string(value)


def version(value: object) -> str:
    """`major.minor`."""
    parts = string(value).split(".")
    if len(parts) != 2 or not all(_decimal(part, 5) for part in parts):
        raise Fault("not-by-schema", f"is {shown(value)}, not a version `major.minor`")
    return string(value)


def uuid(value: object) -> str:
    """A UUID in lower case."""
    parts = string(value).split("-")
    if tuple(map(len, parts)) != _UUID or any(part.strip(_HEX) for part in parts):
        raise Fault("not-by-schema", f"is {shown(value)}, not a UUID in lower case")
    return string(value)


def timestamp(value: object) -> str:
    """`2025-01-31T12:00:00Z`, with up to nine digits of a fraction."""
    stamp = string(value)
    seconds, dot, fraction = stamp.removesuffix("Z").partition(".")
    form = "".join(["0" if mark in _DIGITS else mark for mark in seconds])
    good_fraction = fraction and not fraction.strip(_DIGITS) and len(fraction) <= 9 if dot else True
    if form != "0000-00-00T00:00:00" or not stamp.endswith("Z") or not good_fraction:
        raise Fault("not-by-schema", f"is {shown(value)}, not a time like 2025-01-31T12:00:00Z")
    return stamp


def through(value: object) -> str:
    """`cwd`, `root` or `fd/N`."""
    word = string(value)
    if word not in ("cwd", "root") and not (word.startswith("fd/") and _decimal(word[3:], 10)):
        raise Fault("not-by-schema", f"is {shown(value)}, not `cwd`, `root` or `fd/N`")
    return word


def flag(value: object) -> bool:
    """True; where it is not true it is absent."""
    if value is not True:
        raise Fault("not-by-schema", f"is {shown(value)}, not true")
    return True


def boolean(value: object) -> bool:
    """True or false."""
    if type(value) is not bool:
        raise Fault("not-by-schema", f"is {shown(value)}, not true or false")
    return value


def hexadecimal(value: object) -> bytes:
    """Pairs of lower-case hexadecimal digits, at least one."""
    digits = string(value)
    if not digits or len(digits) % 2 or digits.strip(_HEX):
        raise Fault("not-by-schema", f"is {shown(value)}, not pairs of lower-case hexadecimal digits")
    return bytes.fromhex(digits)


def raw(value: object) -> bytes:
    """Bytes: a string, or an object with the base64 of what is not UTF-8."""
    result = value.encode() if type(value) is str else _base64(value)
    if b"\0" in result:
        raise Fault("bad-bytes", "holds a NUL byte")
    return result


def _base64(value: object) -> bytes:
    if type(value) is not dict or list(value) != ["base64"]:
        what = "an object with other keys than `base64`" if isinstance(value, dict) else shown(value)
        raise Fault("not-by-schema", f"is {what}, not a string or an object with `base64`")
    try:
        encoded = text(value["base64"])
    except Fault as fault:
        fault.at.append("base64")
        raise
    try:
        result = a2b_base64(encoded.encode("ascii", "replace"))
    except Error:
        result = b""
    if b2a_base64(result, newline=False).decode() != encoded:
        raise Fault("bad-bytes", f"is {shown(encoded)}, not canonical base64 with padding", "base64")
    if _is_utf8(result):
        raise Fault("bad-bytes", "is base64 of bytes that are UTF-8 and hence written as a string", "base64")
    return result


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def path(value: object) -> bytes:
    """An absolute and plain path (spec OVSI-IMG-015)."""
    result = raw(value)
    if b"/." not in result and b"//" not in result and result[:1] == b"/" != result[-1:]:
        return result
    if result != b"/" and (result[:1] != b"/" or not _PLAIN.isdisjoint(result[1:].split(b"/"))):
        raise Fault("bad-path", f"is {shown(value)}, not an absolute path without empty, `.` or `..` components")
    return result


_PLAIN = frozenset((b"", b".", b".."))


def missing(value: object) -> tuple[tuple[str, str], ...]:
    """An object of property names and sentences."""
    if type(value) is not dict:
        raise Fault("not-by-schema", f"is {shown(value)}, not an object")
    for key, sentence in value.items():
        try:
            text(sentence)
        except Fault as fault:
            fault.at.append(key)
            raise
    return tuple(value.items())


KINDS: dict[str, Reader] = {
    "Version": version,
    "Timestamp": timestamp,
    "Uuid": uuid,
    "Id": _of("an id", _LETTERS + _DIGITS, _LETTERS + _DIGITS + "._-", 64),
    "Device": device,
    "Text": text,
    "Name": name,
    "StateWord": _of("a word", _LOWER, _LOWER + _DIGITS + "-", 64),
    "Word": _of("a registered name", _LOWER + _DIGITS, _LOWER + _DIGITS + ".-", 64),
    "Through": through,
    "Bytes": raw,
    "Path": path,
    "Hex": hexadecimal,
    "U64": u64,
    "U32": _integer(0, 2**32 - 1),
    "Count": _integer(1, 2**32 - 1),
    "MountNumber": _integer(0, 2**31 - 1),
    "PeerGroup": _integer(1, 2**31 - 1),
    "ProcessId": _integer(1, 2**22),
    "HandleType": _integer(-(2**31), 2**31 - 1),
    "Flag": flag,
    "bool": boolean,
    "Missing": missing,
    "Stability": _one_of("filesystem", "boot", "none"),
    "MadeBy": _one_of("kernel", "producer"),
    "Role": _one_of("upper", "lower", "data"),
    "Basis": _one_of("held", "shown", "default"),
    "RelativeTo": _one_of("initial", "parent"),
}
