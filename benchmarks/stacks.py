"""Overlays to measure on, in a private mount namespace."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS = 0x00020000
MS_REC, MS_PRIVATE = 0x4000, 0x40000


def mount(source: str, target: str, kind: str, options: str, flags: int = 0) -> None:
    """mount(2). Raises OSError."""
    if LIBC.mount(source.encode(), target.encode(), kind.encode(), flags, options.encode()):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


def unmount(mountpoint: Path) -> None:
    """umount(2). Raises OSError."""
    if LIBC.umount2(bytes(mountpoint), 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(mountpoint))


def private_world() -> Path:
    """Leave for a mount namespace of our own; return an empty tmpfs in it that ends with the process."""
    if LIBC.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare: benchmarks need root")
    mount("none", "/", "", "", MS_REC | MS_PRIVATE)
    world = Path("/mnt")
    mount("tmpfs", str(world), "tmpfs", "nr_inodes=0,size=8g")
    return world


def deep(base: Path, lowers: int) -> Path:
    """One overlay of that many lowers, an upper and a workdir, by relative names. Returns the mount point."""
    for name in ("upper", "work", "merged", *(str(n) for n in range(lowers))):
        (base / name).mkdir(parents=True)
    _mount_deep(base, lowers)
    return base / "merged"


def _mount_deep(base: Path, lowers: int) -> None:
    os.chdir(base)
    names = ":".join(str(n) for n in range(lowers))
    mount("overlay", str(base / "merged"), "overlay", f"lowerdir={names},upperdir=upper,workdir=work")
    os.chdir("/")


def time_of_mount(mountpoint: Path, lowers: int, runs: int = 7) -> float:
    """Median milliseconds of the one mount(2) that `deep` makes, which must be unmounted now."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        _mount_deep(mountpoint.parent, lowers)
        times.append((time.perf_counter() - start) * 1000)
        unmount(mountpoint)
    return median(times)


@contextmanager
def kept() -> Iterator[int]:
    """A process that keeps a copy of this mount namespace as it is now, until the end; yields its number."""
    (waiting, awake), (ready, told) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(awake)
        os.write(told, b"." if LIBC.unshare(CLONE_NEWNS) == 0 else b"!")
        os.read(waiting, 1)
        os._exit(0)
    if os.read(ready, 1) != b".":
        raise OSError("unshare: benchmarks need root")
    try:
        yield child
    finally:
        os.close(awake)
        os.waitpid(child, 0)
        for fd in (waiting, ready, told):
            os.close(fd)


def many(base: Path, overlays: int, layers: int = 10) -> Path:
    """That many overlays of so many layers each (upper, the rest lowers shared in tens). Returns their directory."""
    for name in range(layers - 1):
        (base / "lowers" / str(name)).mkdir(parents=True)
    os.chdir(base / "lowers")
    lowers = ":".join(str(n) for n in range(layers - 1))
    for number in range(overlays):
        place = base / str(number)
        for part in ("upper", "work", "merged"):
            (place / part).mkdir(parents=True)
        mount(
            "overlay",
            str(place / "merged"),
            "overlay",
            f"lowerdir={lowers},upperdir=../{number}/upper,workdir=../{number}/work",
        )
    os.chdir("/")
    return base
