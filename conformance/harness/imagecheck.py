"""The suite's own reader of images: every rule of chapter 3, shared with no implementation."""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any

from .options import LAYER_NAMES
from .schemas import errors_by

Json = dict[str, Any]
MAX_BYTES, MAX_DEPTH, MAX_U64 = 64 << 20, 64, 2**64 - 1
_SURROGATE = re.compile("[\ud800-\udfff]")


def raw(value: str | Json) -> bytes:
    """The bytes that a string or `{"base64": …}` stands for."""
    return value.encode() if isinstance(value, str) else base64.b64decode(value["base64"])


def told(data: bytes) -> str | Json:
    """Bytes as an image tells them: the other way round."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def entry(table: list[Json], name: object) -> Json | None:
    return next((candidate for candidate in table if candidate.get("id") == name), None)


def sources(overlay: Json) -> list[tuple[str, Json]]:
    """The sources of an overlay with their labels: `upper`, `lower/0`…, `data/0`…, `work`."""
    counts: dict[str, int] = {}
    labelled = []
    for layer in overlay["layers"]:
        number = counts.get(layer["role"], 0)
        counts[layer["role"]] = number + 1
        labelled.append((f"{layer['role']}/{number}" if layer["role"] != "upper" else "upper", layer))
    return labelled + ([("work", overlay["work"])] if "work" in overlay else [])


def read(data: bytes) -> tuple[Json | None, list[str]]:
    """The document and its faults, each beginning with the requirement broken; no document if it is not JSON."""
    try:
        document = parse(data)
    except ValueError as error:
        return None, [str(error)]
    faults = [f"OVSI-IMG-016 {fault}" for fault in errors_by("image", document)]
    return document, faults or list(_beyond_schema(_without_extensions(document)))


def _without_extensions(value: Any) -> Any:
    """Readers ignore what begins with `x-`."""
    if isinstance(value, dict):
        return {name: _without_extensions(child) for name, child in value.items() if not name.startswith("x-")}
    return [_without_extensions(child) for child in value] if isinstance(value, list) else value


def parse(data: bytes) -> Json:
    """One JSON object, strictly; raises ValueError with the requirement broken."""
    if len(data) > MAX_BYTES:
        raise ValueError("OVSI-IMG-007 over 64 MiB")
    if data.startswith(b"\xef\xbb\xbf"):
        raise ValueError("OVSI-IMG-003 begins with a byte order mark")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"OVSI-IMG-002 {error}") from None
    try:
        document = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=_whole,
            parse_constant=_finite,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"OVSI-IMG-001 {error}") from None
    except RecursionError:
        raise ValueError("OVSI-IMG-008 nested too deeply") from None
    for depth, value in _values(document, 1):
        if depth > MAX_DEPTH:
            raise ValueError("OVSI-IMG-008 nested too deeply")
        if isinstance(value, str) and not value.isascii() and _SURROGATE.search(value):
            raise ValueError("OVSI-IMG-009 a lone surrogate")
        if isinstance(value, str) and "\0" in value:
            raise ValueError("OVSI-IMG-010 a NUL byte")
    if not isinstance(document, dict):
        raise ValueError("OVSI-IMG-016 not an object")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("OVSI-IMG-004 a key occurs twice in one object")
    return found


def _integer(number: str) -> int:
    """A number beyond all bounds may stand below a key that is ignored."""
    return int(number) if len(number) < 40 else 10**40


def _whole(number: str) -> int:
    raise ValueError(f"OVSI-IMG-006 {number} has a fraction or an exponent")


def _finite(word: str) -> int:
    raise ValueError(f"OVSI-IMG-005 {word}")


def _values(value: object, depth: int) -> Iterator[tuple[int, object]]:
    """Every value and key; an object's or array's depth is its own level, that of anything else 0."""
    pending = [(depth, value)]
    while pending:
        depth, value = pending.pop()
        if isinstance(value, dict):
            yield depth, value
            pending += [(depth + 1, child) for child in value.values()]
            yield from ((0, key) for key in value)
        elif isinstance(value, list):
            yield depth, value
            pending += [(depth + 1, child) for child in value]
        else:
            yield 0, value


# Beyond the schema


def _beyond_schema(document: Json) -> Iterator[str]:
    yield from _byte_strings(document)
    yield from _nulls(document)
    yield from _tables(document)
    for overlay in document["overlays"]:
        yield from _overlay(document, overlay)
    yield from _nesting(document)


_U64 = {"inode", "uniqueId", "startTime", "subvolume", "capEffective"}


def _byte_strings(value: object, key: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        if set(value) == {"base64"}:
            yield from _base64(value["base64"])
        for name, child in value.items():
            if name in ("path", "mountPoint", "root") and child is not None and not plain(child):
                yield f"OVSI-IMG-015 {name} is not absolute and plain"
            if name != "missing":
                yield from _byte_strings(child, name)
    elif isinstance(value, list):
        for child in value:
            yield from _byte_strings(child, key)
    elif isinstance(value, str) and key in _U64 and value.isdigit() and int(value) > MAX_U64:
        yield f"OVSI-IMG-013 {key} is over 2^64-1"


def _base64(text: str) -> Iterator[str]:
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        data = b""
    if base64.b64encode(data).decode() != text:
        yield "OVSI-IMG-011 base64 is not canonical"
    elif b"\0" in data:
        yield "OVSI-IMG-010 a NUL byte"
    elif isinstance(told(data), str):
        yield "OVSI-IMG-012 base64 of bytes that are UTF-8"


def plain(value: object) -> bool:
    """Whether a path is absolute and plain; what is no path is left to the schema."""
    if not isinstance(value, str) and not (isinstance(value, dict) and set(value) == {"base64"}):
        return True
    data = raw(value)
    return data == b"/" or (data.startswith(b"/") and not {b"", b".", b".."} & set(data[1:].split(b"/")))


_NULLABLE = {"root", "declared", "idmap", "uuid", "generation", "subvolume", "handle"}


def _nulls(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for child in value:
            yield from _nulls(child)
    if isinstance(value, dict):
        missing = value.get("missing", {})
        for name, child in value.items():
            if child is None and name in _NULLABLE and name not in missing:
                yield f"OVSI-IMG-017 {name} is null and not named in missing"
            yield from _nulls(child)
        for name in missing if isinstance(missing, dict) else ():
            if value.get(name, ...) is not None:
                yield f"OVSI-IMG-018 missing names {name}, which is not null"


def _tables(document: Json) -> Iterator[str]:
    for table in ("filesystems", "mounts", "overlays"):
        names = [item["id"] for item in document[table]]
        for name in {name for name in names if names.count(name) > 1}:
            yield f"OVSI-IMG-019 two {table} have the id {name}"
    filesystems = {item["id"] for item in document["filesystems"]}
    devices = [item["device"] for item in document["filesystems"]]
    for device in sorted({device for device in devices if devices.count(device) > 1}):
        yield f"OVSI-IMG-042 two filesystems have the device {device}"
    owned = [overlay["filesystem"] for overlay in document["overlays"]]
    for name in sorted({name for name in owned if owned.count(name) > 1}):
        yield f"OVSI-IMG-044 two overlays are of the file system {name}"
    for mount in document["mounts"]:
        if mount["filesystem"] not in filesystems:
            yield f"OVSI-IMG-020 mount {mount['id']} is of no file system of the table"


def _overlay(document: Json, overlay: Json) -> Iterator[str]:
    name = overlay["id"]
    own = entry(document["filesystems"], overlay["filesystem"])
    if own is None:
        yield f"OVSI-IMG-020 overlay {name} refers to no file system of the table"
    elif own["type"] != "overlay":
        yield f"OVSI-IMG-021 overlay {name} refers to a {own['type']}"
    for mount_name in overlay["mounts"]:
        mount = entry(document["mounts"], mount_name)
        if mount is None:
            yield f"OVSI-IMG-020 overlay {name} refers to mount {mount_name}, which is not in the table"
        elif mount["filesystem"] != overlay["filesystem"]:
            yield f"OVSI-IMG-022 overlay {name} lists mount {mount_name} of another file system"
    for label, source in sources(overlay):
        yield from _source(document, f"{name}/{label}", source)
    for option in (*overlay["options"], *overlay.get("securityOptions", ())):
        if option["name"] in LAYER_NAMES:
            yield f"OVSI-IMG-043 overlay {name} has the option {option['name']}"
    yield from _layers(overlay)


def _source(document: Json, label: str, source: Json) -> Iterator[str]:
    identity = source.get("identity")
    if identity and not entry(document["filesystems"], identity["filesystem"]):
        yield f"OVSI-IMG-020 {label}: identity refers to no file system of the table"
    for place in ("location", "candidate"):
        mount = source.get(place, {}).get("mount")
        if mount is not None and not entry(document["mounts"], mount):
            yield f"OVSI-IMG-020 {label}: {place} refers to no mount of the table"
    mounted = entry(document["mounts"], source.get("location", {}).get("mount"))
    if identity and mounted and mounted["filesystem"] != identity["filesystem"]:
        yield f"OVSI-IMG-041 {label}: its location is on another file system than its identity"


def _layers(overlay: Json) -> Iterator[str]:
    name, roles = overlay["id"], [layer["role"] for layer in overlay["layers"]]
    rank = {"upper": 0, "lower": 1, "data": 2}
    if [rank[role] for role in roles] != sorted(rank[role] for role in roles):
        yield f"OVSI-IMG-023 {name}: layers are not in the order upper, lower, data"
    if roles.count("upper") > 1:
        yield f"OVSI-IMG-024 {name}: {roles.count('upper')} uppers"
    if "lower" not in roles:
        yield f"OVSI-IMG-025 {name}: no lower"
    if len(roles) - roles.count("upper") > 500:
        yield f"OVSI-IMG-026 {name}: more than 500 lowers"
    if ("upper" in roles) != ("work" in overlay):
        yield f"OVSI-IMG-027 {name}: upper and work come together"
    elif "upper" in roles:
        upper, work = overlay["layers"][roles.index("upper")], overlay["work"]
        proved = upper["assurance"] == work["assurance"] == "proved"
        if proved and upper["identity"]["filesystem"] != work["identity"]["filesystem"]:
            yield f"OVSI-IMG-028 {name}: upper and work are proved on two file systems"


def _nesting(document: Json) -> Iterator[str]:
    by_filesystem = {overlay["filesystem"]: overlay for overlay in document["overlays"]}

    def inner(overlay: Json) -> list[Json]:
        named = [source.get("identity", {}).get("filesystem") for _, source in sources(overlay)]
        return [by_filesystem[name] for name in dict.fromkeys(named) if name in by_filesystem]

    for overlay in document["overlays"]:
        for below in inner(overlay):
            if below is overlay or overlay in inner(below):
                yield f"OVSI-IMG-029 {overlay['id']} is a layer of itself"
            elif inner(below):
                yield f"OVSI-IMG-030 {overlay['id']} lies on {below['id']}, which lies on an overlay"
