"""What a run found: taken down test by test, summed up for a person, written for programs (schemas/report.json)."""

import json
import os
import re
import shlex
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import abilities

SUITE, SPECIFICATION = "0.1.0", "1.0"
BAD = ("failed", "errored")
Triple = tuple[str, str, str]


def group(nodeid: str) -> str:
    """Tests of one group share a dump: those of the Dumper class with the same stack and vantage."""
    found = re.search(r"test_dumper\.py::[^[]+\[(.+)\]$", nodeid)
    return found[1] if found else nodeid


def _kernel() -> str:
    return ".".join(os.uname().release.split(".")[:2])


@dataclass
class Run:
    """The whole run. `info`: what the implementation said of itself. `narrowed`: to some of the tests."""

    info: dict[str, Any]
    command: str
    narrowed: bool = False
    tests: list[dict[str, Any]] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)

    def take(self, made: Any) -> None:
        for name, value in made.user_properties:
            if name == "ovsi":
                record = json.loads(value)
                self.tests.append({"id": made.nodeid, "duration": round(made.duration, 3), **record})
                del made.user_properties[:]
                return

    # Summing up

    def counts(self) -> dict[str, int]:
        return dict(Counter(test["verdict"] for test in self.tests))

    def by_claim(self) -> dict[Triple, Counter[str]]:
        found: dict[Triple, Counter[str]] = {}
        for test in self.tests:
            if test["claim"][0] != "info":
                found.setdefault(tuple(test["claim"]), Counter())[test["verdict"]] += 1
        return found

    def claimed(self) -> set[Triple]:
        return {(claim["class"], claim["profile"], claim["vantage"]) for claim in self.info["claims"]}

    def hollow(self, classes: Collection[str]) -> list[str]:
        """Which of these classes are claimed and executed nothing."""
        executed = {
            claim[0] for claim, counts in self.by_claim().items() if counts["passed"] or any(counts[w] for w in BAD)
        }
        return sorted({claim[0] for claim in self.claimed()} & set(classes) - executed)

    def verdict(self) -> str:
        counts = self.counts()
        if not any(counts.get(word) for word in ("passed", *BAD)):
            return "empty"
        if self.empty or any(counts.get(word) for word in BAD):
            return "failed"
        return "partial" if counts.get("skipped") else "passed"

    def statements(self) -> list[str]:
        """What may be said: for each class and vantage the claimed profiles in which every test passed."""
        met: dict[tuple[str, str], list[str]] = {}
        claims = self.by_claim()
        for claim in sorted(self.claimed()) if not self.narrowed else ():
            counts = claims.get(claim, Counter())
            if counts["passed"] and not any(counts[word] for word in (*BAD, "skipped")):
                met.setdefault((claim[0], claim[2]), []).append(claim[1])
        return [
            f"OVSI {SPECIFICATION} {kind.capitalize()}: {', '.join(profiles)} ({vantage}, Linux {_kernel()})"
            for (kind, vantage), profiles in met.items()
        ]

    def summary(self) -> list[str]:
        implementation = self.info["implementation"]
        lines = [f"implementation: {implementation['name']} {implementation['version']} ({self.command})"]
        for claim, counts in sorted(self.by_claim().items()):
            shown = ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
            lines.append(f"  {' '.join(claim):<32} {shown}{_share(self.tests, claim)}")
        if "fault" in self.info:
            lines.append("  nothing else was attempted: " + self.info["fault"].splitlines()[0])
        for reason in sorted({test["reason"] for test in self.tests if test["verdict"] == "skipped"}):
            lines.append(f"  skipped: {reason.splitlines()[0]}")
        for test in self.tests:
            if test["verdict"] in BAD:
                lines.append(f"  {test['verdict']}: {test['id']}  {' '.join(test['broken'])}")
                lines.append(f"    replay: {self.replay(test['id'])}")
        lines += [f"  nothing was executed of a claimed class: {kind}" for kind in self.empty]
        why = " of a part of the tests" if self.narrowed else ""
        lines += self.statements() or [f"nothing may be stated{why}"]
        return [
            *lines,
            f"verdict: {self.verdict()} ({', '.join(f'{n} {word}' for word, n in sorted(self.counts().items()))})",
        ]

    def replay(self, nodeid: str) -> str:
        return f"pytest {shlex.quote(nodeid)} --impl={shlex.quote(self.command)}"

    # Writing

    def document(self) -> dict[str, Any]:
        shown = {
            name: {"present": why is None, **({"reason": why} if why else {})}
            for name, why in abilities.table().items()
        }
        return {
            "format": "ovsi-conformance-report",
            "suite": SUITE,
            "specification": SPECIFICATION,
            "implementation": self.info["implementation"],
            "kernel": os.uname().release,
            "abilities": shown,
            "claims": self.info["claims"],
            "tests": [self._test(test) for test in self.tests],
            "closing": {"verdict": self.verdict(), "counts": self.counts(), "statements": self.statements()},
        }

    def _test(self, test: dict[str, Any]) -> dict[str, Any]:
        kind, profile, vantage = test["claim"]
        kept = {name: test[name] for name in ("id", "verdict", "requirements", "duration")}
        kept |= {"class": kind, **({"profile": profile, "vantage": vantage} if profile else {})}
        kept |= {name: test[name] for name in ("reason", "stack", "built", "expected", "got") if test.get(name)}
        if test["broken"]:
            kept["broken"] = test["broken"]
        return kept | {"replay": self.replay(test["id"])}

    def write(self, directory: Path) -> Path:
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / "report.json"
        path.write_text(json.dumps(self.document(), indent=1) + "\n")
        return path


def _share(tests: list[dict[str, Any]], claim: Triple) -> str:
    shares = [test["proved"] for test in tests if tuple(test["claim"]) == claim and "proved" in test]
    found, of = sum(share[0] for share in shares), sum(share[1] for share in shares)
    return f"; {found} of {of} sources proved" if of else ""
