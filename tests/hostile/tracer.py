"""Drive a stopped child and all its descendants through their system calls, and strike at one of them.

A call is named by its process, its name and how many of that name the process made before it, from the mark on that
says where the program itself begins: `1.openat#3`. Its plain number says less: the allocator's calls (brk, mmap) come
and go between runs. Processes are numbered in the order in which they were forked, the program's first one is 0.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from . import ptrace
from .names import name_of

RUN_SECONDS = 120.0
GRACE_SECONDS = 5.0
"""How long processes may live on after the program itself. Both are long enough for a machine that is busy."""

KILL, KILL_MAIN, FAIL = "kill", "kill-main", "fail"

_OPTIONS = (
    ptrace.O_TRACESYSGOOD
    | ptrace.O_TRACEFORK
    | ptrace.O_TRACEVFORK
    | ptrace.O_TRACECLONE
    | ptrace.O_TRACEEXEC
    | ptrace.O_EXITKILL
)
_FORKS = (ptrace.EVENT_FORK, ptrace.EVENT_VFORK, ptrace.EVENT_CLONE)
_CALL_STOP = signal.SIGTRAP | 0x80
_DONE_BEFORE_IT_FAILS = ("close",)
"""Calls that have done their work even where they return an error: made, and their result replaced."""

_STRINGS = {
    "openat": 1, "openat2": 1, "newfstatat": 1, "statx": 1, "readlinkat": 1, "unlinkat": 1, "mkdirat": 1, "open": 0,
    "readlink": 0, "access": 0, "chdir": 0, "mkdir": 0, "unlink": 0, "rmdir": 0, "fsopen": 0, "fsconfig": 2,
    "open_tree": 1, "move_mount": 3, "mount_setattr": 1, "mount": 1, "umount2": 0, "execve": 0, "renameat": 3,
    "renameat2": 3, "rename": 1, "linkat": 3, "name_to_handle_at": 1, "statfs": 0, "lstat": 0, "stat": 0,
}  # fmt: skip
_HEADS = {"openat", "openat2", "newfstatat", "statx", "readlinkat", "unlinkat", "mkdirat", "open_tree", "mount_setattr"}


class LateError(Exception):
    """The time of a run is over."""


@dataclass(frozen=True)
class Fault:
    """What happens at the entry of a call of process `task`: the one after `nth` others of that name.

    kind: KILL, KILL_MAIN or FAIL; number: the errno, where the call is to fail.
    """

    task: int
    name: str
    nth: int
    kind: str
    number: int = 0


@dataclass
class Call:
    """A call that was entered. result is None where it never returned; `made`: the kernel made it."""

    task: int
    name: str
    nth: int
    arguments: tuple[int, ...]
    word: str = ""
    result: int | None = None
    made: bool = True


@dataclass
class Trace:
    """What happened. status: of waitpid(2), of the program's first process; struck: the call at which the fault was."""

    calls: list[Call] = field(default_factory=list)
    status: int = -1
    struck: Call | None = None
    left: list[str] = field(default_factory=list)
    hung: bool = False
    processes: int = 1


@dataclass
class _Task:
    ordinal: int
    counting: bool
    calls: Counter[str] = field(default_factory=Counter)
    call: Call | None = None
    started: bool = False


