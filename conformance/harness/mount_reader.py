"""Read a mount itself: what it shows, where a write lands. Runs inside a sandbox."""

import os
import shutil
import stat
from dataclasses import dataclass

from . import kernel, mounts, snapshot, teller
from .agent import World
from .mounts import Mount

Shown = dict[bytes, bytes | None]
"""Path -> content of the file, None for a directory."""


@dataclass(frozen=True)
class Landing:
    """Where a write through a mount was found: labels of sources that hold the new file. `refused`: why it failed."""

    labels: tuple[str, ...]
    refused: str = ""


def read(world: World, at: bytes) -> Shown:
    """Everything that the mount at `at` shows."""
    found: Shown = {}
    for directory, names, files in os.walk(at):
        below = os.path.relpath(directory, at)
        for name in (*names, *files):
            path = os.path.normpath(os.path.join(below, name))
            found[path] = _content(os.path.join(directory, name))
    return found


def _content(path: bytes) -> bytes | None:
    """Of a file its content; what can't be read says why: so do overlays that are not what they look like."""
    try:
        mode = os.lstat(path).st_mode
        return snapshot.content(path, mode) if stat.S_ISREG(mode) else None
    except OSError as error:
        return f"unreadable: {error.strerror}".encode()


def write(world: World, at: bytes, name: bytes, content: bytes) -> Landing:
    """Write a file through the mount; see, by descriptors held since before, which source it landed in."""
    try:
        with open(os.path.join(at, name), "wb") as file:
            file.write(content)
    except OSError as error:
        return Landing((), str(error))
    return Landing(tuple(label for label, held in world.held.items() if _holds(held, name, content)))


def _holds(directory: int, name: bytes, content: bytes) -> bool:
    try:
        with open(os.open(name, os.O_RDONLY, dir_fd=directory), "rb") as file:
            return file.read() == content
    except OSError:
        return False


def table(world: World) -> list[Mount]:
    return [teller.with_unique_id(mount) for mount in mounts.table()]


def unmount(world: World, points: list[bytes]) -> None:
    """Unmount what is on top at each of these."""
    for point in points:
        kernel.umount_wholly(point)


def clean_work(world: World) -> bool:
    """Remove what overlayfs left in the work directory, so that it tells when it is used again; whether it was used.

    It was not where the kernel could make nothing in it, and mounted read-only for that.
    """
    used = "work" in world.held and os.path.exists(b"/proc/self/fd/%d/work" % world.held["work"])
    if "work" in world.held:
        for name in (b"work", b"index"):
            shutil.rmtree(b"/proc/self/fd/%d/%s" % (world.held["work"], name), ignore_errors=True)
    return used
