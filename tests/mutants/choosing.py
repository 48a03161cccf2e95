"""Restorers that take one thing for another where an image or a command line has several."""

import json
import os
from fcntl import ioctl
from itertools import pairwise

from .mutant import Given, Json, Mutant, every_source, load, member, options, place, reference, root
from .restoring import own

MUTANTS: dict[str, Mutant] = {}
RESTORER = "test_restorer.py::test_"
ONLY = ("restorer",)
FS_IOC_GETVERSION = 0x80087601


@member(MUTANTS, "words", "OVSI-CLI-020", "test_choices.py::test_one_of_several[*]", classes=ONLY)
def first_overlay_where_none_is_chosen(words: list[str]) -> list[str]:
    if words[:1] == ["restore"] and "--target" in words and "--overlay" not in words:
        try:
            several = load(options(words))["overlays"][1:]
        except (OSError, LookupError, TypeError, ValueError):
            return words
        if several:
            return [*words[:3], "--overlay", load(options(words))["overlays"][0]["id"], *words[3:]]
    return words


@member(MUTANTS, "words", "OVSI-REST-012", "test_choices.py::test_one_of_several[*]", classes=ONLY)
def first_overlay_whichever_is_chosen(words: list[str]) -> list[str]:
    if words[:1] == ["restore"] and "--overlay" in words:
        names = [overlay["id"] for overlay in load(options(words))["overlays"]]
        return [names[0] if word in names else word for word in words]
    return words


@member(MUTANTS, "source", "OVSI-REST-012", "test_restore_all.py::test_every_overlay[*]")
def all_is_the_first(document: Json, given: Given) -> None:
    if "root" in given:
        del document["overlays"][1:]


@member(MUTANTS, "words", "OVSI-REST-008", "test_choices.py::test_longest_map[*]", classes=ONLY)
def first_map_counts(words: list[str]) -> list[str]:
    kept, seen = list[str](), False
    pairs = iter(words)
    for word in pairs:
        if word == "--map":
            value = next(pairs, "")
            kept += [] if seen else [word, value]
            seen = True
        else:
            kept.append(word)
    return kept


@member(MUTANTS, "words", "OVSI-REST-029", f"{RESTORER}mounter_differs[*]", classes=ONLY)
def accepted_once_accepted_all(words: list[str]) -> list[str]:
    return [*words, "--accept", "mounter-differs"] if "--accept" in words else words


@member(MUTANTS, "words", "OVSI-REST-029", f"{RESTORER}volatile_mark[*]", classes=ONLY)
def accepts_leftovers_too(words: list[str]) -> list[str]:
    return [*words, "--accept", "volatile-leftovers"] if "--accept" in words else words


def _result(words: list[str], change: str) -> int:
    code, path = reference(words), options(words).get("result", "-")
    if words[:1] == ["restore"] and code == 0 and os.path.isfile(path):
        with open(path) as file:
            told = json.load(file)
        if change == "all":
            accepted = [word for option, word in pairwise(words) if option == "--accept"]
            subject = told["overlays"][0]["id"]
            told["accepted"] += [
                {"what": word, "subject": subject, "detail": "it was accepted"}
                for word in accepted
                if word not in {each["what"] for each in told["accepted"]}
            ]
        else:
            told["accepted"] = list({each["what"]: each for each in told["accepted"]}.values())
        with open(path, "w") as file:
            json.dump(told, file)
    return code


@member(MUTANTS, "be", "OVSI-REST-028", f"{RESTORER}mounter_differs[*]", classes=ONLY)
def tells_what_was_accepted_not_what_was_met(words: list[str]) -> int:
    return _result(words, "all")


@member(MUTANTS, "be", "OVSI-REST-028", f"{RESTORER}unproved_accepted[*]", classes=ONLY)
def one_of_each_kind(words: list[str]) -> int:
    """Tells of one source where several deviate."""
    return _result(words, "one")


@member(MUTANTS, "source", "OVSI-REST-018", f"{RESTORER}exact[core-every-word-*]")
def knows_four_attributes(document: Json, given: Given) -> None:
    for mount in own(document):
        known = ("ro", "rw", "nosuid", "nodev", "relatime", "x_no_such_attribute")
        mount["attributes"] = [word for word in mount.get("attributes", ()) if word in known]


@member(MUTANTS, "source", "OVSI-REST-018", f"{RESTORER}word_that_is_no_superblock_flag[x_no_such_attribute-*]")
def drops_strange_attributes(document: Json, given: Given) -> None:
    for mount in own(document):
        mount["attributes"] = [word for word in mount.get("attributes", ()) if not word.startswith("x_")]


@member(MUTANTS, "source", "OVSI-REST-019", f"{RESTORER}exact[core-every-word-*]")
def unbindable_is_private(document: Json, given: Given) -> None:
    for mount in own(document):
        mount.get("propagation", {}).pop("unbindable", None)


