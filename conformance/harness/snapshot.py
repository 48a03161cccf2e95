"""A complete record of sources, mounts and processes, to tell whether anything was changed. Runs inside a sandbox."""

import hashlib
import os
import stat
from dataclasses import dataclass
from typing import NamedTuple

from . import mounts
from .agent import World


class Entry(NamedTuple):
    """What lies under one name; access time aside, everything that a program could change. Times in ns.

    A tuple: there are thousands, and each crosses the wall of a sandbox.
    """

    mode: int
    uid: int
    gid: int
    links: int
    size: int
    device: int
    inode: int
    modified: int
    changed: int
    xattrs: tuple[tuple[str, bytes], ...]
    content: bytes


Listing = dict[bytes, Entry]


@dataclass(frozen=True)
class Snapshot:
    """`sources`: label -> path -> entry. `mounts`: the table's bytes, every mount namespace of the sandbox's processes.
    `processes`: name -> cwd, root, descriptors, and whether it is stopped."""

    sources: dict[str, Listing]
    mounts: bytes
    processes: dict[str, tuple[str, ...]]


def take(world: World) -> Snapshot:
    with open("/proc/self/mountinfo", "rb") as file:
        table = file.read()
    for name in world.namespaces:
        with open(f"/proc/{world.processes[name]}/mountinfo", "rb") as file:
            table += file.read()
    listings = {label: listing(held) for label, held in world.held.items()}
    return Snapshot(
        listings, table, {name: _process(pid) for name, pid in {**world.processes, "first": os.getpid()}.items()}
    )


def listing(directory: int) -> Listing:
    """Everything below an open directory, the directory itself as `.`."""
    found: Listing = {b".": _entry(directory, b".")}
    for at, names, files, here in os.fwalk(b".", dir_fd=directory, follow_symlinks=False):
        for name in (*names, *files):
            found[os.path.normpath(os.path.join(at, name))] = _entry(here, name)
    return found


def _entry(directory: int, name: bytes) -> Entry:
    status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    path = b"/proc/self/fd/%d/%s" % (directory, name)
    return Entry(
        mode=status.st_mode,
        uid=status.st_uid,
        gid=status.st_gid,
        links=status.st_nlink,
        size=status.st_size,
        device=status.st_rdev,
        inode=status.st_ino,
        modified=status.st_mtime_ns,
        changed=status.st_ctime_ns,
        xattrs=_xattrs(path),
        content=content(path, status.st_mode),
    )


def _xattrs(path: bytes) -> tuple[tuple[str, bytes], ...]:
    try:
        names = sorted(os.listxattr(path, follow_symlinks=False))
    except OSError:
        return ()
    return tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in names)


def content(path: bytes, mode: int) -> bytes:
    if stat.S_ISLNK(mode):
        return os.readlink(path)
    if not stat.S_ISREG(mode):
        return b""
    with open(path, "rb", opener=_without_access_time) as file:
        data = file.read()
    return data if len(data) <= 256 else hashlib.sha256(data).digest()


def _without_access_time(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOATIME)


def _process(pid: int) -> tuple[str, ...]:
    links = [os.readlink(f"/proc/{pid}/{name}") for name in ("cwd", "root")]
    if pid != os.getpid():
        links += sorted(f"{name} {os.readlink(f'/proc/{pid}/fd/{name}')}" for name in os.listdir(f"/proc/{pid}/fd"))
    with open(f"/proc/{pid}/stat") as file:
        stopped = file.read().rpartition(")")[2].split()[0] in ("T", "t")
    return (*links, *(["stopped"] if stopped else []))


def differences(before: Listing, after: Listing) -> list[str]:
    """What differs, a line each, for a person."""
    lines = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        shown = path.decode("utf-8", "backslashreplace")
        if old is None or new is None:
            lines.append(f"{shown}: {'appeared' if old is None else 'vanished'}")
        else:
            fields = [name for name in Entry._fields if getattr(old, name) != getattr(new, name)]
            lines += [f"{shown}: {name} was {getattr(old, name)!r}, is {getattr(new, name)!r}" for name in fields]
    return lines


def mount_differences(before: bytes, after: bytes) -> list[str]:
    old, new = set(before.split(b"\n")), set(after.split(b"\n"))
    gone = [f"gone: {line.decode('utf-8', 'backslashreplace')}" for line in old - new]
    return gone + [f"new: {line.decode('utf-8', 'backslashreplace')}" for line in new - old]


def mount_table(world: World) -> list[mounts.Mount]:
    return mounts.table()
