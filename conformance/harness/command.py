"""Run one command the way the specification says: on both sides of a sandbox's wall, this is the only way."""

import ctypes
import os
import resource
import select
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

OUTPUT_LIMIT = 256 << 20
_PR_SET_CHILD_SUBREAPER = 36
_NOTHING = (ctypes.c_ulong(0),) * 3
_libc = ctypes.CDLL(None)


@dataclass(frozen=True)
class Ran:
    """What came of a command. `code` is None where it was killed for taking too long; negative: died of that signal.

    `lingering`: it left processes behind, of its group or of another.
    """

    argv: tuple[bytes, ...]
    code: int | None
    stdout: bytes
    stderr: bytes
    absent: bool = False
    lingering: bool = False


def contract_environment() -> dict[bytes, bytes]:
    return {**os.environb, b"LC_ALL": b"C.UTF-8"}


def run(argv: Sequence[bytes], limit: float, pass_fds: Sequence[int] = (), given: bytes | None = None) -> Ran:
    """Run `argv` with cwd /, LC_ALL=C.UTF-8 and `limit` seconds; its process group does not outlive it.

    Its stdin is /dev/null, or holds what is `given`.

    Output goes to memory files, so that a child that lingers with an open descriptor can't hold the caller up.
    """
    out, err = os.memfd_create("stdout"), os.memfd_create("stderr")
    feed = subprocess.DEVNULL if given is None else _holding(given)
    try:
        with _children_adopted() as known:
            with _output_limited():
                process = subprocess.Popen(
                    argv,
                    stdin=feed,
                    stdout=out,
                    stderr=err,
                    cwd="/",
                    env=contract_environment(),
                    start_new_session=True,
                    pass_fds=pass_fds,
                )
            code = _wait(process, limit)
            lingering = _end_group(process.pid) | _end_strays(known)
        return Ran(tuple(argv), code, _content(out), _content(err), lingering=lingering)
    except OSError as error:  # of exec: not there, a directory, not executable, no program
        return Ran(tuple(argv), 127, b"", str(error).encode(), absent=True)
    finally:
        for descriptor in (out, err, feed):
            if descriptor >= 0:
                os.close(descriptor)


def _holding(data: bytes) -> int:
    file = os.memfd_create("stdin")
    os.pwrite(file, data, 0)
    return file


@contextmanager
def _children_adopted() -> Iterator[set[int]]:
    """What loses its parent meanwhile becomes a child of this process; the children that there were before."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1), *_NOTHING)
    try:
        yield _children()
    finally:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(0), *_NOTHING)


def _children() -> set[int]:
    found: set[int] = set()
    for thread in os.listdir("/proc/self/task"):
        with suppress(OSError), open(f"/proc/self/task/{thread}/children") as file:  # no kernel has to have it
            found.update(map(int, file.read().split()))
    return found


def _end_strays(known: set[int]) -> bool:
    """Kill every child but those that are known, and what becomes a child by that; whether one of them was alive."""
    alive = False
    while strays := _children() - known:
        known |= strays
        for each in strays:
            with suppress(OSError):
                if os.waitpid(each, os.WNOHANG) == (0, 0):
                    alive = True
                    os.kill(each, signal.SIGKILL)
                    os.waitpid(each, 0)
    return alive


@contextmanager
def _output_limited() -> Iterator[None]:
    """What is started meanwhile inherits the limit. For a function in the child the caller would be copied."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    within = OUTPUT_LIMIT if hard == resource.RLIM_INFINITY else min(OUTPUT_LIMIT, hard)
    resource.setrlimit(resource.RLIMIT_FSIZE, (within, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _wait(process: subprocess.Popen[bytes], limit: float) -> int | None:
    pidfd = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        ended = bool(poll.poll(limit * 1000))
    finally:
        os.close(pidfd)
    if not ended:
        _end_group(process.pid)
    code = process.wait()
    return code if ended else None


def _end_group(group: int) -> bool:
    """Kill what is left of a process group; whether there was anything."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
        return True
    return False


def _content(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
