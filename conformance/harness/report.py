"""What a run finds: taken down test by test, told to a person, written for programs (schemas/report.json)."""

import json
import os
import shlex
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..reporting import summary
from . import abilities, withdrawn
from .edition import SHOWN, SPECIFICATION, SUITE
from .ids import stable
from .implementation import printable
from .known import Known
from .scrub import scrubber

Json = dict[str, Any]
SAVE_EVERY = 10.0
"""Seconds: a run that is killed leaves a report of what it had found, and that says that it is unfinished."""


@dataclass
class Run:
    """The whole run. `info`: what the implementation said of itself; `commands`: its command, and the peer's. `peer`:
    as a report names it.

    `chosen`: the classes, profiles and vantages that were asked for; `part`: what else narrowed the run, to some of the
    tests of a claim. `finished`: it came to its end. `notes`: lines for the summary. `selected`: how many tests there
    are to run, where that is known. `unwritten`: why the report could not be written.
    """

    info: Json
    commands: tuple[str, ...]
    part: list[str] = field(default_factory=list)
    known: dict[str, Known] = field(default_factory=dict)
    directory: Path | None = None
    chosen: dict[str, list[str]] = field(default_factory=dict)
    peer: Json | None = None
    finished: bool = False
    selected: int | None = None
    notes: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    tests: dict[str, Json] = field(default_factory=dict)
    built: dict[str, list[str]] = field(default_factory=dict)
    unwritten: str = ""
    _saved: float = 0.0

    def take(self, made: Any) -> None:
        """Take one report of pytest down: of the call, or of anything else that did not pass."""
        record = next((json.loads(value) for name, value in made.user_properties if name == "ovsi"), None)
        if record is None and made.failed:
            record = {"verdict": "errored", "class": summary.ALWAYS, "requirements": [], "reason": made.longreprtext}
        if record is None:
            return
        made.user_properties[:] = [pair for pair in made.user_properties if pair[0] != "ovsi"]
        name = stable(made.nodeid)
        built = record.pop("built", {})
        self.built |= built
        record |= {"stacks": list(built)} if built else {}
        entry = {"id": name, "duration": round(made.duration, 3), **record}
        if name in self.known:
            entry["known"] = {k: v for k, v in vars(self.known[name]).items() if k != "id" and v}
        before = self.tests.get(name)
        if before is None or before["verdict"] not in summary.BAD:
            self.tests[name] = entry
        self._save_now_and_then()

    # What fails a run

    def surprises(self) -> list[str]:
        """Listed failures that did not come: a test that passes, and, of a whole run, one that there is not."""
        found = [
            f"listed as a known failure, and passes: {name}"
            for name in self.known
            if name in self.tests and self.tests[name]["verdict"] == "passed"
        ]
        if self.finished and not self.part and "fault" not in self.info:
            missing = [name for name in self.known if name not in self.tests]
            found += [f"listed as a known failure, and was not run: {name}" for name in missing]
        return found + [f"{each}: no test names such a requirement" for each in self._unnamed()]

    def _unnamed(self) -> list[str]:
        """Of what was asked for by `--requirement`, what was misspelled, unless the shard has none of its tests."""
        asked = [each for each in self.part if each.startswith("--requirement ")]
        named = {requirement for test in self.tests.values() for requirement in test["requirements"]}
        whole = self.finished and not any(each.startswith("--shard") for each in self.part)
        return [each for each in asked if whole and not any(name.startswith(each.split()[1]) for name in named)]

    def fails(self) -> bool:
        """Whether the run fails: news, a claimed class without any test, nothing executed or written at all."""
        news = [test for test in summary.bad(list(self.tests.values())) if "known" not in test]
        nothing = summary.verdict(list(self.tests.values())) == "empty"
        return bool(news or self.empty or nothing or self.unwritten or self.surprises())

    def now_known(self) -> list[Known]:
        """All that failed, as a list of known failures: reasons that were given stay."""
        tests = summary.bad(list(self.tests.values()))
        return [self.known.get(test["id"]) or Known(test["id"], _first_finding(test)) for test in tests]

    # For a person

    def summary(self) -> list[str]:
        implementation, tests = self.info["implementation"], list(self.tests.values())
        named = printable(f"{implementation['name']} {implementation['version']}")
        lines = [SHOWN, f"implementation: {named} ({self.commands[0]})"]
        lines += [f"peer: {summary.peer(self.peer)} ({self.commands[1]})"] if self.peer else []
        for claim, mine in summary.by_claim(self.core()).items():
            shown = ", ".join(f"{count} {word}" for word, count in summary.counts(mine).items())
            found, of = summary.share(mine)
            proved = f"; {found} of {of} sources proved" if of else ""
            lines.append(f"  {' '.join(claim):<32} {shown}{proved}")
        if "fault" in self.info:
            lines.append("  nothing else was attempted: " + self.info["fault"].splitlines()[0])
        for reason in sorted({test["reason"] for test in tests if test["verdict"] == "skipped"}):
            lines.append(f"  skipped: {reason.splitlines()[0]}")
        lines += [f"  withdrawn: {each['id']}: {each['reason']}" for each in withdrawn.tests().values()]
        for test in summary.bad(tests):
            known = f"known ({test['known']['reason']})" if "known" in test else ""
            lines.append(f"  {test['verdict']}: {test['id']}  {' '.join(test.get('broken', []))}  {known}".rstrip())
            lines.append(f"    replay: {self.replay(test['id'], *self.commands)}")
        lines += [f"  nothing was executed of a claimed class: {kind}" for kind in self.empty]
        lines += [f"  {line}" for line in (*self.surprises(), *self.notes)]
        return lines + self._conclusion()

    def _conclusion(self) -> list[str]:
        report = self.core()
        counted = ", ".join(f"{count} {word}" for word, count in sorted(summary.counts(report["tests"]).items()))
        stated = summary.statements(report) if self.finished else []
        lines = stated or [f"nothing may be stated{' of a part of the tests' if self.part else ''}"]
        lines += [f"  {line}" for line in summary.reservations(report)]
        lines.append(f"distinct stacks built: {summary.stacks(report)}")
        return [*lines, f"verdict: {summary.standing(report)} ({counted})"]

    def replay(self, test: str, *commands: str) -> str:
        """The command that runs one test alone."""
        given = zip(("--impl", "--peer"), commands, strict=False)
        words = " ".join(f"{name}={shlex.quote(text)}" for name, text in given if text)
        return f"ovsi-conformance {shlex.quote(test)} {words}"

    # For programs

    def document(self, probe: bool = True) -> Json:
        """The report, by its schema, without this machine's paths. Probing the abilities takes time."""
        shown = {name: _ability(why) for name, why in abilities.table().items()} if probe else {}
        cleaned: Json = scrubber([text for text in self.commands if text])(self.core() | {"abilities": shown})
        return cleaned

    def core(self) -> Json:
        """The report but for the abilities, whose probing takes time; paths and all."""
        report: Json = {
            "format": "ovsi-conformance-report",
            "suite": SUITE,
            "specification": SPECIFICATION,
            "implementation": self.info["implementation"],
            **({"peer": self.peer} if self.peer else {}),
            "kernel": os.uname().release,
            "abilities": {},
            "claims": self.info["claims"],
            **({"part": self.part} if self.part else {}),
            **({"chosen": self.chosen} if self.chosen else {}),
            **({"selected": self.selected} if self.selected is not None else {}),
            "withdrawn": list(withdrawn.tests().values()),
            "stacks": dict(sorted(self.built.items())),
            "tests": [self._entry(self.tests[name]) for name in sorted(self.tests)],
            "closing": None,
        }
        return report | {"closing": summary.closing(report, self.empty) if self.finished else None}

    def _entry(self, test: Json) -> Json:
        kept = {name: value for name, value in test.items() if value not in ("", [], None) or name == "requirements"}
        return kept | {"replay": self.replay(test["id"], *("IMPL" if n == 0 else "PEER" for n in range(self._takes)))}

    @property
    def _takes(self) -> int:
        return len([text for text in self.commands if text])

    def save(self, probe: bool = True) -> Path | None:
        """Write the report as far as it goes; where to, None: no report was asked for, or it could not be written."""
        if self.directory is None:
            return None
        path, self._saved = self.directory / "report.json", time.monotonic()
        beside = path.with_suffix(".new")
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps(self.document(probe), indent=1) + "\n")
            beside.rename(path)
        except OSError as error:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            self.unwritten = str(error)
            return None
        self.unwritten = ""
        return path

    def _save_now_and_then(self) -> None:
        if self.directory and time.monotonic() > self._saved + SAVE_EVERY:
            self.save(probe=False)


def _ability(why_not: str | None) -> Json:
    return {"present": why_not is None, **({"reason": why_not} if why_not else {})}


def _first_finding(test: Json) -> str:
    """What a test found, in a line."""
    for finding in test.get("findings", ()):
        return f"{finding['requirement']} {finding['subject']}: expected {finding['expected']}"[:200]
    return str(test.get("reason") or test["verdict"]).strip().splitlines()[0][:200]
