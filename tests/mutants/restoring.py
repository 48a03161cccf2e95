"""Restorers that build another stack than the image's, or build where they should refuse."""

import ctypes
import os
from itertools import pairwise

from .mutant import (
    Given,
    Json,
    Mutant,
    claims,
    every_source,
    identity_at,
    load,
    member,
    mounts,
    options,
    place,
    reference,
    refuse,
    root,
)

MUTANTS: dict[str, Mutant] = {}
RESTORER = "test_restorer.py::test_"
EXACT = f"{RESTORER}exact"
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY


def own(document: Json) -> list[Json]:
    """The mounts of the overlays."""
    names = [name for overlay in document["overlays"] for name in overlay["mounts"]]
    return [mount for mount in document["mounts"] if mount["id"] in names]


def take_what_is_there(document: Json, given: Given, field: str = "") -> None:
    """Put into identities what the directories have that are at their places; one field, or all."""
    for source in every_source(document):
        path = root(given) + place(document, source)
        if "identity" in source and os.path.isdir(path):
            now = identity_at(path)
            source["identity"] |= now if not field else {field: now[field]}


# The right sources


@member(MUTANTS, "source", "OVSI-ID-006", f"{RESTORER}lookalike_in_its_place[*-inside]")
def compares_devices(document: Json, given: Given) -> None:
    """And takes any directory of the name on the right one."""
    take_what_is_there(document, given)


@member(MUTANTS, "source", "OVSI-ID-007", f"{RESTORER}identity_says_too_little[inside]")
def what_is_lacking_is_equal(document: Json, given: Given) -> None:
    for source in every_source(document):
        identity = source.get("identity", {})
        if identity and "generation" not in identity and "handle" not in identity:
            identity["handle"] = identity_at(root(given) + place(document, source))["handle"]
            identity |= {"generation": None, "missing": {"generation": "not said"}}


@member(
    MUTANTS,
    "source",
    "OVSI-ID-008 OVSI-ID-009",
    f"{RESTORER}another_boot[inside]",
    f"{RESTORER}another_boot_accepted[inside]",
)
def every_boot_is_this_one(document: Json, given: Given) -> None:
    with open("/proc/sys/kernel/random/boot_id") as file:
        document["host"]["bootId"] = file.read().strip()


@member(MUTANTS, "source", "OVSI-ID-011", f"{RESTORER}changed_identity_on_the_same_boot[*-inside]")
def accepted_is_accepted(document: Json, given: Given) -> None:
    """`changed-identity` lifts every comparison, on any boot."""
    if given.get("accept") == "changed-identity":
        take_what_is_there(document, given)


@member(MUTANTS, "source", "OVSI-REST-002", "test_security.py::test_hostile_image[inode beyond 32 bits-inside]")
def inodes_of_32_bits(document: Json, given: Given) -> None:
    for source in every_source(document):
        if "identity" in source and "handle" not in source["identity"]:
            source["identity"]["inode"] = str(int(source["identity"]["inode"]) % 2**32)


@member(MUTANTS, "words", "OVSI-REST-003", f"{RESTORER}unproved[None-inside]", classes=("restorer",))
def candidates_are_good_enough(words: list[str]) -> list[str]:
    """Accepts what is not proved where nobody said what to accept."""
    return [*words, "--accept", "unproved"] if words[:1] == ["restore"] and "--accept" not in words else words


@member(MUTANTS, "source", "OVSI-IMG-036", "test_versioning.py::test_unknown_assurance[inside]")
def surer_than_sure(document: Json, given: Given) -> None:
    """Takes a word that it does not know for the surest."""
    for source in every_source(document):
        if source["assurance"] not in ("proved", "consistent", "none"):
            source["assurance"] = "proved"


@member(MUTANTS, "source", "OVSI-REST-004 OVSI-REST-028", f"{RESTORER}unproved_accepted[inside]")
def leaves_out_what_is_unsure(document: Json, given: Given) -> None:
    """Accepted means that it may do without: it makes do with one lower."""
    for overlay in document["overlays"]:
        unsure = [each for each in overlay["layers"] if each["role"] == "lower" and each["assurance"] != "proved"]
        overlay["layers"] = [each for each in overlay["layers"] if each not in unsure[1:]]


