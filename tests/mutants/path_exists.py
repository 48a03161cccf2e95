"""Takes a directory for the source because it has the name."""

from .mutant import Given, Json, Mutant, every_source, identity_at, mounts, root


def believe(document: Json, given: Given) -> None:
    entries = {mount["mountPoint"]: mount for mount in document["mounts"] if mount["mountPoint"] == "/store"}
    fields, (kind, *_) = [mount for mount in mounts(given["pid"]) if mount[0][4] == "/store"][-1]
    devices = {entry["device"]: entry["id"] for entry in document["filesystems"]}
    if fields[2] not in devices:
        devices[fields[2]] = "fs-guessed"
        document["filesystems"].append({"id": "fs-guessed", "type": kind, "device": fields[2], "stability": "boot"})
    if not entries or entries["/store"]["mountId"] != int(fields[0]):
        number, found = int(fields[0]), {"id": "m-guessed", "filesystem": devices[fields[2]]}
        document["mounts"].append(found | {"mountId": number, "root": "/", "mountPoint": "/store"})
        entries["/store"] = document["mounts"][-1]
    for source in every_source(document):
        path = source["declared"].removeprefix("/store")
        source.pop("candidate", None)
        source.pop("reason", None)
        source |= {
            "identity": {"filesystem": devices[fields[2]], **identity_at(root(given) + source["declared"])},
            "path": path,
            "state": "located",
            "assurance": "proved",
            "method": "x-mutant-name",
            "location": {"mount": entries["/store"]["id"], "path": path},
        }


MUTANT = Mutant(
    breaks=("OVSI-DUMP-002", "OVSI-DUMP-003", "OVSI-DUMP-004", "OVSI-DUMP-005"),
    fails=(
        "test_dumper.py::test_sound[core-covered-by-twin-inside]",
        "test_dumper.py::test_sound[core-renamed-inside]",
    ),
    image=believe,
    extra=("--without", "introspection"),
)
