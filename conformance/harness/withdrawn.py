"""Tests that were withdrawn, with the reason: `withdrawn.json`. They are named, never run, never counted."""

import json
from functools import cache
from pathlib import Path

_FILE = Path(__file__).resolve().parents[1] / "withdrawn.json"


@cache
def tests() -> dict[str, dict[str, str]]:
    """By id, {id, since: the suite's version, reason}. An id that ends in `[` stands for all cases of that test."""
    return {entry["id"]: entry for entry in json.loads(_FILE.read_text())["tests"]}


def entry(test: str) -> dict[str, str] | None:
    """The entry of a test that was withdrawn."""
    return tests().get(test) or tests().get(test.partition("[")[0] + "[")
