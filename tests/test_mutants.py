"""Every wrong implementation fails as it declares; no right one is blamed; no wrong suite goes unnoticed.

A mutant meets the tests that it declares to fail, and of each class that can notice it a sample, which it has to pass
where it does not declare otherwise.
With OVSI_MUTANTS=wide (`make mutants`) it meets every kind of test of the classes that can notice it, too. What it
breaks there beyond what it declares is written down (build/mutants/wide-*.json), not judged: a program that says "done"
to everything breaks nearly all there is, and its declaration names what it is about.
"""

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from .mutants.registry import command, mutants, right_variants
from .mutants.suites import SUITES, WHICH
from .support import ledger
from .support.bench import ROOT, Bench, Judgement, Question, Told, matcher
from .support.requirements import ID

MUTANTS, RIGHT = mutants(), right_variants()
WIDE = os.environ.get("OVSI_MUTANTS") == "wide"
SAMPLES = {
    "image": ("test_image.py::test_vector[valid/writable]", "test_image.py::test_vector[invalid/cut-short]"),
    "dumper": ("test_dumper.py::test_*[core-one-lower-inside]",),
    "restorer": (
        "test_restorer.py::test_exact[core-one-lower-inside]",
        "test_restorer.py::test_target[missing-inside]",
    ),
}
ALL_CLASSES = ("info", "image", "dumper", "restorer", "round-trip", "interchange")
WRONG_SUITES_MEET = "tests/test_suite_report.py"


@pytest.fixture(scope="session")
def bench() -> Iterator[Bench]:
    with Bench() as asked:
        yield asked


def _shown(tests: list[Told]) -> str:
    return "\n".join(f"{test.verdict}: {test.id}: {' '.join(test.broken)} {test.reason[-600:]}" for test in tests)


def _close(kind: str, name: str, complaints: list[str], lacking: str = "") -> None:
    """Take the outcome down, and end the test by it."""
    if lacking and not complaints:
        ledger.enter(kind, name, f"{ledger.NOT_JUDGED}: {lacking}")
        pytest.skip(lacking)
    ledger.enter(kind, name, "; ".join(complaints) or ledger.AS_DECLARED)
    assert not complaints, "\n\n".join(complaints)


def _lacking(judged: Judgement) -> str:
    reasons = {test.reason.splitlines()[0] for test in judged.tests if test.verdict == "skipped"}
    return "; ".join(sorted(reasons))


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_fails_as_declared(name: str, bench: Bench) -> None:
    mutant = MUTANTS[name]
    sample = [test for kind in mutant.classes for test in SAMPLES.get(kind, ())]
    judged = bench.judge(Question(command(name), (*mutant.fails, *sample), ("info", *mutant.classes) if WIDE else ()))
    declared = matcher(mutant.fails)
    passed = [test for test in judged.named(mutant.fails) if test.verdict == "passed"]
    failed = [test for test in judged.named(sample) if test.bad and not declared(test.id)]
    beyond = {name: tests for name, tests in judged.broken.items() if name not in mutant.breaks}
    if WIDE:
        ledger.note(f"wide-{name}", {broken: [test.id for test in tests] for broken, tests in beyond.items()})
    surplus = [] if WIDE else [tests[0] for tests in beyond.values()]
    unseen = [name for name in mutant.breaks if name not in judged.broken]
    complaints = [f"no such test: {pattern}" for pattern in judged.unmatched]
    complaints += [f"declared to fail, and passed: {test.id}" for test in passed]
    complaints += [f"not declared to fail:\n{_shown(failed)}"] if failed else []
    complaints += [f"not declared to be broken:\n{_shown(surplus)}"] if surplus else []
    lacking = _lacking(judged)
    complaints += [f"declared to be broken, and not found: {', '.join(unseen)}"] if unseen and not lacking else []
    _close("mutant", name, complaints, lacking if unseen else "")


@pytest.mark.parametrize("name", RIGHT)
def test_right_variant_is_not_blamed(name: str, bench: Bench) -> None:
    variant = RIGHT[name]
    judged = bench.judge(Question(command(name), variant.meets, ALL_CLASSES if WIDE else ()))
    bad = [test for test in judged.tests if test.bad]
    complaints = [f"no such test: {pattern}" for pattern in judged.unmatched]
    complaints += [f"blamed:\n{_shown(bad)}"] if bad else []
    complaints += [] if any(test.verdict == "passed" for test in judged.tests) else ["nothing was judged"]
    _close("right", name, complaints)


@pytest.mark.parametrize("name", SUITES)
def test_wrong_suite_is_found_out(name: str) -> None:
    wrong = SUITES[name]
    plugin = f"-p {SUITES[name].__module__} -p no:cacheprovider -p no:hypothesispytest"
    surroundings = {**os.environ, WHICH: name, "PYTEST_ADDOPTS": plugin, "PYTHONPATH": f"{ROOT}:{ROOT}/reference"}
    tests = {WRONG_SUITES_MEET, *wrong.fails}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rf", *sorted(tests)],
        cwd=ROOT,
        env=surroundings,
        capture_output=True,
        text=True,
    )
    failed = sorted(set(re.findall(r"^FAILED ([^\s\[]+)", ran.stdout, re.MULTILINE)))
    complaints = [] if failed == sorted(wrong.fails) else [f"failed: {failed}, not {sorted(wrong.fails)}\n{ran.stdout}"]
    broken = {requirement for test in failed for requirement in _judged_by(test)}
    complaints += [] if broken == set(wrong.breaks) else [f"broken: {sorted(broken)}, not {wrong.breaks}"]
    _close("suite", name, complaints)


def _judged_by(test: str) -> list[str]:
    """The requirements that a test of the suite names in its docstring."""
    path, _, name = test.partition("::")
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    return ID.findall(getattr(module, name).__doc__ or "")
