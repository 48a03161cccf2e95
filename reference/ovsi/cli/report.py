"""What goes to standard error: hints for people, and the error object (schemas/error.json) as the last line."""

from __future__ import annotations

import os

from ..errors import Refusal, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


def say(line: str) -> None:
    """One line for a person; lost where nobody listens."""
    _write(f"ovsi: {_one_line(line)}\n")


def refuse(refusal: Refusal) -> None:
    """One line for a person, and the error object."""
    from ..image.strings import string
    from .registries import category_and_remedy

    category, remedy = category_and_remedy(refusal.code)
    message = _one_line(refusal.message) or refusal.code
    subject = text(refusal.subject.encode("utf-8", "surrogatepass"))
    about = f"{subject}: " if subject and subject not in message else ""
    hint = f"; {remedy}" if remedy else ""
    properties = {"category": category, "code": refusal.code, "message": message, "subject": subject}
    if remedy:
        properties["remedy"] = remedy
    line = ", ".join([f"{string(name)}: {string(value)}" for name, value in properties.items()])
    _write(f"ovsi: {about}{message}{hint}\n{{{line}}}\n")


def on_defect(kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    """`sys.excepthook`: a defect of the program, told as a failure instead of a traceback; the exit code is 1."""
    what = f"{kind.__name__}: {error}" if str(error) else kind.__name__
    refuse(Refusal("internal-error", f"a defect of this program: {what}; OVSI_DEBUG=1 shows where"))


def _one_line(words: str) -> str:
    """Line breaks as spaces, every other character that is not printable as `\\xNN`."""
    return text(" ".join(words.splitlines()).encode("utf-8", "surrogatepass"))


def _write(words: str) -> None:
    data = words.encode("utf-8", "backslashreplace")
    try:
        while data:
            data = data[os.write(2, data) :]
    except OSError:
        return  # there is no one to tell
