"""Small errands inside a sandbox: files, processes, an implementation to run."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from . import command, kernel
from .agent import World
from .command import Ran

_AT_MOST = 4000
"""Of a path, in bytes, that one call is given: the kernel takes 4095."""


@contextmanager
def shortened(path: bytes) -> Iterator[bytes]:
    """A path to the same name that the kernel takes, where the path may be of any length."""
    held = None
    while len(path) > _AT_MOST:
        first = path[:_AT_MOST].rpartition(b"/")[0]
        above, held = held, os.open(first, os.O_PATH | os.O_DIRECTORY)
        path = b"/proc/self/fd/%d/%s" % (held, path[len(first) + 1 :])
        if above is not None:
            os.close(above)
    try:
        yield path
    finally:
        if held is not None:
            os.close(held)


def execute(world: World, argv: Sequence[bytes], limit: float, given: bytes | None = None) -> Ran:
    """Run a command as the contract says."""
    return command.run(argv, limit, given=given)


def make_directory(world: World, path: bytes) -> None:
    os.makedirs(path, exist_ok=True)


def read(world: World, path: bytes) -> bytes | None:
    """The content of a file; None where there is none."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def write(world: World, path: bytes, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def link(world: World, old: bytes, new: bytes) -> None:
    os.link(old, new)


def symlink(world: World, target: bytes, place: bytes) -> None:
    os.symlink(target, place)


def permissions(world: World, path: bytes, mode: int | None = None) -> int:
    """The permission bits of what lies there, after they were set where `mode` says to what; -1 for a link."""
    if mode is not None:
        os.chmod(path, mode)
    status = os.lstat(path)
    return -1 if stat.S_ISLNK(status.st_mode) else stat.S_IMODE(status.st_mode)


def watch(world: World, directory: bytes) -> int:
    """A descriptor that tells which names come into a directory by rename from now on."""
    return kernel.watch_moves_into(directory)


def moved(world: World, watching: int) -> tuple[bytes, ...]:
    """The names that came into a watched directory by rename; the watch ends."""
    try:
        return kernel.moves(watching)
    finally:
        os.close(watching)


def names(world: World, directory: bytes) -> tuple[bytes, ...]:
    return tuple(sorted(os.listdir(directory)))


def count_processes(world: World) -> int:
    """How many processes there are; of this sandbox alone where it has its own /proc."""
    return sum(name.isdigit() for name in os.listdir("/proc"))
