"""Overlays to measure on, in a private mount namespace."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS = 0x00020000
MS_REC, MS_PRIVATE = 0x4000, 0x40000


def mount(source: str, target: str, kind: str, options: str, flags: int = 0) -> None:
    """mount(2). Raises OSError."""
    if LIBC.mount(source.encode(), target.encode(), kind.encode(), flags, options.encode()):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


def private_world() -> Path:
    """Leave for a mount namespace of our own; return an empty tmpfs in it that ends with the process."""
    if LIBC.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare: benchmarks need root")
    mount("none", "/", "", "", MS_REC | MS_PRIVATE)
    world = Path("/mnt")
    mount("tmpfs", str(world), "tmpfs", "nr_inodes=0,size=8g")
    return world


def deep(world: Path, lowers: int) -> Path:
    """One overlay of that many lowers, an upper and a workdir, by relative names. Returns the mount point."""
    base = world / f"deep-{lowers}"
    for name in ("upper", "work", "merged", *(str(n) for n in range(lowers))):
        (base / name).mkdir(parents=True)
    os.chdir(base)
    names = ":".join(str(n) for n in range(lowers))
    mount("overlay", str(base / "merged"), "overlay", f"lowerdir={names},upperdir=upper,workdir=work")
    os.chdir("/")
    return base / "merged"


def many(world: Path, overlays: int, layers: int = 10) -> Path:
    """That many overlays of so many layers each (upper, the rest lowers shared in tens). Returns their directory."""
    base = world / f"many-{overlays}"
    for name in range(layers - 1):
        (base / "lowers" / str(name)).mkdir(parents=True)
    os.chdir(base / "lowers")
    lowers = ":".join(str(n) for n in range(layers - 1))
    for number in range(overlays):
        place = base / str(number)
        for name in ("upper", "work", "merged"):
            (place / name).mkdir(parents=True)
        mount(
            "overlay",
            str(place / "merged"),
            "overlay",
            f"lowerdir={lowers},upperdir=../{number}/upper,workdir=../{number}/work",
        )
    os.chdir("/")
    return base
