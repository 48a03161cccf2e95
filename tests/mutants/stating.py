"""Dumpers that leave out what a mount shows, or make up more than it shows."""

import os

from .mutant import Given, Json, Mutant, every_source, member

MUTANTS: dict[str, Mutant] = {}
FAITHFUL = "test_dumper.py::test_faithful"
ALL = "test_command_line.py::test_all[*]"


@member(MUTANTS, "image", "OVSI-DUMP-022", f"{FAITHFUL}[core-one-lower-*]")
def says_nothing_of_mounts(document: Json, given: Given) -> None:
    """What may be absent is."""
    for mount in document["mounts"]:
        mount.pop("attributes", None)
        mount.pop("propagation", None)


@member(MUTANTS, "image", "OVSI-DUMP-022", f"{FAITHFUL}[nested-read-only-below-outside]")
def inner_overlays_are_writable(document: Json, given: Given) -> None:
    for overlay in document["overlays"][1:]:
        overlay["superblockFlags"] = ["rw"]


@member(MUTANTS, "image", "OVSI-DUMP-016", f"{FAITHFUL}[core-one-lower-*]")
def states_what_is_not_in_effect(document: Json, given: Given) -> None:
    """As it would mount for itself."""
    for overlay in document["overlays"]:
        if all(option["name"] != "default_permissions" for option in overlay["options"]):
            overlay["options"].append({"name": "default_permissions", "value": None, "basis": "shown"})


@member(MUTANTS, "image", "OVSI-DUMP-016", f"{FAITHFUL}[core-one-lower-*]")
def both_defaults(document: Json, given: Given) -> None:
    """The documentation's, and the module's after it."""
    for overlay in document["overlays"]:
        overlay["options"].insert(0, {"name": "metacopy", "value": "on", "basis": "default"})


@member(MUTANTS, "image", "OVSI-DUMP-028", f"{FAITHFUL}[core-one-lower-*]")
def no_file_system_bears_a_uuid(document: Json, given: Given) -> None:
    for filesystem in document["filesystems"]:
        filesystem.pop("uuid", None)
        filesystem.get("missing", {}).pop("uuid", None)


@member(MUTANTS, "image", "OVSI-DUMP-028", f"{FAITHFUL}[core-one-lower-*]")
def no_file_system_gives_handles(document: Json, given: Given) -> None:
    for source in every_source(document):
        identity = source.get("identity", {})
        identity.pop("handle", None)
        identity.get("missing", {}).pop("handle", None)


@member(MUTANTS, "image", "OVSI-DUMP-008", "test_dumper.py::test_sound[core-one-lower-inside]")
def candidate_that_is_not_there(document: Json, given: Given) -> None:
    for source in every_source(document):
        if "mount" in source.get("candidate", {}) and isinstance(source["candidate"]["path"], str):
            source["candidate"]["path"] = source["candidate"]["path"].rstrip("/") + "/nowhere"


@member(MUTANTS, "image", "OVSI-DUMP-020", f"{FAITHFUL}[elsewhere-unmounted-here-outside]")
def same_place_in_every_namespace(document: Json, given: Given) -> None:
    for mount in document["mounts"]:
        if "namespace" in mount:
            mount["mountPoint"] = "/another"


@member(MUTANTS, "image", "OVSI-DUMP-021", ALL)
def of_all_one_mount_each(document: Json, given: Given) -> None:
    for overlay in document["overlays"] if "mountpoint" not in given and "mount-id" not in given else ():
        del overlay["mounts"][1:]


@member(MUTANTS, "image", "OVSI-EQV-003", ALL)
def of_all_the_newest_first(document: Json, given: Given) -> None:
    if "mountpoint" not in given and "mount-id" not in given:
        document["overlays"].reverse()


@member(MUTANTS, "image", "OVSI-DUMP-012", ALL)
def of_all_a_summary(document: Json, given: Given) -> None:
    """Of many overlays it lists fewer layers."""
    for overlay in document["overlays"] if "mountpoint" not in given and "mount-id" not in given else ():
        lowers = [layer for layer in overlay["layers"] if layer["role"] == "lower"]
        overlay["layers"] = [each for each in overlay["layers"] if each not in lowers[1:]]


@member(MUTANTS, "image", "OVSI-DUMP-030", f"{FAITHFUL}[userns-plain-outside]")
def mounted_by_the_likes_of_itself(document: Json, given: Given) -> None:
    """Takes its own user namespace for that of whoever mounted."""
    with open("/proc/self/uid_map") as file:
        initial = file.read().split() == ["0", "0", "4294967295"]
    for overlay in document["overlays"]:
        overlay["mounter"] = {"userNamespace": {"initial": initial, "inode": str(os.stat("/proc/self/ns/user").st_ino)}}


@member(MUTANTS, "image", "OVSI-DUMP-030", f"{FAITHFUL}[userns-plain-outside]")
def mounted_with_all_ids(document: Json, given: Given) -> None:
    """Where there is a map it has no bounds."""
    for overlay in document["overlays"]:
        namespace = overlay.get("mounter", {}).get("userNamespace", {})
        for name in {"uidMap", "gidMap"} & namespace.keys():
            namespace[name] = [{"inside": 0, "outside": 0, "count": 2**32 - 1}]


@member(MUTANTS, "image", "OVSI-DUMP-030", f"{FAITHFUL}[core-one-lower-outside]")
def mounted_by_nobody(document: Json, given: Given) -> None:
    for overlay in document["overlays"]:
        overlay.get("mounter", {}).get("credentials", {})["fsuid"] = 65534
