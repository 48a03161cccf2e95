"""Work in a child process, its outcome brought back with descriptors: namespaces are entered there, never here.

A descriptor that the child opened outlives it, a mount of its private namespace does not. The child dies with its
parent, so that a restore that is killed leaves no one behind who goes on mounting.
"""

from __future__ import annotations

import _socket
import errno
import marshal
import os
import sys

from ..errors import Refusal
from ..linux import foreign
from ..linux.syscall import libc_function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Outcome = tuple[object, Sequence[int]]

_PR_SET_PDEATHSIG = 1
_SIGKILL = 9
_MOST_DESCRIPTORS = 253  # SCM_MAX_FD
_MOST_BYTES = 1 << 16
_SIZE = foreign.sizeof(foreign.c_int)

_prctl = libc_function("prctl", foreign.c_int, foreign.c_ulong, foreign.c_ulong, foreign.c_ulong, foreign.c_ulong)

_ending: list[int] = []  # children that have said all that they had to


def in_child(work: Callable[[], Outcome], leave: Callable[[], None] | None = None) -> tuple[object, list[int]]:
    """Run `work` in a forked child and return what it returns: plain data, and descriptors, here under new numbers.

    With `leave`, which is run when the child has said that, the child is waited for by `reap`: that and the end of its
    namespaces take a while, in which there is work to do here.
    Raises what `work` raised, if that was a Refusal or an OSError; OSError EPIPE where the child ended without a word.
    """
    here, there = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        here.close()
        _work_and_exit(work, leave, there, parent)
    there.close()
    _ending.append(child)
    kind = ""
    value: Any = None
    descriptors: list[int] = []
    try:
        data, descriptors = _receive(here)
        if data:
            kind, value = marshal.loads(data)
    finally:
        here.close()
        if kind != "done" or leave is None:
            reap()
    if kind == "done":
        return value, descriptors
    for fd in descriptors:
        os.close(fd)
    if kind == "refusal":
        raise Refusal(*value)
    if kind == "oserror":
        raise OSError(*value)
    raise OSError(errno.EPIPE, "a child process of the restore ended without an answer")


def reap() -> None:
    """Wait for the children that linger."""
    while _ending:
        os.waitpid(_ending[-1], 0)
        _ending.pop()


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    _prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)


def _work_and_exit(
    work: Callable[[], Outcome], leave: Callable[[], None] | None, answer: _socket.socket, parent: int
) -> None:
    code = 1
    _ending.clear()  # which are the parent's
    try:
        die_with_parent()
        if os.getppid() == parent:
            _send(answer, *_outcome(work))
            if leave is not None:
                leave()
            reap()
            code = 0
    finally:
        os._exit(code)


def _outcome(work: Callable[[], Outcome]) -> tuple[bytes, Sequence[int]]:
    try:
        value, descriptors = work()
    except Refusal as refusal:
        return marshal.dumps(("refusal", (refusal.code, refusal.message, refusal.subject))), ()
    except KeyboardInterrupt as interrupt:
        return marshal.dumps(("refusal", ("interrupted", str(interrupt), ""))), ()
    except OSError as failure:
        return marshal.dumps(("oserror", (failure.errno, failure.strerror, failure.filename))), ()
    return _packed(value), descriptors


def _packed(value: object) -> bytes:
    return marshal.dumps(("done", value))  # type: ignore[arg-type]  # ValueError if it is not plain data


def _send(answer: _socket.socket, data: bytes, descriptors: Sequence[int]) -> None:
    """Pieces of data with a batch of descriptors each; an empty piece ends them."""
    start = 0
    while data or start < len(descriptors):
        batch = b"".join(fd.to_bytes(_SIZE, sys.byteorder) for fd in descriptors[start : start + _MOST_DESCRIPTORS])
        ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, batch)] if batch else []
        answer.sendmsg([b"+" + data[:_MOST_BYTES]], ancillary)
        data = data[_MOST_BYTES:]
        start += _MOST_DESCRIPTORS
    answer.sendmsg([b"."])


def _receive(answer: _socket.socket) -> tuple[bytes, list[int]]:
    data = b""
    descriptors: list[int] = []
    room = _socket.CMSG_SPACE(_MOST_DESCRIPTORS * _SIZE)
    while True:
        piece, ancillary, _flags, _address = answer.recvmsg(_MOST_BYTES + 1, room, _socket.MSG_CMSG_CLOEXEC)
        for _level, _kind, content in ancillary:
            for start in range(0, len(content) - _SIZE + 1, _SIZE):
                descriptors.append(int.from_bytes(content[start : start + _SIZE], sys.byteorder))
        if piece[:1] != b"+":
            return (data if piece == b"." else b""), descriptors
        data += piece[1:]
