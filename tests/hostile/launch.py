"""The program that is tried, started in a forked child: warm in this interpreter, or by exec as a user would.

Warm: the interpreter has all modules that a restore needs; the program begins at `main()`, after a mark. By exec: the
real command, which begins with the first call that names its package.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from . import ptrace

REPOSITORY = Path(__file__).resolve().parents[2]
_MARK = 0x0F51_0F51
"""A descriptor number that no one has: close(2) of it does nothing, and a tracer knows it."""

_SECONDS = 120
"""How long a run that is not traced may take."""

_PATH_OF = {"openat": 1, "newfstatat": 1, "stat": 0, "statx": 1, "readlink": 0}


class Program:
    """`module` has `main()`, and is what `python -m` runs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.module, self.package = ("ovsi.cli", "ovsi") if name == "ovsi" else ("tests.hostile.example",) * 2
        self.environment = {} if name == "ovsi" else {"EXAMPLE_DEFECT": name.partition(":")[2]}
        self.word = os.fsencode(f"/{self.package.replace('.', '/')}")

    def main(self) -> Callable[[], int]:
        """The function with which the program begins."""
        found: Callable[[], int] = importlib.import_module(self.module).main
        return found

    def begins(self, warm: bool) -> Callable[[int, str, tuple[int, ...]], bool]:
        """The test for the mark after which (warm), or the call with which, the program itself begins."""
        return _is_mark if warm else self._names_package

    def _names_package(self, pid: int, name: str, arguments: tuple[int, ...]) -> bool:
        where = _PATH_OF.get(name)
        return where is not None and self.word in ptrace.string_at(pid, arguments[where])

    def start(self, words: list[str], errors: int, *, setup: str | None, warm: bool, traced: bool) -> int:
        """Fork a child that runs it with `words` and stderr to `errors`; traced: it stops for its parent first."""
        environment = {"LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", "/usr/bin:/bin"), **self.environment}
        environment |= {"OVSI_SETUP": setup} if setup else {}
        sys.stdout.flush()
        child = os.fork()
        if child:
            return child
        try:
            self._in_child(words, errors, environment, warm, traced)
        finally:
            os._exit(70)

    def _in_child(self, words: list[str], errors: int, environment: dict[str, str], warm: bool, traced: bool) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        null = os.open("/dev/null", os.O_RDWR)
        for ours, theirs in ((null, 0), (null, 1), (errors, 2)):
            os.dup2(ours, theirs)
        os.closerange(3, 4096)
        os.chdir("/")
        if not traced:
            signal.alarm(_SECONDS)
        if warm:
            sys.argv = [self.package, *words]
            os.environ.clear()
            os.environ.update(environment)
            self._enter(traced)
        environment |= {"PYTHONPATH": os.pathsep.join((str(REPOSITORY / "reference"), str(REPOSITORY)))}
        environment |= {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        _stop_for_tracer(traced)
        os.execve(sys.executable, [sys.executable, "-s", "-m", self.package, *words], environment)

    def _enter(self, traced: bool) -> NoReturn:
        main = self.main()
        _stop_for_tracer(traced)
        with contextlib.suppress(OSError):
            os.close(_MARK)
        code: object = 1
        try:
            code = main()
        except SystemExit as end:
            code = end.code
        except BaseException:  # noqa: BLE001 - what the interpreter would do at its end
            traceback.print_exc()
        finally:
            os._exit(code if isinstance(code, int) else 1)


def _is_mark(_pid: int, name: str, arguments: tuple[int, ...]) -> bool:
    return name == "close" and arguments[0] == _MARK


def _stop_for_tracer(traced: bool) -> None:
    if traced:
        ptrace.trace_me()
        os.kill(os.getpid(), signal.SIGSTOP)
