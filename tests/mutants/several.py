"""Restorers that build one overlay after the other, each as if it were the only one."""

import ctypes
import json
import os
from collections.abc import Iterator

from .mutant import Json, Mutant, load, member, name, options, reference

MUTANTS: dict[str, Mutant] = {}
ALL = "test_restore_all.py::test_"
ONLY = ("restorer",)


def _one_each(words: list[str]) -> Iterator[tuple[Json, list[str]]]:
    """Of a restore of several overlays, none of which lies on another: the command and its image for each of them."""
    try:
        document = load(options(words)) if words[:1] == ["restore"] and "--root" in words else {"overlays": []}
        overlays: list[Json] = document["overlays"]
        own = {overlay["filesystem"] for overlay in overlays}
        if own & {layer["identity"]["filesystem"] for overlay in overlays for layer in overlay["layers"]}:
            return
    except (OSError, LookupError, TypeError, ValueError):
        return
    for overlay in overlays if len(overlays) > 1 else ():
        file = os.memfd_create("image")
        os.write(file, json.dumps(document | {"overlays": [overlay]}).encode())
        image = options(words)["image"]
        yield overlay, [f"/proc/self/fd/{file}" if word == image else word for word in words]


def _unmount(words: list[str], points: list[str]) -> None:
    """Unmount where the command mounts."""
    pid, child = options(words).get("pid", "self"), os.fork()
    if child == 0:
        libc = ctypes.CDLL(None)
        if pid != "self":
            space, top = (os.open(f"/proc/{pid}/{link}", os.O_RDONLY) for link in ("ns/mnt", "root"))
            libc.setns(space, 0)
            os.fchdir(top)
            os.chroot(".")
        for point in reversed(points):
            libc.umount2(os.fsencode(point), 2)
        os._exit(0)
    os.waitpid(child, 0)


@member(MUTANTS, "be", "OVSI-CLI-020", f"{ALL}one_overlay_beside_and_on_another[first-*]", classes=ONLY)
def attaches_by_overlay(words: list[str]) -> int:
    """All mounts of the first, then all of the next, which may hide one of them."""
    code = None
    for _, command in _one_each(words):
        code = reference(command)
        if code:
            return code
    return reference(words) if code is None else code


@member(MUTANTS, "be", "OVSI-REST-002", f"{ALL}source_of_one_of_several[last-*]", classes=ONLY)
def looks_when_it_is_its_turn(words: list[str]) -> int:
    """And takes back what it has mounted where the next can't be built."""
    code, done = None, list[str]()
    for overlay, command in _one_each(words):
        code = reference(command)
        if code:
            _unmount(words, done)
            return code
        mounts = [mount for mount in load(options(words))["mounts"] if mount["id"] in overlay["mounts"]]
        done += [options(words)["root"] + name(mount["mountPoint"]) for mount in mounts]
    return reference(words) if code is None else code


@member(MUTANTS, "be", "OVSI-REST-022", f"{ALL}source_above_an_overlay[*]", classes=ONLY)
def begins_at_the_bottom(words: list[str]) -> int:
    """Tries whether the overlay below can be built, before it looks at the one that it is asked for."""
    try:
        below = [each["id"] for each in load(options(words))["overlays"][1:]] if "--overlay" in words else []
    except (OSError, LookupError, TypeError, ValueError):
        below = []
    for one in below:
        asked = options(words)
        skipped = [word for word in words if word not in ("--result", asked.get("result"))]
        if reference([one if word == asked["overlay"] else word for word in skipped]) == 0:
            _unmount(words, [asked["target"]])
    return reference(words)
