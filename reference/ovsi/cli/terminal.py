"""Standard output for people: the terminal that reads it, if one does, how wide it is and what it can show."""

from __future__ import annotations

import os

from .. import signals
from .files import open_output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def show(data: bytes) -> None:
    """Write it all; where the reader leaves meanwhile, as `head` does, the program ends by SIGPIPE."""
    signals.end_with_reader()
    open_output(b"-").write(data)


def width() -> int | None:
    """Its columns; None where no terminal reads, and nothing need be cut. COLUMNS says it for a pipe."""
    try:
        size = os.get_terminal_size(1).columns
    except OSError:
        columns = os.environ.get("COLUMNS", "")
        size = int(columns) if columns.isdecimal() and len(columns) < 6 else 0
    return size or None


def encoded(lines: Iterable[str]) -> bytes:
    """Lines as bytes: UTF-8, or where the locale is another, ASCII with the rest escaped."""
    words = "\n".join(lines) + "\n"
    if words.isascii() or _knows_utf8():
        return words.encode("utf-8", "backslashreplace")
    return words.replace("…", "~").encode("ascii", "backslashreplace")


def _knows_utf8() -> bool:
    """By the variables that name the locale, the first that is set (locale(7)); unset they mean C, which is ASCII."""
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    return next((name for name in names if name), "").lower().replace("-", "").endswith("utf8")
