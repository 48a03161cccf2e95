"""One point: the program runs in a fresh world under the tracer, what is left is judged, the next restore tried."""

from __future__ import annotations

import errno
import json
import os
import signal
import traceback
from dataclasses import asdict, dataclass, field
from typing import Any

from conformance.harness.busy import until_free

from . import system
from .judge import Judge, creates
from .launch import Program
from .scenario import SCENARIOS
from .tracer import FAIL, Call, Fault, Trace, Tracer
from .world import World

_LOADING = "<frozen importlib"
_COMMITTING = ("move_mount", "mount")


@dataclass(frozen=True)
class Setting:
    """Which program, on what, by which way of layer setup; warm or by exec."""

    program: str = "ovsi"
    scenario: str = "simple"
    setup: str | None = None
    warm: bool = True


@dataclass
class Outcome:
    """What came of a point. faults: what was left or wrong. calls: process, name, number of that name.

    last: the last line on stderr, result: the result file, each where the schemas still have to be asked about it.
    waited: how often the next restore was made again, for a descriptor of somebody's held what the killed one had made.
    """

    struck: str | None = None
    faults: list[str] = field(default_factory=list)
    ended: str = ""
    calls: list[tuple[int, str, int]] = field(default_factory=list)
    commits: list[tuple[int, str, int]] = field(default_factory=list)
    processes: int = 1
    last: str | None = None
    result: str | None = None
    stderr: str = ""
    waited: int = 0


def run(setting: Setting, fault: Fault | None) -> Outcome:
    """In a forked child, with which the mount namespace and all that is in it ends."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            system.adopt_orphans()
            outcome = _Case(setting, fault).run()
            with open(writing, "w") as answer:
                json.dump(asdict(outcome), answer)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the parent says that it failed
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(writing)
    with open(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    if not text:
        raise RuntimeError("the hostile kernel itself failed: see standard error")
    data: dict[str, Any] = json.loads(text)
    return Outcome(**data)


class _Case:
    def __init__(self, setting: Setting, fault: Fault | None) -> None:
        self.setting = setting
        self.fault = fault
        self.program = Program(setting.program)
        self.world = World(SCENARIOS[setting.scenario])
        self.judge = Judge(self.world)
        self.outcome = Outcome()
        self.created = False
        self.committed = 0

    def run(self) -> Outcome:
        errors = os.memfd_create("stderr")
        child = self._start(self.world.words, errors, traced=True)
        begins = self.program.begins(self.setting.warm)
        trace = Tracer(child, begins, self.fault, self._returned).run()
        self._record(trace, errors)
        self.outcome.faults += self._end_faults(trace)
        self.outcome.faults += self.judge.traces(self.created)
        self.outcome.faults += self.judge.clear()
        self.outcome.faults += [f"the next restore: {fault}" for fault in self._next_restore()]
        if self.world.holder is not None:
            os.kill(self.world.holder, signal.SIGKILL)
        return self.outcome

    def _start(self, words: list[str], errors: int, traced: bool) -> int:
        return self.program.start(
            words, errors, setup=self.setting.setup, warm=self.setting.warm or not traced, traced=traced
        )

    def _returned(self, call: Call) -> None:
        self.created = self.created or creates(call)
        if call.name in _COMMITTING and call.result is not None and call.result >= 0:
            mounted = len(self.judge.mounted())
            if mounted > self.committed:
                self.outcome.commits.append((call.task, call.name, call.nth))
            self.committed = mounted

    def _record(self, trace: Trace, errors: int) -> None:
        outcome = self.outcome
        outcome.calls = [(call.task, call.name, call.nth) for call in trace.calls]
        outcome.struck = trace.struck.word if trace.struck else None
        outcome.processes = trace.processes
        outcome.stderr = os.pread(errors, 1 << 20, 0).decode(errors="replace")
        outcome.faults += [f"a process is left: {process}" for process in trace.left]
        outcome.ended = _ending(trace)

    def _end_faults(self, trace: Trace) -> list[str]:
        outcome = self.outcome
        mounted = len(self.judge.mounted())
        outcome.result = self.judge.result()
        if outcome.ended == f"signal {signal.SIGKILL.value}" and self.fault is not None and self.fault.kind != FAIL:
            faults = [] if mounted == self.committed else [f"{self.committed} committed, {mounted} mounted"]
            return faults + (["a result without its mount"] if outcome.result is not None and not mounted else [])
        if not self.setting.warm and _LOADING in outcome.stderr:
            outcome.ended = "interpreter"  # it could not load a module: nothing of the program can answer for that
            return [f"{mounted} mounts"] if mounted else []
        faults = ["a traceback"] if "Traceback (most recent call last)" in outcome.stderr else []
        if outcome.ended == "exit 0":
            faults += [] if mounted == len(self.world.overlays) else [f"exit 0 with {mounted} mounts"]
            return faults + ([] if outcome.result is not None else ["exit 0 without a result file"])
        if outcome.ended != "exit 1":
            return [*faults, f"it ended with {outcome.ended}"]
        lines = [line for line in outcome.stderr.splitlines() if line.strip()]
        outcome.last = lines[-1] if lines else ""
        faults += [f"exit 1 with {mounted} mounts"] if mounted else []
        return faults + (["exit 1 with a result file"] if outcome.result is not None else [])

    def _next_restore(self) -> list[str]:
        """It works; with the mark of an unfinished volatile mount it names that, and works when told to accept it."""
        words = self.world.words
        faults = []
        if self.world.scenario.volatile and self.judge.dirty():
            code, said = self._restore(words)
            if code != 1 or '"volatile-leftovers"' not in said:
                faults.append(f"exit {code}, and the left-over mark is not named: {said}")
            words = [*words, "--accept", "volatile-leftovers"]
        try:
            until_free(lambda: self._restore_if_free(words))
        except OSError as failure:
            return [*faults, failure.strerror or ""]
        return faults + self.judge.traces(created=True)

    def _restore_if_free(self, words: list[str]) -> None:
        """Raises OSError: EBUSY for a refusal as in use, which whoever looks at all namespaces causes for a moment."""
        code, said = self._restore(words)
        if code == 0:
            return
        busy = code == 1 and '"category": "in-use"' in said
        self.outcome.waited += busy
        raise OSError(errno.EBUSY if busy else errno.EIO, f"exit {code}: {said}")

    def _restore(self, words: list[str]) -> tuple[int, str]:
        errors = os.memfd_create("stderr")
        child = self._start(words, errors, traced=False)
        _pid, status = os.waitpid(child, 0)
        lines = os.pread(errors, 1 << 20, 0).decode(errors="replace").splitlines()
        os.close(errors)
        return os.waitstatus_to_exitcode(status), lines[-1] if lines else ""


def _ending(trace: Trace) -> str:
    if trace.hung:
        return "no end in time"
    code = os.waitstatus_to_exitcode(trace.status)
    return f"signal {-code}" if code < 0 else f"exit {code}"
