"""The commands that are measured."""

from __future__ import annotations

import os
import sys
from pathlib import Path

OVSI = str(Path(sys.executable).parent / "ovsi")
BARE = [sys.executable, "-I", "-c", "pass"]
FINDMNT = ["findmnt", "-J", "-t", "overlay"]


def dump(mountpoint: Path | None, image: Path) -> list[str]:
    """A dump of the overlay that is mounted there, of all for None."""
    which = ["--mountpoint", str(mountpoint)] if mountpoint else ["--all"]
    return [OVSI, "dump", "--pid", str(os.getpid()), *which, "--output", str(image)]


def dump_all_of(process: int, image: Path) -> list[str]:
    """A dump of all overlays of the mount namespace that a process is in, made from within."""
    return [
        "nsenter",
        "--mount",
        f"--target={process}",
        OVSI,
        "dump",
        "--pid",
        str(process),
        "--all",
        "--output",
        str(image),
    ]


def restore(image: Path, target: Path) -> list[str]:
    """A restore of the one overlay of an image."""
    return [OVSI, "restore", "--image", str(image), "--target", str(target)]


def restore_by(way: str, image: Path, target: Path) -> list[str]:
    """The same by a way of layer setup that this kernel need not prefer: `descriptor`, `append` or `page`."""
    return ["env", f"OVSI_SETUP={way}", *restore(image, target)]


def suite(workers: int) -> list[str]:
    """The whole suite against this `ovsi`."""
    return [sys.executable, "-m", "pytest", "-q", "conformance", f"--impl={OVSI}", f"--peer={OVSI}", "-n", str(workers)]
