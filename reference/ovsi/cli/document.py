"""Plain data as a JSON document, one property a line."""

from __future__ import annotations

from ..image.strings import string


def document(data: object) -> bytes:
    """UTF-8, ending in a newline; names stay readable. Of None, bool, int, str, lists, tuples, and dicts by str."""
    return f"{_value(data, chr(10))}\n".encode()


def _value(data: object, line: str) -> str:
    """`line` is what a line begins with where this value stands."""
    if isinstance(data, str):
        return string(data)
    if isinstance(data, dict):
        return _lines("{", [f"{string(name)}: {_value(value, line + ' ')}" for name, value in data.items()], "}", line)
    if isinstance(data, list | tuple):
        return _lines("[", [_value(value, line + " ") for value in data], "]", line)
    if data is None or isinstance(data, bool):
        return {None: "null", True: "true", False: "false"}[data]
    if isinstance(data, int):
        return str(data)
    raise TypeError(f"{type(data).__name__} in a document")


def _lines(begin: str, parts: list[str], end: str, line: str) -> str:
    return f"{begin}{line} {f',{line} '.join(parts)}{line}{end}" if parts else begin + end
