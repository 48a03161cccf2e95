"""The near side of a sandbox: ask for one, have functions executed in it, throw it away."""

import array
import atexit
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

from . import agent
from .agent import Surroundings, World

P = ParamSpec("P")
T = TypeVar("T")

_BOOT = """
import sys, importlib
sys.path.insert(0, sys.argv[1])
importlib.import_module(sys.argv[2]).nursery(int(sys.argv[3]))
"""


class SandboxError(Exception):
    """Something in the suite's own work inside a sandbox went wrong: never the fault of what is tested."""


class Sandbox:
    """A root file system, mount table and process table of its own. Use as a context manager.

    `pid`: its first process, as /proc outside names it. Inside, that process is `inner_pid`.
    """

    def __init__(self, surroundings: Surroundings) -> None:
        self.surroundings = surroundings
        self._channel, theirs = socket.socketpair()
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))]
        _nursery().sendmsg([pickle.dumps(surroundings)], ancillary)
        theirs.close()
        self.pid: int = self._expect("pid")
        self._expect("ready")
        self.inner_pid = 1 if surroundings.pid_namespace else self.pid

    def _expect(self, kind: str) -> Any:
        try:
            got, value = agent.receive(self._channel)
        except (EOFError, ConnectionError) as error:
            raise SandboxError(f"the sandbox ended: {error}") from None
        if got == kind:
            return value
        raise SandboxError(str(value))

    def do(self, function: Callable[Concatenate[World, P], T], *arguments: P.args, **_: P.kwargs) -> T:
        """Execute a module-level function of the suite inside, as `function(world, *arguments)`."""
        agent.send(self._channel, (function, arguments))
        result: T = self._expect("done")
        return result

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@cache
def _nursery() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    package = (__package__ or "").split(".")
    above = Path(__file__).resolve().parents[len(package)]
    argv = [sys.executable, "-I", "-S", "-c", _BOOT, str(above), agent.__name__, str(theirs.fileno())]
    # in a session of its own: a Ctrl-C is for the suite, which has its report to write, and asks for sandboxes then
    process = subprocess.Popen(argv, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True)
    theirs.close()

    @atexit.register
    def _end() -> None:
        ours.close()
        process.wait()

    return ours


@cache
def why_no_sandbox(surroundings: Surroundings) -> str | None:
    """Why such a sandbox can't be had here; None where it can."""
    if not surroundings.user_namespace and not real_root():
        return "needs real root in the initial user namespace"
    try:
        with Sandbox(surroundings):
            return None
    except SandboxError as error:
        return f"no sandbox: {error}"


@cache
def real_root() -> bool:
    """Whether the suite itself runs as root in the initial user namespace."""
    with open("/proc/self/uid_map") as file:
        return os.geteuid() == 0 and file.read().split() == ["0", "0", "4294967295"]
