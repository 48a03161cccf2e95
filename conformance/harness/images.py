"""Images that the suite writes of a built stack, from its own truth."""

import os
from pathlib import Path
from typing import Any

from . import options
from .filesystems import stability
from .imagecheck import Json, told
from .mounts import Mount
from .truth import SourceTruth, Truth


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def host() -> Json:
    return {"kernelRelease": os.uname().release, "bootId": boot_id()}


def image(truth: Truth) -> Json:
    """A valid image in which every source is proved."""
    overlay = truth.target
    used = {_place(source)[0] for source in truth.sources}
    mounts = [*truth.own_mounts, *(mount for mount in truth.mounts if mount.id in used)]
    layers = [{"role": source.role, **_source(source)} for source in truth.sources if source.role != "work"]
    work = [_source(source) for source in truth.sources if source.role == "work"]
    return {
        "format": "overlay-source-image",
        "version": "1.0",
        "producer": {"name": "ovsi-conformance", "version": "1"},
        "host": host(),
        "namespace": {"inode": str(truth.namespace)},
        "filesystems": _filesystems(truth),
        "mounts": [_mount(mount) for mount in mounts],
        "overlays": [
            {
                "id": "overlay",
                "filesystem": _filesystem_id(overlay.device),
                "mounts": [_mount_id(mount.id) for mount in truth.own_mounts],
                "options": [_option(name, value) for name, value in options.effective(overlay).items()],
                "superblockFlags": list(overlay.flags),
                "shownOptions": told(overlay.super_options),
                "layers": layers,
                **({"work": work[0]} if work else {}),
            }
        ],
    }


def _filesystem_id(device: str) -> str:
    return "fs-" + device.replace(":", "-")


def _mount_id(number: int) -> str:
    return f"mount-{number}"


def _place(source: SourceTruth) -> tuple[int, bytes]:
    return (*source.reached, *source.hidden)[0]


def _filesystems(truth: Truth) -> list[Json]:
    found: dict[str, Json] = {truth.target.device: {"type": "overlay", "stability": stability("overlay")}}
    for source in truth.sources:
        found[source.device] = {"type": source.kind, "stability": stability(source.kind)}
        if source.uuid:
            found[source.device]["uuid"] = source.uuid
    return [{"id": _filesystem_id(device), "device": device, **entry} for device, entry in found.items()]


def _mount(mount: Mount) -> Json:
    words = {"shared": "peerGroup", "master": "master", "propagate_from": "propagateFrom"}
    propagation: dict[str, Any] = {words[name]: number for name, number in mount.propagation if name in words}
    if any(name == "unbindable" for name, _ in mount.propagation):
        propagation["unbindable"] = True
    return {
        "id": _mount_id(mount.id),
        "filesystem": _filesystem_id(mount.device),
        "mountId": mount.id,
        **({"uniqueId": str(mount.unique)} if mount.unique is not None else {}),
        "parentId": mount.parent,
        "root": told(mount.root),
        "mountPoint": told(mount.point),
        "source": told(mount.source),
        "attributes": list(mount.attributes),
        "propagation": propagation,
    }


def _option(name: str, value: bytes | None) -> Json:
    return {"name": name, "value": None if value is None else told(value)}


def _source(source: SourceTruth) -> Json:
    number, below = _place(source)
    identity: Json = {"filesystem": _filesystem_id(source.device), "inode": str(source.inode)}
    if source.generation is not None:
        identity["generation"] = source.generation
    if source.handle is not None:
        identity["handle"] = {"type": source.handle.type, "bytes": source.handle.value.hex()}
    return {
        "declared": told(source.declared),
        "identity": identity,
        "path": told(source.path or b"/"),
        "state": source.state,
        "assurance": "proved",
        "method": "held-descriptor",
        "location": {"mount": _mount_id(number), "path": told(below)},
    }


def unproved(source: Json, candidate: bool = True) -> Json:
    """The same source as a name only, its place a candidate or none."""
    kept = {name: value for name, value in source.items() if name in ("role", "declared")}
    place = {"candidate": source["location"]} if candidate else {}
    return (
        kept | {"state": "unknown", "assurance": "consistent" if candidate else "none", "reason": "a name only"} | place
    )
