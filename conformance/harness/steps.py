"""What happens to a stack after it was mounted: sources move and vanish, decoys appear where a guess would look."""

import os
import signal

from . import builder, kernel
from .agent import World
from .content import fill
from .stack import LazyUnmount, Linked, Lookalikes, Rename, Source, Stack, Standing, Step, Twin

DECOY = "decoy"
"""The nonce in the contents of everything that is not a source."""


def take(world: World, stack: Stack, step: Step, names: dict[str, bytes], paths: dict[str, bytes | None]) -> None:
    """Do one step. By label: `names` as the mounter gave them; `paths` inside their file systems, kept true."""
    match step:
        case LazyUnmount(filesystem):
            kernel.umount(stack.filesystem(filesystem).at, kernel.MNT_DETACH)
        case Rename(label, path):
            _rename(stack, label, path, paths)
        case Lookalikes(below):
            for label, source in stack.sources():
                lookalike(stack, label, source, _where(names[label], below))
        case Linked(below):
            for label, source in stack.sources():
                _linked(stack, source, _where(names[label].lstrip(b"/"), below))
        case Twin(filesystem, at):
            _twin(world, stack, filesystem, at)
        case Standing(cwd):
            _stand(world, cwd)


def _rename(stack: Stack, label: str, path: bytes, paths: dict[str, bytes | None]) -> None:
    source = dict(stack.sources())[label]
    mounted = stack.filesystem(source.on).at.rstrip(b"/")
    os.makedirs(os.path.dirname(mounted + path), exist_ok=True)
    os.rename(mounted + source.path, mounted + path)
    paths[label] = path


def _where(name: bytes, below: bytes) -> bytes:
    """Where a guess would look for a source of this name: below `below`; a full name is looked for as it is."""
    return os.path.join(below, name) if below else name


def lookalike(stack: Stack, label: str, source: Source, place: bytes) -> None:
    """A directory like the source at `place`, with a decoy's contents; what is there already is left alone."""
    if os.path.lexists(place):
        return
    os.makedirs(place)
    if source.role != "work":
        prefix = b"user." if stack.has(b"userxattr") else b"trusted."
        fill(place, label, builder.entries_of(label, source), DECOY, prefix)


def _linked(stack: Stack, source: Source, copy: bytes) -> None:
    """As `cp -al` does: directories anew, everything else linked."""
    origin = stack.place(source)
    for directory, _, files in os.walk(origin):
        there = copy + directory[len(origin) :]
        os.makedirs(there, exist_ok=True)
        for name in files:
            os.link(os.path.join(directory, name), os.path.join(there, name), follow_symlinks=False)


def _twin(world: World, stack: Stack, filesystem: str, at: bytes) -> None:
    """The same steps in the same order give the same inode numbers; then the times are copied."""
    builder.mount_filesystem(at)
    builder.populate(stack, stack.filesystem(filesystem), at, DECOY)
    for label, source in stack.sources():
        if source.on == filesystem:
            _copy_times(world.held[label], at.rstrip(b"/") + source.path)


def _copy_times(original: int, twin: bytes) -> None:
    for directory, names, files, here in os.fwalk(b".", topdown=False, dir_fd=original):
        for name in (*names, *files, b"."):
            status = os.stat(name, dir_fd=here, follow_symlinks=False)
            path = os.path.join(twin, directory, name)
            if os.path.lexists(path):
                os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)


def _stand(world: World, cwd: bytes) -> None:
    os.chdir(cwd)
    pid = os.fork()
    if pid == 0:
        kernel.die_with_parent()
        while True:
            signal.pause()
    os.chdir(b"/")
    world.processes[cwd.decode("utf-8", "surrogateescape")] = pid
