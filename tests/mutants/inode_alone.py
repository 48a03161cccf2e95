"""Looks for a directory with the right inode number, on any file system of the right type."""

import os

from .mutant import Given, Json, Mutant, every_source, mounts


def confuse(document: Json, given: Given) -> None:
    """The twin is the last mount of its type: it has the same numbers."""
    fields = [before for before, _ in mounts(given["pid"]) if before[4] in ("/store", "/twin")][-1]
    filesystem = {"id": "fs-found", "type": "tmpfs", "device": fields[2], "stability": "boot"}
    if any(entry["device"] == fields[2] for entry in document["filesystems"]):
        return
    document["filesystems"].append(filesystem)
    mount = {"id": "m-found", "filesystem": "fs-found", "mountId": int(fields[0]), "root": "/", "mountPoint": fields[4]}
    document["mounts"].append(mount)
    for source in every_source(document):
        there = os.stat(f"/proc/{given['pid']}/root{fields[4]}{source['path']}")
        if str(there.st_ino) == source["identity"]["inode"]:
            source["identity"]["filesystem"] = "fs-found"
            source["location"] = {"mount": "m-found", "path": source["path"]}


MUTANT = Mutant(
    breaks=("OVSI-DUMP-002", "OVSI-DUMP-003"),
    fails=("test_dumper.py::test_sound[core-twin-beside-outside]",),
    image=confuse,
)
