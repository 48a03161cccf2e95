"""What there is in a world at one moment: its mount tables and every file on its private file systems."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .world import World


@dataclass(frozen=True)
class Mount:
    """A line of mountinfo. options: the superblock's."""

    mount_id: int
    mount_point: str
    root: str
    attributes: frozenset[str]
    optional: tuple[str, ...]
    fs_type: str
    options: str


@dataclass(frozen=True)
class File:
    """What a listing shows of a file, access time excepted."""

    mode: int
    owner: tuple[int, int]
    inode: int
    size: int
    changed: int
    content: str
    attributes: tuple[tuple[str, bytes], ...]

    def differs(self, other: File) -> str:
        """In what, in words; empty where in nothing."""
        names = [name for name in self.__dataclass_fields__ if getattr(self, name) != getattr(other, name)]
        return ", ".join(names)

    def apart_from_times_and(self, names: frozenset[str]) -> File:
        """The same without its time and the extended attributes of these names."""
        return replace(self, changed=0, attributes=tuple(pair for pair in self.attributes if pair[0] not in names))


@dataclass(frozen=True)
class Look:
    """mounts: of each namespace that matters, that of the targets first."""

    mounts: tuple[tuple[Mount, ...], ...]
    files: dict[str, File]


def mount_table(process: int | str) -> tuple[Mount, ...]:
    """Of the mount namespace of a process, or of `self`."""
    with open(f"/proc/{process}/mountinfo") as file:
        return tuple(map(_mount, file))


def look(world: World) -> Look:
    """All of it. Mounts below the private file systems are not entered."""
    files: dict[str, File] = {}
    for place in (world.base, *world.scratch):
        _scan(place, os.lstat(place).st_dev, files)
    return Look(tuple(map(mount_table, world.namespaces)), files)


@cache
def _mount(line: str) -> Mount:
    words = line.split(" ")
    dash = words.index("-")
    return Mount(
        mount_id=int(words[0]),
        mount_point=words[4],
        root=words[3],
        attributes=frozenset(words[5].split(",")),
        optional=tuple(words[6:dash]),
        fs_type=words[dash + 1],
        options=words[dash + 3].rstrip("\n"),
    )


def _scan(path: str, device: int, files: dict[str, File]) -> None:
    seen = os.lstat(path)
    if seen.st_dev != device:
        return
    files[path] = _file(path, seen)
    if stat.S_ISDIR(seen.st_mode):
        for name in os.listdir(path):
            _scan(f"{path}/{name}", device, files)


def _file(path: str, seen: os.stat_result) -> File:
    content = ""
    if stat.S_ISREG(seen.st_mode):
        with open(path, "rb") as file:
            content = hashlib.sha256(file.read()).hexdigest()[:16]
    directory = stat.S_ISDIR(seen.st_mode)
    names = os.listxattr(path, follow_symlinks=False)
    return File(
        mode=seen.st_mode,
        owner=(seen.st_uid, seen.st_gid),
        inode=seen.st_ino,
        size=0 if directory else seen.st_size,
        changed=seen.st_mtime_ns,
        content=content,
        attributes=tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in sorted(names)),
    )
