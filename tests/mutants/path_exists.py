"""Takes a directory for the source because it has the name."""

import os

from .mutant import Given, Json, Mutant, every_source, mounts, run

MUTANT = Mutant(
    breaks=("OVSI-DUMP-002", "OVSI-DUMP-003", "OVSI-DUMP-004", "OVSI-DUMP-005", "OVSI-CLI-007"),
    meets="(test_sound or test_answer) and (core-covered-by-twin or core-renamed or core-one-lower) and inside",
)


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
        descriptor = os.open(f"/proc/{given['pid']}/root{source['declared']}", os.O_RDONLY)
        source.pop("candidate", None)
        source.pop("reason", None)
        source |= {
            "identity": {"filesystem": devices[fields[2]], "inode": str(os.fstat(descriptor).st_ino)},
            "path": path,
            "state": "located",
            "assurance": "proved",
            "method": "x-mutant-name",
            "location": {"mount": entries["/store"]["id"], "path": path},
        }
        source["identity"] |= {"generation": None, "handle": handle(descriptor)}
        source["identity"]["missing"] = {"generation": "not asked for"}


def handle(descriptor: int) -> Json:
    """The true handle of the wrong directory."""
    import ctypes

    buffer, number = ctypes.create_string_buffer(b"\x80\0\0\0", 136), ctypes.c_int()
    ctypes.CDLL(None).name_to_handle_at(descriptor, b"", buffer, ctypes.byref(number), 0x1000)
    size, kind = (int.from_bytes(buffer.raw[at : at + 4], "little") for at in (0, 4))
    return {"type": kind, "bytes": buffer.raw[8 : 8 + size].hex()}


if __name__ == "__main__":
    run(image=believe, extra=("--without", "introspection"))
