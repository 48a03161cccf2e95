"""What a program that is refused is told: a registered code, one line, and what it is about.

The code alone decides category and remedy; both are looked up in schemas/registries.json when the refusal is
reported (`ovsi.cli.report`), so that raising one costs nothing. Imports nothing.
"""

from __future__ import annotations

_PERMISSION = (1, 13)  # EPERM, EACCES
_SPACE = (28, 122)  # ENOSPC, EDQUOT


class Refusal(Exception):  # noqa: N818 - a considered answer, not an error
    """Asked for something that is not done, and why: exit 1 (spec: The command line).

    `code` is one of schemas/registries.json, `message` one line for a person, `subject` the path, id, option or
    process that it is about, as text; bytes are shown as `text` shows them.
    """

    def __init__(self, code: str, message: str, subject: str | bytes = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.subject = text(subject) if isinstance(subject, bytes) else subject


def text(raw: bytes) -> str:
    r"""Bytes as a message shows them: UTF-8, all that is not and every control character as `\xNN`."""
    shown = raw.decode("utf-8", "backslashreplace")
    if shown.isprintable():
        return shown
    return "".join(mark if mark.isprintable() else _escaped(mark) for mark in shown)


def _escaped(mark: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in mark.encode("utf-8", "surrogatepass"))


def from_oserror(error: OSError, subject: str | bytes = "") -> Refusal:
    """A failed system call as a refusal: permission-denied, no-space or system-call; the call's text is kept."""
    if error.errno in _PERMISSION:
        code = "permission-denied"
    elif error.errno in _SPACE:
        code = "no-space"
    else:
        code = "system-call"
    about = subject or error.filename or ""
    message = " ".join((error.strerror or str(error)).splitlines())
    return Refusal(code, message, about if isinstance(about, (str, bytes)) else str(about))
