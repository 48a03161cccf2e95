"""JSON strings as every document of this program writes them. The `json` module would take longer than what uses it."""

from __future__ import annotations

_ESCAPES = {code: f"\\u{code:04x}" for code in (*range(0x20), *range(0x7F, 0xA0))}  # what a terminal would act on too
_ESCAPES |= {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}


def string(value: str) -> str:
    """A JSON string; what is not ASCII stays as it is, a lone surrogate becomes `?`."""
    if value.isprintable() and '"' not in value and "\\" not in value:
        return f'"{value}"'
    return f'"{value.translate(_ESCAPES).encode("utf-8", "replace").decode()}"'