@member(MUTANTS, "source", "OVSI-REST-018", f"{RESTORER}exact[core-every-word-*]")
def read_only_or_not(document: Json, given: Given) -> None:
    """Knows two superblock flags."""
    for overlay in document["overlays"]:
        overlay["superblockFlags"] = [
            word for word in overlay["superblockFlags"] if word in ("ro", "rw", "volatile", "x_no_such_flag")
        ]


@member(MUTANTS, "source", "OVSI-ID-006", f"{RESTORER}identity_differs[type-*]")
def any_type(document: Json, given: Given) -> None:
    """Of a file system the number says it all."""
    for filesystem in document["filesystems"]:
        if filesystem["type"] == "xfs" and filesystem["device"].startswith("0:"):
            filesystem |= {"type": "tmpfs", "stability": "boot"}


@member(MUTANTS, "source", "OVSI-REST-002", "test_security.py::test_hostile_image[handle of another source-*]")
def handles_are_hints(document: Json, given: Given) -> None:
    for source in every_source(document):
        if source.get("identity", {}).get("generation") is not None:
            source["identity"].pop("handle", None)
            source["identity"].get("missing", {}).pop("handle", None)


@member(MUTANTS, "source", "OVSI-ID-008", "test_identity.py::test_copy_of_a_disk[*]")
def inodes_are_enough_on_another_boot(document: Json, given: Given) -> None:
    """It takes the generation that is there."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        this_boot = document["host"]["bootId"] == file.read().strip()
    for source in every_source(document) if "map" in given and not this_boot else ():
        held = os.open(root(given) + place(document, source), os.O_RDONLY)
        source["identity"]["generation"] = int.from_bytes(ioctl(held, FS_IOC_GETVERSION, bytes(8))[:4], "little")
        os.close(held)


@member(
    MUTANTS,
    "source",
    "OVSI-ID-006 OVSI-ID-011",
    f"{RESTORER}identity_differs[generation-not-handle-*]",
    f"{RESTORER}changed_identity_on_the_same_boot[generation-not-handle-*]",
)
def a_handle_says_it_all(document: Json, given: Given) -> None:
    """Where there is one, it looks at no generation."""
    for source in every_source(document):
        if source.get("identity", {}).get("handle"):
            source["identity"] |= {"generation": None, "missing": {"generation": "the handle stands for it"}}


def _unsure(document: Json, source: Json) -> bool:
    """Whether it lies on a file system of a type without a row, which the image says to be stable."""
    where = source.get("identity", {}).get("filesystem")
    kinds = [(each["type"], each["stability"]) for each in document["filesystems"] if each["id"] == where]
    return kinds in ([("ramfs", "boot")], [("ramfs", "filesystem")])


@member(MUTANTS, "be", "OVSI-ID-007", "test_identity.py::test_type_without_a_row[*]", classes=ONLY)
def believes_what_the_image_says_of_types(words: list[str]) -> int:
    """Takes what is at the place of such a source, as it would a candidate."""
    try:
        document = load(options(words)) if words[:1] == ["restore"] else {"overlays": []}
        unsure = [source for source in every_source(document) if _unsure(document, source)]
    except (OSError, LookupError, TypeError, ValueError):
        return reference(words)
    if not unsure:
        return reference(words)
    for source in unsure:
        kept = {key: source[key] for key in ("role", "declared")} | {"candidate": source["location"]}
        source.clear()
        source |= kept | {"assurance": "consistent", "state": "unknown", "reason": "its type is not known"}
    file = os.memfd_create("image")
    os.write(file, json.dumps(document).encode())
    given = options(words)["image"]
    changed = [f"/proc/self/fd/{file}" if word == given else word for word in words]
    return reference([*changed, "--accept", "unproved"])


def _retold(words: list[str], change: str) -> int:
    """A restore, whose result names the mount by what it is in the image, or by `id` one mount of each overlay."""
    code, path = reference(words), options(words).get("result", "-")
    if words[:1] == ["restore"] and code == 0 and os.path.isfile(path):
        with open(path) as file:
            told = json.load(file)
        was = {mount["id"]: mount[change] for mount in load(options(words))["mounts"] if change in mount}
        names = {overlay["id"]: overlay["mounts"] for overlay in load(options(words))["overlays"]}
        for each in told["overlays"] if change != "id" else ():
            each[change] = next((was[name] for name in names[each["id"]]), each[change])
        if change == "id":
            told["overlays"] = list({each["id"]: each for each in told["overlays"]}.values())
        with open(path, "w") as file:
            json.dump(told, file)
    return code


@member(MUTANTS, "be", "OVSI-REST-036", f"{RESTORER}exact[core-one-lower-*]", classes=ONLY)
def tells_where_it_was(words: list[str]) -> int:
    return _retold(words, "mountPoint")


@member(MUTANTS, "be", "OVSI-REST-036", f"{RESTORER}exact[core-one-lower-*]", classes=ONLY)
def tells_the_number_that_it_had(words: list[str]) -> int:
    return _retold(words, "mountId")


@member(MUTANTS, "be", "OVSI-REST-036", "test_restore_all.py::test_each_mount_at_its_place[*]", classes=ONLY)
def tells_of_one_mount_each(words: list[str]) -> int:
    return _retold(words, "id")
