"""A fault of a document: what the parts of the reader raise, and what becomes the refusal of the whole."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 60


class Fault(Exception):  # noqa: N818 - of the document, not of the program
    """What is wrong (`what`, the end of a sentence that begins with the place) under which registered `code`.

    `at` is the way to it, from the inside out: whoever passes the exception on appends the key or index it came from.
    """

    def __init__(self, code: str, what: str, *at: str | int) -> None:
        super().__init__(what)
        self.code = code
        self.what = what
        self.at: list[str | int] = list(at)


def pointer(steps: Iterable[str | int]) -> str:
    """A JSON pointer (RFC 6901) from the steps, outermost first."""
    return "".join([f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps])


def shown(value: object) -> str:
    """A value of the document as a message shows it: short, one line."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, str):
        short = value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…"
        return ascii(short) if not short.isprintable() else f"`{short}`"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return "a number of over 64 bits"
    return f"the number {value}"
