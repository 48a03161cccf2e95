"""Dumpers that say of sources where they are not, or are surer than they can be."""

import os

from .mutant import Given, Json, Mutant, every_source, identity_at, member, mounts, place, root

MUTANTS: dict[str, Mutant] = {}
SOUND = "test_dumper.py::test_sound"
FAITHFUL = "test_dumper.py::test_faithful"


@member(MUTANTS, "image", "OVSI-ID-003 OVSI-ID-004", f"{SOUND}[core-one-lower-*]")
def trusts_no_tmpfs(document: Json, given: Given) -> None:
    """And states as proved what lies on one all the same."""
    for each in document["filesystems"]:
        each["stability"] = "none" if each["type"] == "tmpfs" else each["stability"]


@member(MUTANTS, "image", "OVSI-ID-004", f"{SOUND}[core-one-lower-*]")
def inodes_last_for_ever(document: Json, given: Given) -> None:
    for each in document["filesystems"]:
        each["stability"] = "filesystem"


@member(MUTANTS, "image", "OVSI-ID-001", f"{SOUND}[core-one-lower-*]")
def inode_says_it_all(document: Json, given: Given) -> None:
    for source in every_source(document):
        identity = source.get("identity", {})
        for name in ("generation", "handle") if identity else ():
            identity[name] = None
            identity.setdefault("missing", {})[name] = "not looked for"


@member(MUTANTS, "image", "OVSI-DUMP-007", f"{SOUND}[core-one-lower-*]")
def proved_by_its_name(document: Json, given: Given) -> None:
    for source in every_source(document):
        if source["assurance"] == "proved":
            source["method"] = "option-string"


@member(
    MUTANTS,
    "image",
    "OVSI-DUMP-008 OVSI-DUMP-021",
    f"{SOUND}[core-one-lower-inside]",
    f"{FAITHFUL}[core-one-lower-inside]",
)
def candidate_below_a_mount_that_was(document: Json, given: Given) -> None:
    """Remembers mounts from an earlier look."""
    for source in every_source(document):
        if "mount" in source.get("candidate", {}):
            now = next(mount for mount in document["mounts"] if mount["id"] == source["candidate"]["mount"])
            then = {name: value for name, value in now.items() if name != "uniqueId"}
            document["mounts"].append(then | {"id": "earlier", "mountId": now["mountId"] + 100_000})
            source["candidate"]["mount"] = "earlier"
            return


MUTANTS["never-asks-the-kernel"] = Mutant(
    ("OVSI-DUMP-026",),
    ("test_dumper.py::test_complete[core-one-lower-outside]",),
    extra=("--without", "introspection"),
)


@member(MUTANTS, "image", "OVSI-LOC-003", f"{SOUND}[core-renamed-outside]")
def another_of_its_name(document: Json, given: Given) -> None:
    """Looks at what bears the name that was given to mount: where that is another, the one that was must be gone."""
    for source in every_source(document):
        name = f"/proc/{given['pid']}/root{source['declared']}"
        there = os.stat(name).st_ino if os.path.isdir(name) else None
        if source["state"] == "located" and there and str(there) != source["identity"]["inode"]:
            source |= {"state": "deleted", "reason": "another bears its name"}
            del source["location"], source["path"]


@member(MUTANTS, "image", "OVSI-LOC-004", f"{SOUND}[core-covered-by-twin-outside]")
def hidden_is_gone(document: Json, given: Given) -> None:
    for source in every_source(document):
        if source["state"] == "covered":
            source |= {"state": "unmounted", "reason": "not seen"}
            del source["location"]


@member(MUTANTS, "image", "OVSI-LOC-001", f"{SOUND}[elsewhere-unmounted-here-outside]")
def this_namespace_is_all_there_is(document: Json, given: Given) -> None:
    for source in every_source(document):
        if source["state"] == "elsewhere":
            source |= {"state": "unmounted", "reason": "not mounted here"}
            del source["location"]
    document["mounts"] = [mount for mount in document["mounts"] if "namespace" not in mount]


