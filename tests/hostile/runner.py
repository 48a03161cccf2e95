"""Which points there are, their distribution over the workers, and the report."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any

import jsonschema

from . import errnos
from .case import Outcome, Setting
from .launch import REPOSITORY
from .tracer import FAIL, KILL, KILL_MAIN, Fault

ALLOCATOR = ("brk", "mmap", "munmap", "mremap", "madvise", "mprotect")
"""Calls that may come and go between two runs of one program: a point at one of them may not be met again."""


class BrokenRunError(Exception):
    """The run can't be made, or says nothing: the reason."""


class Worker:
    """A worker process, asked one thing at a time."""

    def __init__(self, initial: bool) -> None:
        words = [sys.executable, "-m", f"{__package__}.worker", *(["--initial"] if initial else [])]
        environment = os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(words, cwd=REPOSITORY, env=environment, stdin=pipe, stdout=pipe, text=True)

    def ask(self, setting: Setting, fault: Fault | None) -> Outcome:
        """Try one point, or look at a run without a fault. Raises BrokenRunError where the worker itself fails."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        request = {"setting": asdict(setting), "fault": asdict(fault) if fault else None}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise BrokenRunError("a worker ended: see its traceback above")
        outcome = Outcome(**json.loads(line))
        outcome.calls = [(task, name, nth) for task, name, nth in outcome.calls]  # JSON made lists of them
        outcome.commits = [(task, name, nth) for task, name, nth in outcome.commits]
        outcome.faults += document_faults(outcome)
        return outcome

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


@dataclass
class Tally:
    """A run over all points of a setting. left: each point that left a trace, with its outcome.

    waited: points after which the next restore had to wait for somebody who looks at all namespaces; alone, for no one.
    """

    setting: Setting
    calls: int = 0
    processes: int = 0
    commits: int = 0
    points: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    left: list[tuple[Fault, Outcome]] = field(default_factory=list)
    missed: list[Fault] = field(default_factory=list)
    waited: list[Fault] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        return not self.left and all(fault.name in ALLOCATOR for fault in self.missed)


def sweep(
    setting: Setting,
    kinds: Iterable[str],
    *,
    workers: int = 2,
    initial: bool = False,
    choose: Callable[[Fault, Outcome], bool] | None = None,
    told: Callable[[Tally, Fault, Outcome], None] | None = None,
) -> Tally:
    """Try every point of these kinds (`kill`, `fail`) that `choose` takes, `told` of each that leaves a trace."""
    began = time.monotonic()
    crew = [Worker(initial) for _ in range(workers)]
    try:
        baseline = crew[0].ask(setting, None)
        if baseline.faults or baseline.ended != "exit 0":
            raise BrokenRunError(
                f"without any fault it ends with {baseline.ended}: {baseline.faults} {baseline.stderr}"
            )
        tally = Tally(setting, len(baseline.calls), baseline.processes, len(baseline.commits))
        wanted = [fault for fault in points(baseline, set(kinds)) if choose is None or choose(fault, baseline)]
        _try_all(crew, setting, wanted, tally, told)
    finally:
        for worker in crew:
            worker.close()
    tally.seconds = time.monotonic() - began
    return tally


def points(baseline: Outcome, kinds: set[str]) -> list[Fault]:
    """Every point. Raises BrokenRunError for a call that no table knows."""
    gaps = {name for _, name, _ in baseline.calls} - set(errnos.ERRNOS) - errnos.NEVER_FAIL
    if gaps:
        raise BrokenRunError(f"the table tests/hostile/errnos.py does not know {', '.join(sorted(gaps))}")
    found = []
    for task, name, nth in baseline.calls:
        if KILL in kinds:
            found.append(Fault(task, name, nth, KILL))
            if task:
                found.append(Fault(task, name, nth, KILL_MAIN))
        if FAIL in kinds:
            found += [Fault(task, name, nth, FAIL, number) for number in errnos.ERRNOS.get(name, ())]
    return found


def _try_all(
    crew: list[Worker],
    setting: Setting,
    wanted: list[Fault],
    tally: Tally,
    told: Callable[[Tally, Fault, Outcome], None] | None,
) -> None:
    todo: queue.SimpleQueue[Fault] = queue.SimpleQueue()
    for point in wanted:
        todo.put(point)
    lock = threading.Lock()
    broken: list[BrokenRunError] = []

    def work(worker: Worker) -> None:
        try:
            while not broken:
                fault = todo.get_nowait()
                outcome = worker.ask(setting, fault)
                with lock:
                    _count(tally, fault, outcome)
                    if outcome.faults and told is not None:
                        told(tally, fault, outcome)
        except queue.Empty:
            return
        except BrokenRunError as reason:
            broken.append(reason)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in crew]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if broken:
        raise broken[0]


def _count(tally: Tally, fault: Fault, outcome: Outcome) -> None:
    if outcome.struck is None:
        tally.missed.append(fault)
    tally.points[fault.kind] += 1
    tally.ended[outcome.ended] += 1
    if outcome.waited:
        tally.waited.append(fault)
    if outcome.faults:
        tally.left.append((fault, outcome))


def text_of(fault: Fault) -> str:
    """A point as `--only` takes it."""
    what = {KILL: "KILL", KILL_MAIN: "KILL-MAIN"}.get(fault.kind) or errnos.name_of(fault.number)
    return f"{fault.task}.{fault.name}#{fault.nth}:{what}"


def document_faults(outcome: Outcome) -> list[str]:
    """What the schemas say about the error object and the result file."""
    faults = []
    if outcome.last is not None:
        faults += _invalid("error", outcome.last, "the last line on stderr")
    if outcome.result is not None:
        faults += _invalid("result", outcome.result, "the result file")
    return faults


def _invalid(kind: str, text: str, what: str) -> list[str]:
    try:
        document: Any = json.loads(text)
    except ValueError:
        return [f"{what} is no JSON: {text[:200]!r}"]
    errors = list(_validator(kind).iter_errors(document))
    return [f"{what} is not valid: {errors[0].message}"] if errors else []


@cache
def _validator(kind: str) -> Any:
    with open(REPOSITORY / "schemas" / f"{kind}.json") as file:
        return jsonschema.Draft202012Validator(json.load(file))
