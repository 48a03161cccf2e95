"""`ovsi-conformance`: the suite from wherever it is installed. Arguments are pytest's and the suite's own."""

import sys
from pathlib import Path

import pytest

SUITE = Path(__file__).resolve().parent


def main() -> int:
    return int(pytest.main(["-p", "no:cacheprovider", *_words(sys.argv[1:])]))


def _words(words: list[str]) -> list[str]:
    """What pytest is called with: ids of tests, as reports have them, are looked for in the suite."""
    named = [word for word in words if (SUITE / word.partition("::")[0]).is_file() and word.startswith("test_")]
    others = [word for word in words if word not in named]
    chosen = named or any("::" in word or word.endswith(".py") for word in others)
    return [*([] if chosen else [str(SUITE)]), *(str(SUITE / word) for word in named), *others]


if __name__ == "__main__":
    raise SystemExit(main())
