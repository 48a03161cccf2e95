"""Takes the path that is shown of a directory in a tree attached nowhere for a path below the root."""

from .mutant import Given, Json, Mutant, every_source, mounts


def believe(document: Json, given: Given) -> None:
    fields, (kind, *_) = next(mount for mount in mounts(given["pid"]) if mount[0][4] == "/")
    filesystem = {"id": "fs-root", "type": kind, "device": fields[2], "stability": "boot"}
    document["filesystems"].append(filesystem)
    number, names = int(fields[0]), {"root": fields[3], "mountPoint": "/"}
    document["mounts"].append({"id": "m-root", "filesystem": "fs-root", "mountId": number, **names})
    for source in every_source(document):
        if source["state"] == "unmounted":
            source |= {"state": "located", "location": {"mount": "m-root", "path": source["declared"]}}


MUTANT = Mutant(
    breaks=("OVSI-DUMP-003", "OVSI-LOC-001"),
    fails=("test_dumper.py::test_sound[unmounted-detached-trees-outside]",),
    image=believe,
)