@member(MUTANTS, "source", "OVSI-REST-005", f"{RESTORER}unproved_without_candidate[inside]")
def declared_names_will_do(document: Json, given: Given) -> None:
    """Where there is no candidate the name is one that was given to mount."""
    for source in every_source(document):
        if source["assurance"] != "proved" and "candidate" not in source:
            above = [mount for mount in document["mounts"] if source["declared"].startswith(mount["mountPoint"] + "/")]
            path = source["declared"].removeprefix(above[0]["mountPoint"])
            source |= {"assurance": "consistent", "candidate": {"mount": above[0]["id"], "path": path}}


@member(MUTANTS, "be", "OVSI-REST-006", f"{RESTORER}mounted_elsewhere[inside]", classes=("restorer",))
def where_it_was_or_nowhere(words: list[str]) -> int:
    """Looks at the mount that the image names, and for no other of the file system."""
    if words[:1] == ["restore"] and os.path.isfile(options(words)["image"]) and "--map" not in words:
        try:
            document = load(options(words))
            used = {source.get("location", {}).get("mount") for source in every_source(document)}
            devices = {entry["id"]: entry["device"] for entry in document["filesystems"]}
            named = [mount for mount in document["mounts"] if mount["id"] in used and "namespace" not in mount]
            now = [(before[4], before[2]) for before, _ in mounts(options(words).get("pid", "self"))]
        except (LookupError, TypeError, ValueError):
            return reference(words)
        if any((mount["mountPoint"], devices[mount["filesystem"]]) not in now for mount in named):
            return refuse("not-found", "source-missing")
    return reference(words)


@member(MUTANTS, "source", "OVSI-REST-007", f"{RESTORER}source_is_gone[lower/1-inside]")
def does_without(document: Json, given: Given) -> None:
    """A lower that is gone is left out."""
    for overlay in document["overlays"]:
        kept = [each for each in overlay["layers"] if os.path.isdir(root(given) + place(document, each))]
        if any(each["role"] == "lower" for each in kept):
            overlay["layers"] = kept


def _mapped(words: list[str]) -> dict[str, str]:
    """FS -> DIR of the mappings of whole file systems."""
    given = [word for option, word in pairwise(words) if option == "--map"]
    return {name: directory for name, _, directory in (word.partition("=") for word in given) if ":" not in name}


@member(MUTANTS, "words", "OVSI-REST-008", f"{RESTORER}mapped[sub-inside]", classes=("restorer",))
def no_part_of_a_file_system(words: list[str]) -> list[str]:
    """Takes DIR for the root of the file system, whatever part was named."""
    return [word.partition(":")[0] + "=" + word.partition("=")[2] if ":/" in word else word for word in words]


@member(MUTANTS, "source", "OVSI-REST-009", f"{RESTORER}mapped_to_lookalikes[inside]")
def the_caller_knows(document: Json, given: Given) -> None:
    """What the caller maps is right: it takes the identities of what is there."""
    filesystem, _, directory = given.get("map", "").partition("=")
    for source in every_source(document):
        path = root(given) + directory + source["path"]
        if directory and source["identity"]["filesystem"] == filesystem and os.path.isdir(path):
            source["identity"] |= identity_at(path)
            status = os.stat(path)
            device = f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
            for each in document["filesystems"]:
                if each["id"] == filesystem:
                    each["device"] = device
                    each.pop("uuid", None)


@member(MUTANTS, "words", "OVSI-REST-010", f"{RESTORER}link_out_of_the_map[inside]", classes=("restorer",))
def goes_where_links_lead(words: list[str]) -> list[str]:
    """Resolves what lies in a mapped directory, and maps where it comes to."""
    for name, directory in _mapped(words).items():
        for entry in sorted(os.listdir(directory)) if os.path.isdir(directory) else ():
            true = os.path.realpath(os.path.join(directory, entry))
            if true != os.path.join(directory, entry) and os.path.isdir(true):
                return [f"{name}={os.path.dirname(true)}" if word == f"{name}={directory}" else word for word in words]
    return words


# The right stack