@member(MUTANTS, "image", "OVSI-LOC-005", f"{SOUND}[core-one-lower-*]")
def namespace_of_every_overlay(document: Json, given: Given) -> None:
    own = [name for overlay in document["overlays"] for name in overlay["mounts"]]
    for mount in document["mounts"]:
        if mount["id"] in own:
            mount["namespace"] = {"inode": str(os.stat(f"/proc/{given['pid']}/ns/mnt").st_ino)}


@member(MUTANTS, "image", "OVSI-LOC-006", f"{SOUND}[unmounted-held-by-cwd-outside]")
def process_by_its_number(document: Json, given: Given) -> None:
    for source in every_source(document):
        if "process" in source.get("location", {}):
            source["location"]["process"]["startTime"] = "1"


@member(MUTANTS, "image", "OVSI-LOC-007", f"{SOUND}[core-one-lower-inside]")
def consistent_with_something(document: Json, given: Given) -> None:
    for source in every_source(document):
        if source["assurance"] == "consistent":
            source.pop("candidate", None)


@member(MUTANTS, "image", "OVSI-LOC-008", f"{SOUND}[userns-two-work-directories-inside]")
def sure_of_its_candidate(document: Json, given: Given) -> None:
    """Nothing contradicts it; so it must be right."""
    for source in every_source(document):
        if source["assurance"] == "consistent" and "mount" in source.get("candidate", {}):
            where = source.pop("candidate")
            mount = next(each for each in document["mounts"] if each["id"] == where["mount"])
            there = identity_at(root(given) + place(document, source | {"location": where}))
            del source["reason"]
            source |= {"assurance": "proved", "method": "witness", "state": "located", "location": where}
            source |= {"identity": {"filesystem": mount["filesystem"], **there}, "path": where["path"]}


@member(MUTANTS, "image", "OVSI-DUMP-005", f"{SOUND}[core-covered-by-twin-outside]")
def no_difference_between_hidden_and_seen(document: Json, given: Given) -> None:
    for source in every_source(document):
        if source["state"] == "covered":
            source["state"] = "located"


@member(MUTANTS, "image", "OVSI-DUMP-004", f"{SOUND}[core-one-lower-*]")
def path_as_given(document: Json, given: Given) -> None:
    """Takes the path below the root directory for the path in the file system."""
    for source in every_source(document):
        if "path" in source and source["declared"]:
            source["path"] = source["declared"]


@member(MUTANTS, "image", "OVSI-DUMP-002", f"{SOUND}[core-one-lower-*]")
def wraps_inodes(document: Json, given: Given) -> None:
    """Keeps inode numbers in a byte."""
    for source in every_source(document):
        if "identity" in source:
            source["identity"]["inode"] = str(int(source["identity"]["inode"]) % 2 + 1)


# By what a look-alike has too


def _as_at(document: Json, given: Given, source: Json, mount: Json, path: str) -> None:
    """State a source as proved to be what is at a path below a mount."""
    where = {"mount": mount["id"], "path": path}
    there = identity_at(root(given) + mount["mountPoint"].rstrip("/") + path)
    for name in ("candidate", "reason"):
        source.pop(name, None)
    source |= {"assurance": "proved", "method": "witness", "state": "located", "location": where, "path": path}
    source["identity"] = {"filesystem": mount["filesystem"], **there}


@member(
    MUTANTS,
    "image",
    "OVSI-DUMP-002 OVSI-DUMP-003 OVSI-DUMP-004 OVSI-DUMP-006 OVSI-LOC-002",
    f"{SOUND}[unmounted-its-entries-in-another-of-its-name-*]",
    f"{SOUND}[unmounted-its-entries-in-another-and-it-removed-*]",
)
def known_by_its_entries(document: Json, given: Given) -> None:
    """The directory of its name holds the very files that the overlay shows."""
    if not isinstance(given.get("mountpoint"), str):
        return
    top = root(given) + given["mountpoint"]
    for source in document["overlays"][0]["layers"]:
        name = source["declared"] if isinstance(source["declared"], str) else ""
        above = [mount for mount in document["mounts"] if name.startswith(f"{mount['mountPoint']}/")]
        if source["role"] != "lower" or not above:
            continue
        files = [entry for entry in _entries(root(given) + name) if entry.is_file(follow_symlinks=False)]
        if any(_inode(f"{top}/{entry.name}") == entry.inode() for entry in files):
            _as_at(document, given, source, above[0], name.removeprefix(above[0]["mountPoint"]))


