"""Whose rights an overlay acts with: those of the sandbox's first process, which mounts all that a stack is made of."""

import os
from dataclasses import dataclass

from .stack import IdMap


@dataclass(frozen=True)
class Rights:
    """A process's user namespace and credentials; IDs are those of the suite's own user namespace.

    `credentials`: by the words of an image, but for the capabilities: overlayfs acts with fewer than its mounter had.
    """

    initial: bool
    namespace: int
    maps: dict[str, IdMap]
    credentials: dict[str, int | list[int]]


def of_process(pid: int, initial: bool) -> Rights:
    """What /proc tells. `initial`: it is in the initial user namespace."""
    maps = {name: _extents(f"/proc/{pid}/{file}") for name, file in (("uidMap", "uid_map"), ("gidMap", "gid_map"))}
    with open(f"/proc/{pid}/status") as file:
        told = {name: line.split() for name, _, line in (line.partition(":") for line in file)}
    credentials: dict[str, int | list[int]] = {"groups": [int(word) for word in told["Groups"]]}
    for kind, line in (("uid", told["Uid"]), ("gid", told["Gid"])):
        credentials |= {kind: int(line[0]), f"fs{kind}": int(line[3])}
    return Rights(initial, os.stat(f"/proc/{pid}/ns/user").st_ino, maps, credentials)


def _extents(path: str) -> IdMap:
    with open(path) as file:
        numbers = [[int(word) for word in line.split()] for line in file]
    return tuple((first, outer, count) for first, outer, count in numbers)
