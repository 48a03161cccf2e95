"""Processes of a sandbox that watch, or exchange directories, while an implementation works. Runs inside a sandbox."""

import os
import select
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import kernel, mounts
from .agent import World

_BEAT = 1
"""Milliseconds for which a directory stays where it is."""


@dataclass(frozen=True)
class Busy:
    """A process at work: it ends when `stop` is closed, and what it has to tell comes out of `told`."""

    pid: int
    stop: int
    told: int


def _start(work: Callable[[int], bytes]) -> Busy:
    """A process that does `work` of the descriptor that hangs up when it is to end; returns when it has begun."""
    stopped, stop = os.pipe()
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            kernel.die_with_parent()
            os.close(stop)
            os.write(tell, b"\n")
            os.write(tell, work(stopped))
        finally:
            os._exit(0)
    os.close(stopped)
    os.close(tell)
    os.read(told, 1)
    return Busy(pid, stop, told)


def end(world: World, busy: Busy) -> bytes:
    """End it; what it tells."""
    os.close(busy.stop)
    with open(busy.told, "rb") as file:
        told = file.read()
    os.waitpid(busy.pid, 0)
    return told


def exchange(world: World, place: bytes, others: Sequence[bytes]) -> Busy:
    """Put what lies at each of `others` in turn in the place of `place`, and what was there where that lay."""

    def work(stopped: int) -> bytes:
        rounds = 0
        while not select.select([stopped], [], [], _BEAT / 1000)[0]:
            kernel.exchange(place, others[rounds % len(others)])
            rounds += 1
        return b"%d" % rounds

    return _start(work)


def watch(world: World, point: bytes) -> Busy:
    """Tell, a line each, in which forms an overlay was seen at `point`."""

    def work(stopped: int) -> bytes:
        seen: list[bytes] = []
        poll = select.poll()
        with open("/proc/self/mountinfo", "rb") as table:
            poll.register(table, select.POLLPRI)
            poll.register(stopped)
            while True:
                seen += [form for form in _forms(point) if form not in seen]
                if any(descriptor == stopped for descriptor, _ in poll.poll()):
                    return b"\n".join(seen)

    return _start(work)


def _forms(point: bytes) -> list[bytes]:
    return [form(mount) for mount in mounts.table() if mount.point == point and mount.kind == "overlay"]


def form(mount: mounts.Mount) -> bytes:
    """What a mount is but for its numbers: attributes, then kinds of propagation."""
    return ",".join((*sorted(mount.attributes), *sorted(name for name, _ in mount.propagation))).encode()