@member(MUTANTS, "be", "OVSI-REST-013", f"{EXACT}[deep-128-inside]", classes=("restorer",))
def one_page_is_enough(words: list[str]) -> int:
    """For a hundred layers, that is."""
    if words[:1] == ["restore"] and os.path.isfile(options(words)["image"]):
        try:
            many = len(load(options(words))["overlays"][0]["layers"]) > 100
        except (LookupError, TypeError, ValueError):
            many = False
        if many:
            return refuse("system", "system-call", "mount: EINVAL")
    return reference(words)


@member(MUTANTS, "be", "OVSI-REST-012", f"{EXACT}[deep-long-path-*]", classes=("restorer",))
def one_call_is_enough(words: list[str]) -> int:
    """To open a source, however deep it lies."""
    if words[:1] == ["restore"] and os.path.isfile(options(words)["image"]):
        try:
            longest = max(len(source["path"]) for source in every_source(load(options(words))))
        except (LookupError, TypeError, ValueError):
            longest = 0
        if longest > 4095:
            return refuse("system", "system-call", "openat2: ENAMETOOLONG")
    return reference(words)


@member(MUTANTS, "source", "OVSI-REST-014", f"{EXACT}[core-index-outside]")
def leaves_it_to_the_defaults(document: Json, given: Given) -> None:
    for overlay in document["overlays"]:
        overlay["options"] = []


@member(MUTANTS, "source", "OVSI-REST-014", f"{EXACT}[core-one-lower-inside]")
def adds_a_check(document: Json, given: Given) -> None:
    """Mounts as it would mount for itself: with an option more."""
    for overlay in document["overlays"]:
        overlay["options"].append({"name": "default_permissions", "value": None})


@member(MUTANTS, "source", "OVSI-REST-014", f"{EXACT}[core-default-permissions-inside]")
def options_have_values(document: Json, given: Given) -> None:
    """Gives those that are a name and a value."""
    for overlay in document["overlays"]:
        overlay["options"] = [each for each in overlay["options"] if each["value"] is not None]


@member(MUTANTS, "source", "OVSI-REST-015", f"{RESTORER}option_that_the_kernel_lacks[x_no_such_option-inside]")
def drops_strange_options(document: Json, given: Given) -> None:
    known = [
        "redirect_dir",
        "index",
        "nfs_export",
        "metacopy",
        "xino",
        "uuid",
        "verity",
        "fsync",
        "volatile",
        "default_permissions",
        "userxattr",
    ]
    for overlay in document["overlays"]:
        overlay["options"] = [option for option in overlay["options"] if option["name"] in known]


@member(MUTANTS, "source", "OVSI-REST-017", f"{EXACT}[core-one-lower-inside]")
def work_directory_of_its_own(document: Json, given: Given) -> None:
    """Makes one beside the upper, so that it is on the same file system."""
    for overlay in document["overlays"]:
        upper, name = overlay["layers"][0], "ovsi-work"
        if upper["role"] != "upper" or upper["state"] != "located":
            continue
        made = os.path.join(os.path.dirname(root(given) + place(document, upper)), name)
        os.makedirs(made, exist_ok=True)
        below = {"path": os.path.join(os.path.dirname(upper["location"]["path"]), name)}
        path = os.path.join(os.path.dirname(upper["path"]), name)
        identity = upper["identity"] | identity_at(made)
        overlay["work"] |= {"path": path, "location": upper["location"] | below, "identity": identity}


@member(MUTANTS, "source", "OVSI-REST-018", f"{EXACT}[core-mounted-read-only-inside]")
def always_writable(document: Json, given: Given) -> None:
    for mount in own(document):
        mount["attributes"] = ["rw" if word == "ro" else word for word in mount["attributes"]]


@member(MUTANTS, "source", "OVSI-REST-020", "test_restore_all.py::test_each_mount_at_its_place[inside]")
def mounts_the_whole(document: Json, given: Given) -> None:
    for mount in own(document):
        mount["root"] = "/"


@member(MUTANTS, "source", "OVSI-REST-021", "test_restore_all.py::test_each_mount_at_its_place[inside]")
def once_is_enough(document: Json, given: Given) -> None:
    """A superblock that was mounted in several places is mounted in the first."""
    for overlay in document["overlays"]:
        del overlay["mounts"][1:]


