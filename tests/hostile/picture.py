"""The image of a world, written from what the world knows of itself."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from .system import handle_of

if TYPE_CHECKING:
    from .world import Overlay, World

_TMPFS, _INNER = "fs-tmpfs", "fs-inner"


def write(world: World, path: str) -> None:
    """The image of all overlays of the world, and of the inner one where there is one."""
    with open(path, "w") as file:
        json.dump(_image(world), file)


def own_map() -> list[tuple[int, int, int]]:
    """The user ID map of this process."""
    with open("/proc/self/uid_map") as file:
        return [(int(inside), int(outside), int(count)) for inside, outside, count in map(str.split, file)]


def _image(world: World) -> dict[str, Any]:
    scenario = world.scenario
    base = _mount_of(world.base)
    count = len(world.overlays)
    overlays = [_overlay(world, number) for number in range(count)]
    filesystems = [_overlay_filesystem(f"fs{number}", 900 + number) for number in range(count)]
    if scenario.nested:
        overlays.append(_inner(world))
        filesystems.append(_overlay_filesystem(_INNER, 990))
    return {
        "format": "overlay-source-image",
        "version": "1.0",
        "host": {"kernelRelease": os.uname().release, "bootId": _first_line("/proc/sys/kernel/random/boot_id")},
        "namespace": {"inode": str(os.stat("/proc/self/ns/mnt").st_ino)},
        "filesystems": [*filesystems, {"id": _TMPFS, "type": "tmpfs", "device": base[2], "stability": "boot"}],
        "mounts": [*(_mount(world, number) for number in range(count)), _base_mount(world, int(base[0]))],
        "overlays": overlays,
    }


def _overlay_filesystem(name: str, minor: int) -> dict[str, Any]:
    return {"id": name, "type": "overlay", "device": f"0:{minor}", "stability": "boot"}


def _mount(world: World, number: int) -> dict[str, Any]:
    return {
        "id": f"m{number}",
        "filesystem": f"fs{number}",
        "mountId": 900000 + number,
        "root": "/",
        "mountPoint": f"/view{number}",
        "source": "overlay",
        "attributes": list(world.scenario.attributes),
        "propagation": {"peerGroup": 900} if world.scenario.shared else {},
    }


def _base_mount(world: World, mount_id: int) -> dict[str, Any]:
    return {"id": "base", "filesystem": _TMPFS, "mountId": mount_id, "root": "/", "mountPoint": world.base}


def _overlay(world: World, number: int) -> dict[str, Any]:
    overlay, scenario = world.overlays[number], world.scenario
    layers = overlay.layers[:2] if scenario.nested else overlay.layers
    described = [
        {"role": "lower" if position else "upper", **_source(world, path)} for position, path in enumerate(layers)
    ]
    if scenario.nested:
        described.append({"role": "lower", **_inner_root(world)})
    if scenario.idmapped:
        described[-1]["idmap"] = _idmap(overlay)
    return {
        "id": f"o{number}",
        "filesystem": f"fs{number}",
        "mounts": [f"m{number}"],
        "options": [{"name": name, "value": value, "basis": "shown"} for name, value in scenario.options],
        "superblockFlags": ["rw"],
        "shownOptions": "rw,lowerdir=none",
        "layers": described,
        "work": _source(world, overlay.work),
    }


def _inner(world: World) -> dict[str, Any]:
    return {
        "id": "inner",
        "filesystem": _INNER,
        "mounts": [],
        "options": [{"name": "redirect_dir", "value": "nofollow"}, {"name": "userxattr", "value": None}],
        "superblockFlags": ["rw"],
        "shownOptions": "rw,lowerdir=none",
        "layers": [{"role": "lower", **_source(world, path)} for path in world.overlays[0].layers[2:]],
    }


def _inner_root(world: World) -> dict[str, Any]:
    return {
        "declared": "inner",
        "identity": {"filesystem": _INNER, "inode": str(world.inner_inode)},
        "path": "/",
        "state": "unmounted",
        "assurance": "proved",
        "method": "introspection",
        "reason": "the inner overlay is mounted nowhere",
    }


def _source(world: World, path: str) -> dict[str, Any]:
    within = path.removeprefix(world.base)
    identity: dict[str, Any] = {"filesystem": _TMPFS, "inode": str(os.stat(path).st_ino)}
    handle = handle_of(path)
    if handle is not None:
        identity["handle"] = {"type": handle[0], "bytes": handle[1].hex()}
    return {
        "declared": path,
        "identity": identity,
        "path": within,
        "state": "located",
        "assurance": "proved",
        "method": "introspection",
        "location": {"mount": "base", "path": within},
    }


def _idmap(overlay: Overlay) -> dict[str, Any]:
    """A shift of 1,000 IDs; where one ID is all there is, that ID stands for itself."""
    extent = [{"inside": 0, "outside": overlay.last_owner, "count": 1000 if overlay.last_owner else 1}]
    return {"uidMap": extent, "gidMap": extent}


def _mount_of(path: str) -> list[str]:
    with open("/proc/self/mountinfo") as file:
        return next(words for words in map(str.split, file) if words[4] == path)


def _first_line(path: str) -> str:
    with open(path) as file:
        return file.readline().strip()
