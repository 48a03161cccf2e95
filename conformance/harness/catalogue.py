"""Which test judges which requirements: for the traceability checker and for reports.

python -m conformance.harness.catalogue      prints JSON: test id -> requirement ids
"""

import json
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest


class _Collector:
    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            names = {name for marker in item.iter_markers("requirement") for name in marker.args}
            self.found[item.nodeid] = sorted(names)


def catalogue() -> dict[str, list[str]]:
    """Test id -> requirement ids, of all tests of the suite; none is run."""
    collector = _Collector()
    suite = Path(__file__).resolve().parents[1]
    with redirect_stdout(StringIO()):
        code = pytest.main([str(suite), "--collect-only", "-p", "no:cacheprovider"], [collector])
    if code != pytest.ExitCode.OK:
        raise RuntimeError(f"the suite can't be collected: {code!r}")
    return collector.found


if __name__ == "__main__":
    json.dump(catalogue(), sys.stdout, indent=1)
