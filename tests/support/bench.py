"""One suite for many implementations: started once, it judges one after the other by the tests that each one meets.

To start pytest and to collect thousands of tests takes longer than most judgements. So `Bench` keeps a process in which
that is done (`python -m tests.support.bench`) and asks it; a question and its answer are a line of JSON each. Every
implementation gets fresh fixtures, and is asked for its claims like any other.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from conformance.harness import plugin
from conformance.harness.ids import stable
from conformance.harness.record import claim as claim_of

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = f"{sys.executable} -m ovsi"
BAD = ("failed", "errored")


@dataclass(frozen=True)
class Question:
    """`tests`: ids below conformance/, `*` for anything. `classes`: of these every kind of test too (`every_kind`)."""

    command: str
    tests: tuple[str, ...]
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Told:
    """What came of one test; `broken`: the requirements found broken."""

    id: str
    verdict: str
    broken: tuple[str, ...] = ()
    reason: str = ""

    @property
    def bad(self) -> bool:
        return self.verdict in BAD


@dataclass(frozen=True)
class Judgement:
    """`tests` in the order in which they ran; `unmatched`: the patterns that no test of the suite has for its id."""

    tests: tuple[Told, ...]
    unmatched: tuple[str, ...] = field(default=())

    def named(self, patterns: Iterable[str]) -> list[Told]:
        """Those whose id fits one of the patterns."""
        fits = matcher(patterns)
        return [test for test in self.tests if fits(test.id)]

    @property
    def broken(self) -> dict[str, list[Told]]:
        """Requirement -> the tests that found it broken."""
        found: dict[str, list[Told]] = {}
        for test in self.tests:
            for requirement in test.broken if test.bad else ():
                found.setdefault(requirement, []).append(test)
        return found


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether an id of a test, below conformance/, fits one of the patterns."""
    words = ["".join(".*" if part == "*" else re.escape(part) for part in re.split(r"(\*)", p)) for p in patterns]
    expression = re.compile("|".join(words) or r"(?!)", re.DOTALL)
    return lambda name: expression.fullmatch(name) is not None


class Bench:
    """The asking side. Use as a context manager; the process is started with the first question."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def judge(self, question: Question) -> Judgement:
        """Raises RuntimeError where the suite itself came to an end."""
        process = self._process = self._process or _start()
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(asdict(question)) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the suite ended with {process.wait()}")
        found = json.loads(answer)
        tests = tuple(
            Told(each["id"], each["verdict"], tuple(each["broken"]), each["reason"]) for each in found["tests"]
        )
        return Judgement(tests, tuple(found["unmatched"]))

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.communicate()


def _start() -> subprocess.Popen[str]:
    paths = os.pathsep.join((str(ROOT), str(ROOT / "reference")))
    command = [sys.executable, "-m", __name__]
    surroundings = {**os.environ, "PYTHONPATH": paths}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=surroundings, stdin=pipe, stdout=pipe, text=True)


# The process that is asked


class Judge:
    """In place of pytest's loop over tests: a loop over questions."""

    def __init__(self, answers: int) -> None:
        self.answers, self.told = answers, list[dict[str, Any]]()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        for line in sys.stdin:
            asked = json.loads(line)
            self.told = []
            unmatched = self._run(session, asked["command"], asked["tests"], asked["classes"])
            answer = {"tests": self.told, "unmatched": unmatched}
            os.write(self.answers, json.dumps(answer).encode() + b"\n")
        return True

    def _run(self, session: pytest.Session, command: str, patterns: list[str], classes: list[str]) -> list[str]:
        plugin.examine(session.config, command)
        fits, names = matcher(patterns), {item: stable(item.nodeid) for item in session.items}
        every = every_kind(session.items, classes)
        chosen = [item for item in session.items if fits(names[item]) or item in every]
        plugin.pytest_collection_modifyitems(session.config, chosen)
        for item, following in zip(chosen, [*chosen[1:], None], strict=True):
            item.user_properties.clear()
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        return [pattern for pattern in patterns if not any(map(matcher([pattern]), names.values()))]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == "ovsi":
                record = json.loads(str(value))
                kept = {key: record[key] for key in ("verdict", "broken", "reason")}
                self.told.append({"id": stable(report.nodeid), **kept})


def every_kind(items: Sequence[pytest.Item], classes: Sequence[str]) -> set[pytest.Item]:
    """Every situation that tests of these classes make; of tests over stacks the first of each profile and vantage."""
    found: dict[object, pytest.Item] = {}
    for item in items:
        claim = claim_of(item)
        if claim[0] in classes:
            stack = "case" in getattr(item, "fixturenames", ())
            name = getattr(item, "originalname", "")
            found.setdefault((name, item.path, *claim) if stack else item, item)
    return set(found.values())


def main() -> None:
    """Answer questions until there are no more. What pytest prints goes to standard error."""
    answers = os.dup(1)
    os.dup2(2, 1)
    words = ["conformance", "-q", "-s", "--no-summary", "--no-header", "--color=no", "--tb=no"]
    words += ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:hypothesispytest", "-p", "no:randomly"]
    pytest.main([*words, f"--impl={REFERENCE}", f"--peer={REFERENCE}"], plugins=[Judge(answers)])


if __name__ == "__main__":
    main()
