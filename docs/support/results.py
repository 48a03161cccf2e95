"""The pages of conformance results, from the reports under docs/results."""

from __future__ import annotations

from collections.abc import Iterator


def pages() -> Iterator[tuple[str, str]]:
    """The overview."""
    yield "conformance.md", "# Conformance results\n"
