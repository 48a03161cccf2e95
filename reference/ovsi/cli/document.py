"""Plain data as a JSON document, one property a line."""

from __future__ import annotations

_CONTROLS = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
"""What `json` leaves as it is and a terminal would act on; in JSON it can stand in strings only."""


def document(data: object) -> bytes:
    """UTF-8, ending in a newline; names stay readable."""
    import json

    words = json.dumps(data, ensure_ascii=False, indent=1).translate(_CONTROLS)
    return words.encode("utf-8", "replace") + b"\n"
