"""Small errands inside a sandbox: files, processes, an implementation to run."""

import os
from collections.abc import Sequence

from . import command
from .agent import World
from .command import Ran


def execute(world: World, argv: Sequence[bytes], limit: float) -> Ran:
    """Run a command as the contract says."""
    return command.run(argv, limit)


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


def names(world: World, directory: bytes) -> tuple[bytes, ...]:
    return tuple(sorted(os.listdir(directory)))


def count_processes(world: World) -> int:
    """How many processes there are; of this sandbox alone where it has its own /proc."""
    return sum(name.isdigit() for name in os.listdir("/proc"))
