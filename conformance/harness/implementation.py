"""The implementation under test: how it is run, what its exits mean, what it claims."""

import os
import shlex
from dataclasses import dataclass
from enum import Enum
from typing import Any

from . import command, files
from .command import Ran
from .sandbox import Sandbox
from .schemas import errors_by, parsed
from .verdict import Errored, Finding

MOST_WORDS = 2000
GIVE_UP_AFTER = 3
"""Time-outs after which nothing more is attempted."""


class Outcome(Enum):
    DONE = "done (exit 0)"
    INCOMPLETE = "incomplete (exit 3)"
    REFUSED = "refused (exit 1, with an error object)"
    USAGE = "wrong usage (exit 2)"
    CRASHED = "crashed"


@dataclass(frozen=True)
class Answer:
    """What a call of the implementation came to; `error` is its error object where it refused."""

    outcome: Outcome
    ran: Ran
    error: dict[str, Any] | None = None
    why: str = ""

    @property
    def category(self) -> str | None:
        return self.error["category"] if self.error else None

    def __str__(self) -> str:
        if self.error:
            return printable(f"refused: {self.category}/{self.error['code']}: {self.error['message'][:MOST_WORDS]}")
        tail = printable(self.ran.stderr[-MOST_WORDS:].decode("utf-8", "backslashreplace").strip())
        return (self.why or self.outcome.value) + (
            f"; stderr: {tail}" if tail and self.outcome is Outcome.CRASHED else ""
        )


def printable(text: str) -> str:
    """What a program said, for a terminal: a control character as its escape, lines as they are."""
    return "".join(each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text)


def classify(ran: Ran, subcommand: bytes) -> Answer:
    """Which of the contract's exits this is; everything that is none of them is a crash."""
    if ran.absent:
        return Answer(Outcome.CRASHED, ran, why="the command can't be run")
    if ran.code is None:
        return Answer(Outcome.CRASHED, ran, why="did not end within the time limit")
    if ran.code < 0:
        return Answer(Outcome.CRASHED, ran, why=f"died of signal {-ran.code}")
    if ran.code == 3 and subcommand == b"dump":
        return Answer(Outcome.INCOMPLETE, ran)
    if ran.code in (0, 2):
        return Answer(Outcome.DONE if ran.code == 0 else Outcome.USAGE, ran)
    if ran.code == 1:
        error, fault = error_object(ran.stderr)
        return (
            Answer(Outcome.REFUSED, ran, error) if error else Answer(Outcome.CRASHED, ran, why=f"exit 1, but {fault}")
        )
    return Answer(Outcome.CRASHED, ran, why=f"exit {ran.code} means nothing here")


def error_object(stderr: bytes) -> tuple[dict[str, Any] | None, str]:
    """The error object on the last non-empty line, or why there is none."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    if not lines:
        return None, "standard error is empty"
    try:
        found = parsed(lines[-1])
    except ValueError:
        return None, f"the last line of standard error is no JSON object: {lines[-1][-300:].decode(errors='replace')}"
    faults = errors_by("error", found)
    return (None, f"the error object is not valid: {faults[0]}") if faults else (found, "")


class Implementation:
    """`<cmd>`. Where a sandbox is given a call runs inside it, else in the suite's own surroundings."""

    def __init__(self, text: str, limit: float) -> None:
        self.name = text
        self.words = [os.fsencode(_from_here(word)) for word in shlex.split(text)]
        self.limit = limit
        self.timeouts = 0

    def call(self, *arguments: bytes, within: Sandbox | None = None, given: bytes | None = None) -> Answer:
        """`given`: what standard input holds."""
        if self.timeouts >= GIVE_UP_AFTER:
            raise Errored(
                f"not attempted: the implementation timed out {self.timeouts} times", [_contract("time-outs")]
            )
        argv = [*self.words, *arguments]
        if within:
            ran = within.do(files.execute, argv, self.limit, given)
        else:
            ran = command.run(argv, self.limit, given=given)
        self.timeouts += ran.code is None
        return classify(ran, arguments[0])

    def is_also(self, other: "Implementation") -> bool:
        """Whether the other one is the same command."""
        return self.words == other.words

    def info(self) -> dict[str, Any]:
        """Its claims; raises Errored where `info` does not keep its contract."""
        answer = self.call(b"info")
        if answer.outcome is not Outcome.DONE:
            raise Errored(f"`info` gives no claims: {answer}", [Finding("OVSI-CLI-001", "info", "exit 0", str(answer))])
        fault = "it is no JSON document"
        try:
            found = parsed(answer.ran.stdout)
        except ValueError:
            pass
        else:
            faults = errors_by("info", found)
            if not faults:
                return dict(found)
            fault = faults[0]
        finding = Finding("OVSI-CLI-001", "info", "a document that satisfies the info schema", fault)
        raise Errored(f"`info` gives no claims: {fault}", [finding])


def _from_here(word: str) -> str:
    """A relative path to an existing file, made absolute: calls are made from `/`."""
    relative = "/" in word and not word.startswith(("/", "-"))
    return os.path.abspath(word) if relative and os.path.exists(word) else word


def _contract(got: str) -> Finding:
    return Finding("OVSI-CLI-004", "the command line", "an exit that the contract knows", got)
