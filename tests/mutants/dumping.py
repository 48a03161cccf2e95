"""Dumpers that say of a mount, of its options or of the host what is not so, or not all of it."""

import os
import signal

from .mutant import Given, Json, Mutant, every_source, member, options, reference

MUTANTS: dict[str, Mutant] = {}
ANSWER = "test_dumper.py::test_answer"
FAITHFUL = "test_dumper.py::test_faithful"


@member(MUTANTS, "image", "OVSI-DUMP-013 OVSI-DUMP-001", f"{ANSWER}[core-one-lower-*]", f"{FAITHFUL}[core-one-lower-*]")
def loses_the_work_directory(document: Json, given: Given) -> None:
    for overlay in document["overlays"]:
        overlay.pop("work", None)


@member(MUTANTS, "image", "OVSI-DUMP-016", f"{FAITHFUL}[core-one-lower-outside]")
def what_is_not_shown_is_off(document: Json, given: Given) -> None:
    """Whatever the module's default is."""
    for overlay in document["overlays"]:
        for option in overlay["options"]:
            option["value"] = "off" if option["basis"] != "shown" and option["value"] else option["value"]


@member(MUTANTS, "image", "OVSI-DUMP-021", f"{FAITHFUL}[core-two-mounts-*]")
def one_mount_an_overlay(document: Json, given: Given) -> None:
    for overlay in document["overlays"]:
        del overlay["mounts"][1:]


@member(MUTANTS, "image", "OVSI-DUMP-022", f"{FAITHFUL}[core-one-lower-*]")
def only_ro_and_rw(document: Json, given: Given) -> None:
    """Knows two attributes of mounts."""
    for mount in document["mounts"]:
        mount["attributes"] = [word for word in mount.get("attributes", ()) if word in ("ro", "rw")]


@member(MUTANTS, "image", "OVSI-DUMP-022", f"{FAITHFUL}[core-shared-*]")
def forgets_propagation(document: Json, given: Given) -> None:
    for mount in document["mounts"]:
        mount["propagation"] = {}


@member(MUTANTS, "image", "OVSI-DUMP-023", "test_command_line.py::test_all[*]")
def an_overlay_a_mount(document: Json, given: Given) -> None:
    """Of all overlays of a namespace: goes through the mounts, and describes each."""
    for overlay in document["overlays"] if "mountpoint" not in given else ():
        for number, name in enumerate(overlay["mounts"][1:]):
            document["overlays"].append(overlay | {"id": f"{overlay['id']}-{number}", "mounts": [name]})
        del overlay["mounts"][1:]


@member(MUTANTS, "image", "OVSI-DUMP-024", f"{FAITHFUL}[nested-read-only-below-outside]")
def an_overlay_is_a_file_system(document: Json, given: Given) -> None:
    """As a layer it is one like any other."""
    del document["overlays"][1:]


@member(MUTANTS, "image", "OVSI-DUMP-025", f"{FAITHFUL}[core-one-lower-*]")
def another_word_for_the_kernel(document: Json, given: Given) -> None:
    """Takes the version for the release: both are in uname."""
    document["host"]["kernelRelease"] = os.uname().version


@member(MUTANTS, "image", "OVSI-DUMP-027", "test_command_line.py::test_all[*]")
def one_overlay_a_namespace(document: Json, given: Given) -> None:
    del document["overlays"][1:]


@member(MUTANTS, "image", "OVSI-EQV-001", "test_dumper.py::test_same_twice[core-one-lower-*]")
def a_number_a_run(document: Json, given: Given) -> None:
    document["x-mutant-run"] = os.urandom(4).hex()


@member(MUTANTS, "image", "OVSI-EQV-001", "test_dumper.py::test_same_twice[core-one-lower-*]")
def ids_at_random(document: Json, given: Given) -> None:
    """In the order in which a hash table happens to have them."""
    names = {mount["id"]: f"m{os.urandom(4).hex()}" for mount in document["mounts"]}
    for mount in document["mounts"]:
        mount["id"] = names[mount["id"]]
    for overlay in document["overlays"]:
        overlay["mounts"] = [names[name] for name in overlay["mounts"]]
    for source in every_source(document):
        for place in {"location", "candidate"} & source.keys():
            if "mount" in source[place]:
                source[place]["mount"] = names[source[place]["mount"]]


@member(MUTANTS, "image", "OVSI-EQV-002", f"{FAITHFUL}[core-two-mounts-*]")
def newest_mount_first(document: Json, given: Given) -> None:
    numbers = {mount["id"]: mount["mountId"] for mount in document["mounts"]}
    for overlay in document["overlays"]:
        overlay["mounts"].sort(key=lambda name: -numbers[name])


@member(
    MUTANTS,
    "image",
    "OVSI-EQV-003 OVSI-DUMP-014 OVSI-DUMP-015 OVSI-DUMP-021 OVSI-ID-005",
    f"{FAITHFUL}[nested-writable-below-outside]",
)
def innermost_overlay_first(document: Json, given: Given) -> None:
    document["overlays"].reverse()


@member(MUTANTS, "image", "OVSI-DUMP-012", "test_dumper.py::test_sound[core-three-lowers-*]")
def a_pair_of_layers(document: Json, given: Given) -> None:
    """An upper and a lower, as in every example."""
    for overlay in document["overlays"]:
        del overlay["layers"][2:]


@member(
    MUTANTS, "be", "OVSI-DUMP-011", "test_dumper.py::test_no_trace[unmounted-held-by-cwd-inside]", classes=("dumper",)
)
def stops_processes(words: list[str]) -> int:
    """Lest anything changes while it looks; one of them it forgets to let go."""
    if words[:1] == ["dump"] and "--pid" in words:
        pid = options(words)["pid"]
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            others = [int(word) for word in file.read().split() if int(word) != os.getpid()]
        for other in others[:1]:
            os.kill(other, signal.SIGSTOP)
    return reference(words)