class Tracer:
    """One run. begins: whether a call that is about to be made is the mark; returned: told of every result."""

    def __init__(
        self,
        main: int,
        begins: Callable[[int, str, tuple[int, ...]], bool],
        fault: Fault | None = None,
        returned: Callable[[Call], None] | None = None,
    ) -> None:
        self.main = main
        self.begins = begins
        self.fault = fault
        self.returned = returned
        self.trace = Trace()
        self.tasks: dict[int, _Task] = {}
        self.alive: set[int] = set()
        self.early: set[int] = set()
        self.waiting: int | None = None

    def run(self) -> Trace:
        """From the child's first stop until no process of the program is left."""
        signal.signal(signal.SIGALRM, _late)
        signal.setitimer(signal.ITIMER_REAL, RUN_SECONDS)
        try:
            self._begin()
            while self.alive:
                self._step(*os.waitpid(-1, ptrace.WALL))
        except LateError:
            self.trace.hung = self.main in self.alive
            self.trace.left = [f"{pid} ({ptrace.name_of_process(pid)})" for pid in sorted(self.alive - {self.main})]
        finally:
            self._end()
            signal.setitimer(signal.ITIMER_REAL, 0)
        self.trace.processes = len(self.tasks)
        return self.trace

    def _begin(self) -> None:
        _pid, status = os.waitpid(self.main, ptrace.WALL)
        if not os.WIFSTOPPED(status):
            raise RuntimeError(f"the program ended before it began: status {status:#x}")
        ptrace.ptrace(ptrace.SETOPTIONS, self.main, None, _OPTIONS)
        self._adopt(self.main)
        self.tasks[self.main].counting = False
        self.tasks[self.main].started = True
        self._resume(self.main)

    def _adopt(self, pid: int) -> None:
        self.tasks[pid] = _Task(len(self.tasks), counting=True)
        self.alive.add(pid)

    def _step(self, pid: int, status: int) -> None:
        if os.WIFSTOPPED(status):
            if pid in self.tasks:
                self._stopped(pid, os.WSTOPSIG(status), status >> 16)
            else:
                self.early.add(pid)  # a child whose parent's event is still to come
        elif pid in self.alive:
            self.alive.discard(pid)
            if pid == self.main:
                self._main_ended(status)

    def _main_ended(self, status: int) -> None:
        self.trace.status = status
        signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)
        if self.waiting is not None:
            self._resume(self.waiting)

    def _stopped(self, pid: int, number: int, event: int) -> None:
        task = self.tasks[pid]
        if number == _CALL_STOP:
            self._at_call(pid, task)
        elif event:
            if event in _FORKS:
                self._forked(ptrace.event_message(pid))
            self._resume(pid)
        elif number == signal.SIGSTOP and not task.started:
            task.started = True
            self._resume(pid)
        else:
            self._resume(pid, number)

    def _forked(self, child: int) -> None:
        self._adopt(child)
        if child in self.early:
            self.early.discard(child)
            self.tasks[child].started = True
            self._resume(child)

    def _at_call(self, pid: int, task: _Task) -> None:
        try:
            info = ptrace.call_info(pid)
        except ProcessLookupError:  # killed meanwhile
            return
        if isinstance(info, ptrace.Entry):
            self._entered(pid, task, name_of(info.number), info.arguments)
        else:
            if isinstance(info, ptrace.Exit) and task.call is not None:
                self._left(pid, task, task.call, info.result)
            self._resume(pid)

    def _entered(self, pid: int, task: _Task, name: str, arguments: tuple[int, ...]) -> None:
        if not task.counting:
            task.counting = self.begins(pid, name, arguments)
            self._resume(pid)
            return
        call = task.call = Call(task.ordinal, name, task.calls[name], arguments)
        task.calls[name] += 1
        self.trace.calls.append(call)
        if name == "mount":
            call.word = os.fsdecode(ptrace.string_at(pid, arguments[2]))
        fault = self.fault
        if fault is None or (fault.task, fault.name, fault.nth) != (call.task, call.name, call.nth):
            self._resume(pid)
            return
        self.trace.struck = call
        call.word = described(pid, call)
        self._strike(pid, call, fault)

    def _strike(self, pid: int, call: Call, fault: Fault) -> None:
        if fault.kind == FAIL:
            call.made = call.name in _DONE_BEFORE_IT_FAILS
            if not call.made:
                ptrace.skip_call(pid)
            self._resume(pid)
            return
        call.made = False
        if fault.kind == KILL_MAIN and pid != self.main:
            self.waiting = pid  # goes on when the program's first process is gone
            ptrace.kill(self.main)
        else:
            ptrace.kill(pid)

    def _left(self, pid: int, task: _Task, call: Call, result: int) -> None:
        task.call = None
        if call is self.trace.struck and self.fault is not None and self.fault.kind == FAIL:
            result = -self.fault.number
            ptrace.set_result(pid, result)
        call.result = result
        if self.returned is not None:
            self.returned(call)

    def _resume(self, pid: int, number: int = 0) -> None:
        try:
            ptrace.ptrace(ptrace.SYSCALL, pid, None, number)
        except ProcessLookupError:
            return  # killed meanwhile: its end will be reported

    def _end(self) -> None:
        """Nothing of the program outlives its run; its time does not matter any more."""
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        for pid in self.alive | self.early:
            ptrace.kill(pid)
        while self.alive:
            self._step(*os.waitpid(-1, ptrace.WALL))


def described(pid: int, call: Call) -> str:
    """The call as people write it, with the one string that tells most."""
    where = _STRINGS.get(call.name)
    if where is None:
        return f"{call.name}({', '.join(_number(value) for value in call.arguments[:3])})"
    address = call.arguments[where]
    word = repr(os.fsdecode(ptrace.string_at(pid, address, 200))) if address else "NULL"
    first = call.arguments[:2] if call.name == "fsconfig" else call.arguments[:1] if call.name in _HEADS else ()
    return f"{call.name}({', '.join([*(_number(value) for value in first), word])}, …)"


def _number(value: int) -> str:
    if value >= 1 << 63:
        value -= 1 << 64
    elif 1 << 31 <= value < 1 << 32:
        value -= 1 << 32  # a descriptor: AT_FDCWD
    return str(value) if abs(value) < 1 << 20 else hex(value)


def _late(_number: int, _frame: object) -> None:
    raise LateError
