"""Images and vectors that the tests of the model, the writer and the reader share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ovsi.image import model

REPOSITORY = Path(__file__).resolve().parents[3]
VECTORS = REPOSITORY / "conformance" / "vectors"
MANIFEST: list[dict[str, Any]] = json.loads((VECTORS / "manifest.json").read_text())["vectors"]
FILES = [entry for entry in MANIFEST if "file" in entry]
GENERATED = [entry for entry in MANIFEST if "generate" in entry]


def vector(name: str) -> bytes:
    """The bytes of a vector by its path."""
    return (VECTORS / name).read_bytes()


def made(entry: dict[str, Any]) -> bytes:
    """The bytes of a generated vector (conformance/vectors/README.md)."""
    base, recipe = vector(entry["base"]), entry["generate"]
    if "pad-to" in recipe:
        return base.ljust(recipe["pad-to"], b" ")
    if "nest" in recipe:
        depth: int = recipe["nest"]
        return base.rstrip().removesuffix(b"}") + b', "x-nest": ' + b"[" * depth + b"]" * depth + b"}"
    if "replace" in recipe:
        by = recipe["by"] + "0" * recipe["append-zeros"]
        return base.replace(recipe["replace"].encode(), by.encode(), 1)
    document = json.loads(base)
    *way, last = recipe["repeat"].strip("/").split("/")
    array = document
    for step in way:
        array = array[int(step)] if isinstance(array, list) else array[step]
    array[int(last) : int(last) + 1] = [array[int(last)]] * recipe["times"]
    return json.dumps(document).encode()


def proved_layer(number: int, role: model.Role = "lower") -> model.Layer:
    """A layer as a container engine's storage has it, all of it known."""
    path = b"/var/lib/containers/storage/overlay/%064x/diff" % number
    identity = model.Identity(
        filesystem="disk",
        inode=1000 + number,
        generation=77,
        handle=model.Handle(type=1, bytes=b"\x01\x02\x03\x04\xff"),
    )
    return model.Layer(
        role=role,
        declared=b"l/%026d" % number,
        identity=identity,
        path=path,
        state="located",
        assurance="proved",
        method="introspection",
        location=model.Place(mount="root", path=path),
    )


def stack(overlays: int, layers: int) -> model.Image:
    """An image of that many overlays, each of that many proved layers."""
    own = [f"view{number}" for number in range(overlays)]
    shared = tuple(proved_layer(number) for number in range(layers))
    return model.Image(
        host=model.Host(kernel_release="6.18.0", boot_id="2f1f3c1e-6d1c-4b53-9a9b-0e6a7a6f5d11"),
        filesystems=(
            model.Filesystem(id="disk", type="ext4", device="8:2", stability="filesystem"),
            *(model.Filesystem(id=name, type="overlay", device="0:48", stability="boot") for name in own),
        ),
        mounts=(model.Mount(id="root", filesystem="disk", mount_id=29, root=b"/", mount_point=b"/"),),
        overlays=tuple(
            model.Overlay(
                id=f"o{number}",
                filesystem=name,
                mounts=(),
                options=(model.MountOption(name="index", value=b"off", basis="held"),),
                superblock_flags=("ro",),
                shown_options=b"ro",
                layers=shared,
            )
            for number, name in enumerate(own)
        ),
    )