@member(MUTANTS, "source", "OVSI-REST-032", f"{RESTORER}mounter_differs[inside]")
def whoever_mounted_it(document: Json, given: Given) -> None:
    for overlay in document["overlays"]:
        overlay.pop("mounter", None)


@member(
    MUTANTS,
    "source",
    "OVSI-REST-034",
    "test_finished_stack.py::test_owners[idmapped-lowers-outside]",
    info=claims("restorer idmapped outside"),
)
def owners_as_on_disk(document: Json, given: Given) -> None:
    for source in every_source(document):
        source.pop("idmap", None)


# All or nothing


@member(
    MUTANTS,
    "be",
    "OVSI-REST-022",
    f"{RESTORER}source_is_gone[lower/1-inside]",
    f"{RESTORER}target[missing-inside]",
    classes=("restorer",),
)
def locks(words: list[str]) -> int:
    """Puts a lock into the upper, and takes it away when all went well."""
    lock = _beside_entries_of_the_upper(words)
    if lock:
        os.mkdir(lock)
    code = reference(words)
    if lock and code == 0:
        os.rmdir(lock)
    return code


def _beside_entries_of_the_upper(words: list[str]) -> str:
    try:
        document, given = load(options(words)), options(words)
        upper = next(layer for layer in document["overlays"][0]["layers"] if layer["role"] == "upper")
        path = root(given) + place(document, upper)
    except (LookupError, TypeError, ValueError, OSError, StopIteration):
        return ""
    return f"{path}/.lock" if words[:1] == ["restore"] and os.path.isdir(path) else ""


@member(MUTANTS, "after", "OVSI-REST-023", f"{EXACT}[core-one-lower-inside]", classes=("restorer",))
def marks_layers_as_used(given: Given, code: int) -> None:
    """By their times."""
    document = load(given) if "target" in given and code == 0 else {"overlays": []}
    for source in every_source(document):
        path = root(given) + place(document, source)
        if source.get("role") == "lower" and os.path.isdir(path):
            os.utime(path)


@member(MUTANTS, "after", "OVSI-REST-030", f"{EXACT}[core-one-lower-outside]", classes=("restorer",))
def takes_it_along(given: Given, code: int) -> None:
    """What it mounts in another namespace it unmounts when it goes."""
    if code == 0 and "target" in given and "pid" in given:
        libc = ctypes.CDLL(None)
        space, top = (os.open(f"/proc/{given['pid']}/{name}", os.O_RDONLY) for name in ("ns/mnt", "root"))
        libc.setns(space, 0)
        os.fchdir(top)
        os.chroot(".")
        libc.umount2(os.fsencode(given["target"]), 2)


@member(MUTANTS, "source", "OVSI-REST-031", f"{RESTORER}volatile_mark[inside]")
def removes_the_mark(document: Json, given: Given) -> None:
    for overlay in document["overlays"]:
        mark = root(given) + place(document, overlay["work"]) + "/work/incompat/volatile"
        if os.path.isdir(mark):
            for name in os.listdir(mark):
                os.unlink(f"{mark}/{name}")
            os.rmdir(mark)


@member(MUTANTS, "be", "OVSI-REST-028", f"{RESTORER}unproved_accepted[inside]", classes=("restorer",))
def keeps_it_to_itself(words: list[str]) -> int:
    """Does not tell in the result what it had to accept."""
    import json

    code, result = reference(words), options(words).get("result", "-")
    if words[:1] == ["restore"] and code == 0 and os.path.isfile(result):
        with open(result) as file:
            told = json.load(file)
        with open(result, "w") as file:
            json.dump(told | {"accepted": []}, file)
    return code


@member(
    MUTANTS,
    "image",
    "OVSI-EQV-004",
    "test_round_trip.py::test_there_and_back[core-one-lower-outside]",
    classes=("round-trip",),
)
def knows_its_own_less(document: Json, given: Given) -> None:
    """Of what it mounted itself it does not tell whether a layer is ID-mapped."""
    for overlay in document["overlays"] if given.get("mountpoint") == "/m/restored" else ():
        for layer in overlay["layers"]:
            layer |= {"idmap": None, "missing": layer.get("missing", {}) | {"idmap": "not asked for"}}
