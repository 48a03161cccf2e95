"""Sources of overlays of one or many mount namespaces, as lines for people and as data for programs: pure."""

from __future__ import annotations

from ..errors import text
from ..image.model import sources
from .stack import Names
from .table import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ..dump.system import Found, Seat, System
    from ..image.model import Source

    Json = dict[str, Any]

_HEADS = ("role", "index", "device", "handle", "state", "assurance", "path")
_RIGHT = (1,)
_SHOWN = 8  # places of one overlay
_OF_SOURCE = ("declared", "path", "state", "assurance", "method", "idmap", "reason")


def lines(found: Iterable[Found], home: int | None) -> list[str]:
    """A table an overlay. `home`: the mount namespace of the caller, whose paths need no name."""
    views = _Views(home)
    holders = _holders(views, found)
    shown: list[str] = []
    for one in found:
        if shown:
            shown.append("")
        names = views[one]
        device = names.filesystems[one.overlay.filesystem].device
        title = f"overlay {device} "
        first, *others = _seated(one.seats, home) or [_unseated(holders.get(device, []))]
        shown += [title + first, *(" " * len(title) + other for other in others)]
        shown += table(
            [_HEADS, *(_row(name, source, names) for name, source in sources(one.overlay))], None, right=_RIGHT
        )
    return shown


class _Views:
    """The names of each image, made once."""

    def __init__(self, home: int | None) -> None:
        self._home = home
        self._names: dict[int, Names] = {}

    def __getitem__(self, one: Found) -> Names:
        key = id(one.image)
        if key not in self._names:
            self._names[key] = Names(one.image, self._home)
        return self._names[key]


def _seated(seats: tuple[Seat, ...], home: int | None) -> list[str]:
    """Where an overlay is mounted, a place a line."""
    places = [
        f"at {text(seat.mount_point)}"
        if seat.namespace in (None, home)
        else f"at {text(seat.mount_point)} in mnt:[{seat.namespace}], process {seat.pid}"
        for seat in seats[:_SHOWN]
    ]
    return [*places, f"and {len(seats) - _SHOWN} places more"] if len(seats) > _SHOWN else places


def _unseated(holders: list[str]) -> str:
    return "mounted nowhere in sight" + (f", a layer of overlay {', '.join(holders)}" if holders else "")


def _row(name: str, source: Source, names: Names) -> tuple[str, ...]:
    role, _, index = name.partition("/")
    identity = source.identity
    handle = identity.handle if identity else None
    return (
        role,
        index or "-",
        names.filesystems[identity.filesystem].device if identity else "?",
        f"{handle.type}:{handle.bytes.hex()}" if handle else "?",
        source.state,
        source.assurance,
        names.where(source),
    )


def _holders(views: _Views, found: Iterable[Found]) -> dict[str, list[str]]:
    """For an overlay that is a layer of others: of which ones. Devices."""
    holders: dict[str, list[str]] = {}
    for one in found:
        known = views[one].filesystems
        borne = {source.identity.filesystem for _, source in sources(one.overlay) if source.identity}
        for filesystem in sorted(borne):
            if known[filesystem].type == "overlay":
                holders.setdefault(known[filesystem].device, []).append(known[one.overlay.filesystem].device)
    return holders


def as_data(system: System) -> Json:
    """The same for programs: values are written as in an image, references to its tables are resolved."""
    import json

    from ..image.write import bytes_, encode

    holders = _holders(_Views(None), system.found)
    images: dict[int, Json] = {}
    overlays = []
    for one in system.found:
        if id(one.image) not in images:
            images[id(one.image)] = _indexed(json.loads(encode(one.image)))
        image = images[id(one.image)]
        written = image["overlays"][one.overlay.id]
        device = image["filesystems"][written["filesystem"]]["device"]
        mounts = [_seat(seat) | {"mountPoint": json.loads(bytes_(seat.mount_point))} for seat in one.seats]
        made_of = zip(sources(one.overlay), (*written["layers"], written.get("work")), strict=False)
        overlay = {"device": device, "mounts": mounts, "layerOf": holders.get(device, [])}
        overlays.append(overlay | {"sources": [_source(name, source, image) for (name, _), source in made_of]})
    return {"overlays": overlays, "hiddenProcesses": system.hidden, "consistent": system.consistent}


def _indexed(image: Json) -> Json:
    tables = ("filesystems", "mounts", "overlays")
    return image | {name: {entry["id"]: entry for entry in image[name]} for name in tables}


def _seat(seat: Seat) -> Json:
    known: Json = {} if seat.namespace is None else {"namespace": str(seat.namespace)}
    if seat.pid is not None:
        known["pid"] = seat.pid
    return known | {"mountId": seat.mount_id}


def _source(name: str, written: Json, image: Json) -> Json:
    role, _, index = name.partition("/")
    source: Json = {"role": role}
    if index:
        source["index"] = int(index)
    identity = dict(written.get("identity", {}))
    if identity:
        filesystem = image["filesystems"][identity.pop("filesystem")]
        source |= {"device": filesystem["device"], "type": filesystem["type"], "uuid": filesystem.get("uuid")}
    identity.pop("missing", None)
    source |= identity | {key: written[key] for key in _OF_SOURCE if key in written}
    for key in ("location", "candidate"):
        if key in written:
            source[key] = _place(written[key], image)
    return source


def _place(place: Json, image: Json) -> Json:
    """A place with its mount in full; `namespace` is always said where it is known."""
    if "mount" not in place:
        return place
    mount = image["mounts"][place["mount"]]
    space = mount.get("namespace") or image.get("namespace")
    known = {"namespace": space["inode"]} if space else {}
    return known | {"mountId": mount["mountId"], "mountPoint": mount["mountPoint"], "path": place["path"]}