def _inode(path: str) -> int | None:
    return os.lstat(path).st_ino if os.path.lexists(path) else None


def _entries(directory: str) -> list[os.DirEntry[str]]:
    return list(os.scandir(directory)) if os.path.isdir(directory) else []


@member(MUTANTS, "image", "OVSI-DUMP-002 OVSI-DUMP-003", f"{SOUND}[userns-uuid-of-a-twin-in-the-upper-inside]")
def pinned_by_the_uuid_of_the_overlay(document: Json, given: Given) -> None:
    """The file system whose number statfs(2) tells of the overlay has to be that of its layers."""
    if any(source["assurance"] == "proved" for source in every_source(document)):
        return
    number = os.statvfs(root(given) + given.get("mountpoint", "/")).f_fsid
    for fields, more in mounts(given["pid"]):
        if more[0] == "tmpfs" and os.statvfs(root(given) + fields[4]).f_fsid == number:
            mount = _listed(document, fields)
            for source in document["overlays"][0]["layers"]:
                if source["role"] == "lower" and os.path.isdir(f"{root(given)}{fields[4]}/{source['declared']}"):
                    _as_at(document, given, source, mount, f"/{source['declared']}")


def _listed(document: Json, fields: list[str]) -> Json:
    """The entry of a mount of a tmpfs, and one of its file system, made where they are not there."""
    entry = {"id": "pinned", "type": "tmpfs", "device": fields[2], "stability": "boot"}
    filesystem = next((each for each in document["filesystems"] if each["device"] == fields[2]), entry)
    place = {"mountId": int(fields[0]), "root": fields[3], "mountPoint": fields[4]}
    made = {"id": "pinned", "filesystem": filesystem["id"], **place}
    mount = next((each for each in document["mounts"] if each["mountId"] == made["mountId"]), made)
    document["filesystems"] += [entry] if filesystem is entry else []
    document["mounts"] += [made] if mount is made else []
    return mount


@member(
    MUTANTS,
    "image",
    "OVSI-DUMP-002 OVSI-DUMP-006 OVSI-LOC-002",
    f"{SOUND}[unmounted-removed-where-a-twin-is-outside]",
)
def counts_those_that_are_left(document: Json, given: Given) -> None:
    """Takes the first directory that it finds for the first lower."""
    lowers = [layer for layer in document["overlays"][0]["layers"] if layer["role"] == "lower"]
    left = [lower for lower in lowers if lower["state"] == "located"]
    if left and lowers[0]["state"] == "deleted":
        declared = lowers[0]["declared"]
        lowers[0].clear()
        lowers[0] |= left[0] | {"declared": declared}


# Out of reach


@member(MUTANTS, "image", "OVSI-LOC-004", "test_security.py::test_link_in_a_mount_point[*-outside]")
def out_of_the_root_out_of_the_world(document: Json, given: Given) -> None:
    """What the process has no path to is mounted nowhere."""
    for source in every_source(document):
        if source["assurance"] == "proved" and source["state"] == "unknown":
            source["state"] = "unmounted"


@member(MUTANTS, "image", "OVSI-LOC-001", "test_dumper.py::test_complete[deep-long-path-outside]")
def no_path_is_longer_than_the_kernel_takes(document: Json, given: Given) -> None:
    for source in every_source(document):
        if len(source.get("location", {}).get("path", "")) > 4095:
            source |= {"state": "unknown", "reason": "File name too long"}
            del source["location"]
