"""Take this machine's own paths out of what is published: those of the suite, the implementation, the user."""

import os
import re
import shlex
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_COMMON = ("", "/", "/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin")
_SUITE = Path(__file__).resolve().parents[2]


def scrubber(commands: Sequence[str]) -> Callable[[Any], Any]:
    """A function that takes them out of all strings of a document. `commands`: the implementations'."""
    names = {text: "IMPL" for text in commands if text}
    for word in [word for text in commands for word in _words(text)]:
        path = word if word.startswith("/") else os.path.abspath(word) if os.path.exists(word) else ""
        names |= {path: "IMPL", os.path.dirname(path): "IMPLDIR"} if os.path.dirname(path) not in _COMMON else {}
    places = {os.getcwd(): ".", os.path.expanduser("~"): "~", str(_SUITE): "SUITE"}
    plain = {path: word for path, word in {**places, **names}.items() if len(path) > 1}
    temporary = re.escape(tempfile.gettempdir().rstrip("/")) + r"/[^\s'\":,;)\]]*"
    parts = [re.escape(path) + r"(?![\w-])" for path in sorted(plain, key=len, reverse=True)]
    pattern = re.compile("|".join([*parts, temporary]))

    def text(value: str) -> str:
        return pattern.sub(lambda found: plain.get(found[0], "TMP"), value)

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return text(value)
        if isinstance(value, list):
            return [clean(each) for each in value]
        if isinstance(value, dict):
            return {text(name): clean(each) for name, each in value.items()}
        return value

    return clean


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []
