"""What came of each mutant and right variant, kept between the tests that judge them and the closing summary.

`python -m tests.support.ledger` is that summary. It fails where an entry is missing, is of other sources, or is bad.
"""

import hashlib
import json
import sys
from functools import cache

from ..mutants.registry import mutants, right_variants
from ..mutants.suites import SUITES
from .requirements import REPOSITORY, load
from .traces import named_by_tests

LEDGER = REPOSITORY / "build/mutants"
SOURCES = ("conformance", "reference", "schemas", "tests/mutants")
MOST_UNTESTABLE = 0.05
"""Of the requirements that stand: the share without a test, each with its reason."""
AS_DECLARED, NOT_JUDGED, STALE = "as declared", "not judged here", "not judged"


@cache
def fingerprint() -> str:
    """Of everything that a judgement depends on."""
    found = hashlib.sha256()
    for tree in SOURCES:
        for path in sorted((REPOSITORY / tree).rglob("*")):
            if path.is_file() and path.suffix in (".py", ".json", ""):
                found.update(bytes(path.relative_to(REPOSITORY)) + b"\0" + path.read_bytes())
    return found.hexdigest()


def enter(kind: str, name: str, outcome: str) -> None:
    """Take down what came of one: AS_DECLARED, NOT_JUDGED and why, or what was wrong."""
    LEDGER.mkdir(parents=True, exist_ok=True)
    entry = {"fingerprint": fingerprint(), "outcome": outcome}
    (LEDGER / f"{kind}-{name}.json").write_text(json.dumps(entry) + "\n")


def note(name: str, found: object) -> None:
    """Take down something to read."""
    LEDGER.mkdir(parents=True, exist_ok=True)
    (LEDGER / f"{name}.json").write_text(json.dumps(found, indent=2) + "\n")


def outcome_of(kind: str, name: str) -> str:
    path = LEDGER / f"{kind}-{name}.json"
    if not path.exists():
        return f"{STALE}: make unit"
    entry = json.loads(path.read_text())
    return (
        str(entry["outcome"]) if entry["fingerprint"] == fingerprint() else f"{STALE} since the last change: make unit"
    )


def _told(kind: str, names: list[str]) -> tuple[int, list[str], list[str]]:
    """How many came out as declared; which could not be judged here; what is wrong with others."""
    outcomes = {name: outcome_of(kind, name) for name in names}
    skipped = [f"{name}: {outcome}" for name, outcome in outcomes.items() if outcome.startswith(NOT_JUDGED)]
    bad = [
        f"{name}: {outcome}" for name, outcome in outcomes.items() if not outcome.startswith((NOT_JUDGED, AS_DECLARED))
    ]
    return len(names) - len(skipped) - len(bad), skipped, bad


def summary() -> tuple[list[str], bool]:
    """What the requirements, the mutants and the right variants come to, and whether all of it is as it has to be."""
    standing = [requirement for requirement in load() if requirement.withdrawn is None]
    untestable = [requirement for requirement in standing if requirement.untestable is not None]
    named = named_by_tests()
    tested = [each for each in standing if each.id in named and each.untestable is None]
    wrong, right = [*mutants()], [*right_variants()]
    killed, not_judged, escaped = _told("mutant", wrong)
    suites, _, unnoticed = _told("suite", [*SUITES])
    _, not_met, blamed = _told("right", right)
    known = [line for line in blamed if f": {STALE}" not in line]
    lines = [
        f"requirements: {len(standing)}, tested: {len(tested)}, untestable: {len(untestable)}",
        *(f"  {requirement.id}: {requirement.untestable}" for requirement in untestable),
        f"mutants killed as declared: {killed} of {len(wrong)}; wrong suites found out: {suites} of {len(SUITES)}",
        f"right variants blamed: {len(known)} of {len(right) - len(blamed) + len(known)}",
        *(f"  {line}" for line in (*not_judged, *not_met, *escaped, *unnoticed, *blamed)),
    ]
    return lines, not (escaped or unnoticed or blamed) and len(untestable) <= MOST_UNTESTABLE * len(standing)


def main() -> int:
    """Print the summary; its exit status."""
    lines, well = summary()
    print("\n".join(lines))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
