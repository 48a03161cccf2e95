"""`ovsi-conformance`: the suite from wherever it is installed. Arguments are pytest's and `--impl=<cmd>`."""

import sys
from pathlib import Path

import pytest


def main() -> int:
    here = Path(__file__).resolve().parent
    chosen = any("::" in argument or argument.endswith(".py") for argument in sys.argv[1:])
    return int(pytest.main([*([] if chosen else [str(here)]), "-p", "no:cacheprovider", *sys.argv[1:]]))


if __name__ == "__main__":
    raise SystemExit(main())
