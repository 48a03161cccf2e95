"""The surroundings of one run: sources, image and target on a private tmpfs, in a mount namespace of its own.

Everything in which the program could leave a file is empty and private: the tmpfs, and others over the usual places.
The world's own record of what it built is the truth; its image is written from that, not by a dumper.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from . import picture, system
from .launch import REPOSITORY
from .scenario import Scenario

_PLACES = ("/mnt", "/srv", "/media", "/opt")
_SCRATCH = ("/tmp", "/var/tmp", "/dev/shm", "/run")
SHIFT = 1000
"""By how much an ID-mapped layer shifts IDs, where the world may choose."""


@dataclass
class Overlay:
    """One overlay of the image. layers: directories top to bottom, seen without the overlays between; upper first."""

    target: str
    layers: list[str]
    work: str
    last_owner: int = 0


class World:
    """Made once, in a fresh process. words: the program's arguments."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.base = next(place for place in _PLACES if _free(place))
        system.private_mount_namespace()
        self.scratch = [place for place in _SCRATCH if _free(place)]
        for place in (self.base, *self.scratch):
            system.mount("hostile", place, "tmpfs", system.MS_NOSUID | system.MS_NODEV, "mode=0755")
        self.result = f"{self.base}/out/result.json"
        os.mkdir(f"{self.base}/out")
        self.overlays = [self._build(number) for number in range(scenario.mounts)]
        self.inner_inode = self._look_at_inner() if scenario.nested else 0
        self.holder = self._start_holder() if scenario.holder else None
        picture.write(self, f"{self.base}/image.json")

    @property
    def words(self) -> list[str]:
        """`restore` as the contract says it."""
        words = ["restore", "--image", f"{self.base}/image.json"]
        if len(self.overlays) > 1:
            words += ["--all", "--root", f"{self.base}/root"]
        else:
            words += ["--overlay", "o0", "--target", self.overlays[0].target]
        if self.holder is not None:
            words += ["--pid", str(self.holder)]
        return [*words, "--result", self.result]

    def _build(self, number: int) -> Overlay:
        home = f"{self.base}/o{number}"
        target = f"{self.base}/root/view{number}"
        os.makedirs(target)
        layers = [f"{home}/l{layer}" for layer in range(self.scenario.lowers + 1)]
        for position, layer in enumerate(layers):
            _fill(layer, position, number)
        os.mkdir(f"{home}/work")
        return Overlay(target, layers, f"{home}/work", SHIFT if self._shifts() else 0)

    def _shifts(self) -> bool:
        """Whether IDs can be shifted: only where more than one is mapped here."""
        return self.scenario.idmapped and picture.own_map()[0][2] > 1

    def _look_at_inner(self) -> int:
        """The inode number that the root of the inner overlay shows; one without an upper leaves nothing behind."""
        place = f"{self.base}/out"
        options = ",".join(["lowerdir=" + ":".join(self.overlays[0].layers[2:]), "userxattr"])
        system.mount("inner", place, "overlay", 0, options)
        try:
            return os.stat(place).st_ino
        finally:
            system.umount(place)

    def _start_holder(self) -> int:
        """A process in a mount namespace of its own, with the same mounts."""
        ready, tell = os.pipe()
        holder = os.fork()
        if holder == 0:
            try:
                system.die_with_parent()
                system.private_mount_namespace()
                os.closerange(0, tell)
                os.write(tell, b"r")
                os.closerange(0, 4096)
                signal.pause()
            finally:
                os._exit(1)
        os.close(tell)
        if os.read(ready, 1) != b"r":
            raise RuntimeError("the process that holds the other mount namespace did not start")
        os.close(ready)
        return holder

    @property
    def namespaces(self) -> list[int | str]:
        """The processes whose mount namespaces matter; the one where targets are mounted first."""
        return ["self"] if self.holder is None else [self.holder, "self"]

    def seen(self, path: str) -> str:
        """A path as the namespace of the targets shows it."""
        return path if self.holder is None else f"/proc/{self.holder}/root{path}"


def _fill(layer: str, position: int, number: int) -> None:
    """`down-K`: in layer K and all below it, so that a stack in order serves layer K's own. `dir`: merged of all."""
    os.makedirs(f"{layer}/dir")
    for above in range(position + 1):
        Path(f"{layer}/down-{above}").write_text(f"{number}.{position}")
    Path(f"{layer}/dir/only-{position}").write_text(f"{number}.{position}")


@cache
def _free(place: str) -> bool:
    """Whether a tmpfs may stand there: nothing that this run needs lies below it."""
    needed = {REPOSITORY, *map(Path, (sys.prefix, sys.base_prefix, os.path.realpath(sys.executable)))}
    needed |= {Path(path) for path in sys.path if path}
    return os.path.isdir(place) and not any(path.is_relative_to(place) for path in needed)
