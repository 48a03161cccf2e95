"""Dumpers that say of sources where they are not, or are surer than they can be."""

import os

from .mutant import Given, Json, Mutant, every_source, identity_at, member, place, root

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
