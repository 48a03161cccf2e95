"""The projection of an image (section 5.3 of the specification): two images with equal ones are equivalent."""

from typing import Any

from .imagecheck import Json, entry, raw
from .options import AS_IF_LEFT_OUT


def project(image: Json) -> list[Json]:
    """What the image says of its first overlay and those below it, in words that are the same for all."""
    overlays = _reached(image)
    numbers = {overlay["filesystem"]: number for number, overlay in enumerate(overlays)}
    projected = [_overlay(image, overlay, numbers) for overlay in overlays]
    projected[0] |= _first_mount(image, overlays[0])
    return projected


def difference(first: Json, second: Json) -> list[tuple[str, str, str]]:
    """Where two images' projections differ: (what, in the first, in the second)."""
    found = []
    for number, (old, new) in enumerate(zip(project(first), project(second), strict=False)):
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                found.append((f"overlay {number}: {name}", str(old.get(name)), str(new.get(name))))
    if len(project(first)) != len(project(second)):
        found.append(("overlays", str(len(project(first))), str(len(project(second)))))
    return found


def settled(image: Json) -> bool:
    """Whether every source is proved, and no property null."""
    proved = all(source["assurance"] == "proved" for overlay in image["overlays"] for source in _sources(overlay))
    return proved and not _has_null(image)


def _has_null(value: object) -> bool:
    if isinstance(value, list):
        return any(map(_has_null, value))
    if isinstance(value, dict):
        missing = value.get("missing", {})
        return any(name in missing if child is None else _has_null(child) for name, child in value.items())
    return False


def _reached(image: Json) -> list[Json]:
    by_filesystem = {overlay["filesystem"]: overlay for overlay in image["overlays"]}
    reached = [image["overlays"][0]]
    for overlay in reached:
        for source in _sources(overlay):
            inner = by_filesystem.get(source.get("identity", {}).get("filesystem"))
            if source["assurance"] == "proved" and inner is not None and inner not in reached:
                reached.append(inner)
    return reached


def _sources(overlay: Json) -> list[Json]:
    return [*overlay["layers"], *([overlay["work"]] if "work" in overlay else [])]


def _overlay(image: Json, overlay: Json, numbers: dict[str, int]) -> Json:
    options = {_option(option) for option in overlay["options"]} - AS_IF_LEFT_OUT
    return {
        "layers": [(layer["role"], _source(image, layer, numbers)) for layer in overlay["layers"]],
        "work": _source(image, overlay["work"], numbers) if "work" in overlay else None,
        "options": sorted(options, key=str),
        "securityOptions": sorted((_option(option) for option in overlay.get("securityOptions", [])), key=str),
        "superblockFlags": sorted(overlay["superblockFlags"]),
    }


def _option(option: Json) -> tuple[str, bytes | None]:
    value = None if option["value"] is None else raw(option["value"])
    return ("fsync", b"volatile") if (option["name"], value) == ("volatile", None) else (option["name"], value)


def _source(image: Json, source: Json, numbers: dict[str, int]) -> Any:
    if source["assurance"] != "proved":
        return _candidate(image, source)
    identity = source["identity"]
    if identity["filesystem"] in numbers:
        return numbers[identity["filesystem"]], raw(source["path"])
    filesystem = entry(image["filesystems"], identity["filesystem"]) or {}
    told = [identity.get(name, "absent") for name in ("inode", "generation", "subvolume")]
    return (
        filesystem.get("type"),
        filesystem.get("device"),
        *told,
        source.get("idmap", "absent"),
        source["state"] == "deleted",
    )


def _candidate(image: Json, source: Json) -> Any:
    mount = entry(image["mounts"], source.get("candidate", {}).get("mount"))
    if mount is None:
        return "unknown"
    filesystem = entry(image["filesystems"], mount["filesystem"]) or {}
    return (
        filesystem.get("type"),
        filesystem.get("device"),
        raw(mount["root"]).rstrip(b"/") + raw(source["candidate"]["path"]),
    )


def _first_mount(image: Json, overlay: Json) -> Json:
    mount = entry(image["mounts"], overlay["mounts"][0]) if overlay["mounts"] else None
    if mount is None:
        return {}
    propagation = mount.get("propagation", {})
    return {
        "root": raw(mount["root"]),
        "attributes": sorted(mount.get("attributes", [])),
        "shared": "peerGroup" in propagation,
        "unbindable": "unbindable" in propagation,
    }
