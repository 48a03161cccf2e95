"""Images and names that were made to be misread, to be misused or to hurt."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from . import vectors
from .imagecheck import Json, read
from .stack import Source, Stack

_LARGE = 3000


@dataclass(frozen=True)
class Trick:
    """A change of a true image; `categories`: how it is refused, `requirement`: what is broken where it is not."""

    name: str
    change: Callable[[Json], None]
    requirement: str
    categories: tuple[str, ...]


def _layers(document: Json) -> list[Json]:
    found: list[Json] = document["overlays"][0]["layers"]
    return found


def _many_layers(document: Json) -> None:
    _layers(document)[1:] = [_layers(document)[1]] * 501


def _cycle(document: Json) -> None:
    _layers(document)[1]["identity"]["filesystem"] = document["overlays"][0]["filesystem"]
    _layers(document)[1]["location"]["mount"] = document["overlays"][0]["mounts"][0]


def _up(document: Json) -> None:
    _layers(document)[1]["path"] = "/../decoy/l0"


def _up_from_the_mount(document: Json) -> None:
    _layers(document)[1]["location"]["path"] = "/l0/../../decoy/l0"


def _mount_point(document: Json) -> None:
    document["mounts"][0]["mountPoint"] = "/m/../../etc"


def _large_inode(document: Json) -> None:
    _layers(document)[1]["identity"] |= {"inode": str(2**63 - 1)}
    _layers(document)[1]["identity"].pop("handle", None)


def _too_large_inode(document: Json) -> None:
    _layers(document)[1]["identity"] |= {"inode": str(2**64)}


def _wrapped_inode(document: Json) -> None:
    """The true number is what is left of this one in 32 bits."""
    identity = _layers(document)[1]["identity"]
    identity["inode"] = str(int(identity["inode"]) + 2**32)
    identity.pop("handle", None)


def _handle_of_another(document: Json) -> None:
    """The identity of one source, opened by the handle of another."""
    _layers(document)[1]["identity"]["handle"] = _layers(document)[2]["identity"]["handle"]


def _long_handle(document: Json) -> None:
    _layers(document)[1]["identity"]["handle"] = {"type": 1, "bytes": "ff" * 100_000}


_BAD, _OTHER = ("bad-image",), ("identity", "not-found")
IMAGES = (
    Trick("501 layers", _many_layers, "OVSI-IMG-026", _BAD),
    Trick("a layer of itself", _cycle, "OVSI-IMG-029", _BAD),
    Trick("path upwards", _up, "OVSI-IMG-015", _BAD),
    Trick("location upwards", _up_from_the_mount, "OVSI-IMG-015", _BAD),
    Trick("mount point upwards", _mount_point, "OVSI-IMG-015", _BAD),
    Trick("large inode", _large_inode, "OVSI-REST-002", _OTHER),
    Trick("too large an inode", _too_large_inode, "OVSI-IMG-013", _BAD),
    Trick("inode beyond 32 bits", _wrapped_inode, "OVSI-REST-002", _OTHER),
    Trick("handle of another source", _handle_of_another, "OVSI-REST-002", _OTHER),
    Trick("handle of 100000 bytes", _long_handle, "OVSI-REST-002", _OTHER),
)


# Documents that are valid


def _entries(document: Json) -> None:
    """Thousands of file systems and mounts with long names."""
    for number in range(_LARGE):
        name = f"x{number}"
        document["filesystems"].append({"id": name, "type": "x", "device": f"4095:{number}", "stability": "none"})
        place = {"root": "/" + "r" * 1000, "mountPoint": "/" + "m" * 1000}
        document["mounts"].append({"id": name, "filesystem": name, "mountId": number, **place})


def _deep_names(document: Json) -> None:
    """A name of a million components."""
    document["mounts"][0]["mountPoint"] = "/a" * 1_000_000


def _options(document: Json) -> None:
    options = [{"name": f"o{number}", "value": "v" * 1000} for number in range(_LARGE)]
    document["overlays"][0]["options"] = options


def _overlays(document: Json) -> None:
    """Thousands of overlays."""
    overlay = document["overlays"][0]
    for number in range(_LARGE):
        name = f"another-{number}"
        document["filesystems"].append({"id": name, "type": "overlay", "device": f"9:{number}", "stability": "boot"})
        document["overlays"].append(overlay | {"id": name, "filesystem": name, "mounts": []})


_MADE = {"entries": _entries, "deep names": _deep_names, "options": _options, "overlays": _overlays}
DOCUMENTS = tuple(_MADE)


def document(name: str) -> bytes:
    """A valid document."""
    made: Json = json.loads((vectors.DIRECTORY / "valid/minimal.json").read_bytes())
    _MADE[name](made)
    return json.dumps(made).encode()


# Names


def named(name: bytes) -> Stack:
    """A stack in which every source and the mount point bear a name."""
    layers = (Source("upper", "store", b"/u" + name), Source("lower", "store", b"/l" + name))
    return Stack("named", "core", layers, Source("work", "store", b"/w" + name), target=b"/m/" + name)


def first_mount(written: bytes | None) -> int | None:
    """mountinfo's ID of the mount that an image is of."""
    image, _ = read(written or b"")
    if image is None or not image["overlays"][0]["mounts"]:
        return None
    first = image["overlays"][0]["mounts"][0]
    return next(int(mount["mountId"]) for mount in image["mounts"] if mount["id"] == first)
