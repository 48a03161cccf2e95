"""Images that the suite writes of a built stack, from its own truth."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import options
from .filesystems import stability
from .imagecheck import Json, told
from .mounts import Mount
from .stack import IdMap
from .truth import SourceTruth, Truth


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def host() -> Json:
    return {"kernelRelease": os.uname().release, "bootId": boot_id()}


def image(truth: Truth) -> Json:
    """A valid image in which every source is proved: the overlay asked for, and those that bear its sources."""
    used = {place[0] for source in truth.everything for place in (*source.reached, *source.hidden)[:1]}
    inner = [mount for each in truth.inner for mount in each.mounts]
    here = [*truth.own_mounts, *inner, *(mount for mount in truth.mounts if mount.id in used)]
    mounts = [_mount(mount) for mount in dict.fromkeys(here)]
    return {
        "format": "overlay-source-image",
        "version": "1.0",
        "producer": {"name": "ovsi-conformance", "version": "1"},
        "host": host(),
        "namespace": {"inode": str(truth.namespace)},
        "filesystems": _filesystems(truth),
        "mounts": [*mounts, *_mounts_elsewhere(truth)],
        "overlays": [
            _overlay("overlay", truth.target, truth.own_mounts, truth.sources),
            *(_overlay(each.name, each.shown, each.mounts, each.sources) for each in truth.inner),
        ],
    }


def _overlay(name: str, shown: Mount, mounts: Sequence[Mount], sources: Sequence[SourceTruth]) -> Json:
    layers = [{"role": source.role, **_source(source)} for source in sources if source.role != "work"]
    work = [_source(source) for source in sources if source.role == "work"]
    return {
        "id": name,
        "filesystem": _filesystem_id(shown.device),
        "mounts": [_mount_id(mount.id) for mount in mounts],
        "options": [_option(name, value) for name, value in options.effective(shown).items()],
        "superblockFlags": list(shown.flags),
        "shownOptions": told(shown.super_options),
        "layers": layers,
        **({"work": work[0]} if work else {}),
    }


def _mounts_elsewhere(truth: Truth) -> list[Json]:
    """The mounts of other namespaces through which sources are reached."""
    chosen = {source.elsewhere[0][:2] for source in truth.everything if source.state == "elsewhere"}
    return [
        _mount(mount) | {"id": _mount_id(mount.id, number), "namespace": {"inode": str(number)}}
        for number, other in truth.others.items()
        for mount in other
        if (number, mount.id) in chosen
    ]


def _filesystem_id(device: str) -> str:
    return "fs-" + device.replace(":", "-")


def _mount_id(number: int, namespace: int | None = None) -> str:
    return f"mount-{number}" if namespace is None else f"mount-{number}-in-{namespace}"


def _place(source: SourceTruth) -> Json:
    """The location of a source, as its state says."""
    if source.state in ("located", "covered"):
        number, below = (*source.reached, *source.hidden)[0]
        return {"location": {"mount": _mount_id(number), "path": told(below)}}
    if source.state == "elsewhere":
        namespace, number, below = source.elsewhere[0]
        return {"location": {"mount": _mount_id(number, namespace), "path": told(below)}}
    if source.state == "detached":
        holder = source.held[0]
        process = {"pid": holder.pid, "startTime": str(holder.start), "through": holder.through}
        return {"location": {"process": process, "path": told(holder.path)}}
    return {"reason": f"it is {source.state}"}


def _filesystems(truth: Truth) -> list[Json]:
    overlays = (truth.target.device, *(inner.device for inner in truth.inner))
    found: dict[str, Json] = {device: {"type": "overlay", "stability": stability("overlay")} for device in overlays}
    for source in truth.everything:
        found.setdefault(source.device, {"type": source.kind, "stability": stability(source.kind)})
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
    identity: Json = {"filesystem": _filesystem_id(source.device), "inode": str(source.inode)}
    if source.generation is not None:
        identity["generation"] = source.generation
    if source.subvolume is not None:
        identity["subvolume"] = str(source.subvolume)
    if source.handle is not None:
        identity["handle"] = {"type": source.handle.type, "bytes": source.handle.value.hex()}
    return {
        "declared": told(source.declared),
        "identity": identity,
        **({"path": told(source.path)} if source.path is not None else {}),
        "state": source.state,
        "assurance": "proved",
        "method": "held-descriptor",
        **_place(source),
        **({"idmap": _idmap(source.idmap)} if source.idmap else {}),
    }


def _idmap(extents: IdMap) -> Json:
    ranges = [dict(zip(("inside", "outside", "count"), extent, strict=True)) for extent in extents]
    return {"uidMap": ranges, "gidMap": ranges}


def unproved(source: Json, candidate: bool = True) -> Json:
    """The same source as a name only, its place a candidate or none."""
    kept = {name: value for name, value in source.items() if name in ("role", "declared")}
    place = {"candidate": source["location"]} if candidate else {}
    return (
        kept | {"state": "unknown", "assurance": "consistent" if candidate else "none", "reason": "a name only"} | place
    )


def contradict(identity: Json, field: str) -> None:
    """Change one field. `generation-not-handle`: it is not the one in the handle, which is the directory's still."""
    name, _, beside = field.partition("-")
    identity[name] = "999999" if name == "inode" else identity["generation"] ^ 1
    if not beside:
        identity.pop("handle", None)
