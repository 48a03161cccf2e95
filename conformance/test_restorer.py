"""Class Restorer: from images that the suite wrote of its own truth, never from a dump."""

import copy
import json
from typing import Any

import pytest

from .harness import describe, errands, files
from .harness.cases import Case, at, every, over
from .harness.images import contradict, unproved
from .harness.implementation import Implementation, Outcome
from .harness.judge import refused, restored
from .harness.restoration import Ready, Restoration, attempt, restore
from .harness.scene import RESTORED, Scene
from .harness.stack import Stack, Vantage
from .harness.verdict import Finding, require
from .stacks import ALL
from .stacks.core import APART, PLAIN

every_vantage = at("restorer")
OTHER_BOOT = "00000000-0000-4000-8000-000000000000"
ALL_OF_IT = ("upper", "lower/0", "lower/1", "work")
OTHER_WORDS = (b"--accept", b"unproved", b"--accept", b"changed-identity")


@pytest.mark.requirement(*restored.IDS)
@over("restorer", [case for case in every(ALL) if case.stack.restorable])
def test_exact(case: Case, implementation: Implementation) -> None:
    """The mount is the one that the image describes, and nothing else changed."""
    seen = restore(implementation, case.stack, case.vantage)
    require(restored.judge(seen), describe.text(seen.stack, seen.truth))


@pytest.mark.requirement("OVSI-REST-001", "OVSI-REST-002", *refused.IDS)
@over("restorer", [case for case in every(ALL) if case.stack.covered])
def test_covered(case: Case, implementation: Implementation) -> None:
    """A twin stands above the sources: the true directories are mounted, or none."""
    seen = restore(implementation, case.stack, case.vantage)
    built = describe.text(seen.stack, seen.truth)
    if seen.answer.outcome is Outcome.DONE:
        require(restored.judge(seen), built)
    else:
        require(refused.judge(seen, "OVSI-REST-001", "not-found", "identity"), built)


@pytest.mark.requirement("OVSI-REST-001", "OVSI-REST-007", *refused.IDS)
@over("restorer", [case for case in every(ALL) if case.stack.lost])
def test_lost(case: Case, implementation: Implementation) -> None:
    """A source is gone for good, or nothing mounts its file system any more; what bears its name is not it."""
    seen = restore(implementation, case.stack, case.vantage)
    require(refused.judge(seen, "OVSI-REST-007", "not-found", "identity"), describe.text(seen.stack, seen.truth))


# Refusals


def unmounted(implementation: Implementation, vantage: Vantage, stack: Stack = PLAIN) -> Ready:
    return Ready(implementation, stack, vantage)


@pytest.mark.requirement("OVSI-ID-006", "OVSI-REST-001", "OVSI-REST-002", *refused.IDS)
@every_vantage
@pytest.mark.parametrize("label", ["lower/1", "upper", "work"])
def test_lookalike_in_its_place(implementation: Implementation, vantage: Vantage, label: str) -> None:
    """A source was removed, and another directory of its name stands there."""
    with unmounted(implementation, vantage) as scene:
        scene.sandbox.do(errands.replace_by_lookalike, scene.stack, label)
        require(refused.judge(scene.attempt(), "OVSI-ID-006", "identity", "not-found"), describe.text(scene.stack))


@pytest.mark.requirement("OVSI-REST-007", *refused.IDS)
@every_vantage
@pytest.mark.parametrize("label", ["lower/1", "upper", "work"])
def test_source_is_gone(implementation: Implementation, vantage: Vantage, label: str) -> None:
    with unmounted(implementation, vantage) as scene:
        scene.sandbox.do(errands.remove, scene.stack, label)
        require(refused.judge(scene.attempt(), "OVSI-REST-007", "not-found"), describe.text(scene.stack))


@pytest.mark.requirement("OVSI-ID-006", *refused.IDS)
@every_vantage
@pytest.mark.parametrize("field", ["inode", "generation", "generation-not-handle", "device", "type"])
def test_identity_differs(implementation: Implementation, vantage: Vantage, field: str) -> None:
    """The directory is there, and one compared field of the image is another's."""
    with unmounted(implementation, vantage) as scene:
        source = scene.layer("lower/0")
        if field in ("device", "type"):
            another = {"device": "0:99999"} if field == "device" else {"type": "xfs", "stability": "filesystem"}
            for filesystem in (
                each for each in scene.document["filesystems"] if each["id"] != scene.overlay["filesystem"]
            ):
                filesystem |= another
                filesystem.pop("uuid", None)
        else:
            contradict(source["identity"], field)
        require(refused.judge(scene.attempt(), "OVSI-ID-006", "identity", "not-found"), describe.text(scene.stack))


@pytest.mark.requirement("OVSI-ID-007", *refused.IDS)
@every_vantage
def test_identity_says_too_little(implementation: Implementation, vantage: Vantage) -> None:
    with unmounted(implementation, vantage) as scene:
        identity = scene.layer("lower/0")["identity"]
        identity.pop("generation", None)
        identity.pop("handle", None)
        require(refused.judge(scene.attempt(), "OVSI-ID-007", "identity"), describe.text(scene.stack))


@pytest.mark.requirement("OVSI-ID-008", *refused.IDS)
@every_vantage
def test_another_boot(implementation: Implementation, vantage: Vantage) -> None:
    """A tmpfs does not outlive the boot: what stands there now is not confirmed."""
    with unmounted(implementation, vantage) as scene:
        scene.document["host"]["bootId"] = OTHER_BOOT
        seen = scene.attempt(maps=(scene.store + b"=/store",))
        require(refused.judge(seen, "OVSI-ID-008", "identity"), describe.text(scene.stack))


@pytest.mark.requirement("OVSI-ID-009", "OVSI-REST-028", *restored.IDS)
@every_vantage
def test_another_boot_accepted(implementation: Implementation, vantage: Vantage) -> None:
    """The caller answers for the directory: whatever its device number was on the other boot, it is used."""
    with unmounted(implementation, vantage) as scene:
        scene.document["host"]["bootId"] = OTHER_BOOT
        for filesystem in scene.document["filesystems"]:
            filesystem["device"] = f"7:{filesystem['device'].split(':')[1]}"
        seen = scene.attempt(b"--accept", b"changed-identity", maps=(scene.store + b"=/store",))
        if seen.answer.outcome is Outcome.REFUSED:
            require([Finding("OVSI-ID-009", "restore", "done: numbers of another boot mean nothing", str(seen.answer))])
        require([*restored.judge(seen), *restored.accepted(seen, "changed-identity", *ALL_OF_IT)], describe.text(PLAIN))


@pytest.mark.requirement("OVSI-ID-011", *refused.IDS)
@every_vantage
@pytest.mark.parametrize("field", ["inode", "generation", "generation-not-handle"])
def test_changed_identity_on_the_same_boot(implementation: Implementation, vantage: Vantage, field: str) -> None:
    """What differs in more than the device is another directory, whatever is accepted."""
    with unmounted(implementation, vantage) as scene:
        contradict(scene.layer("lower/0")["identity"], field)
        seen = scene.attempt(b"--accept", b"changed-identity", maps=(scene.store + b"=/store",))
        require(refused.judge(seen, "OVSI-ID-011", "identity", "not-found"), describe.text(scene.stack))


# What is not proved


def only_names(scene: Ready, candidate: bool) -> None:
    overlay = scene.document["overlays"][0]
    overlay["layers"] = [unproved(layer, candidate) for layer in overlay["layers"]]
    overlay["work"] = unproved(overlay["work"], candidate)


@pytest.mark.requirement("OVSI-REST-003", "OVSI-REST-029", *refused.IDS)
@every_vantage
@pytest.mark.parametrize("word", [None, b"changed-identity", b"mounter-differs"])
def test_unproved(implementation: Implementation, vantage: Vantage, word: bytes | None) -> None:
    """Sources that are not proved are refused, whatever else is accepted."""
    with unmounted(implementation, vantage) as scene:
        only_names(scene, candidate=True)
        seen = scene.attempt(*((b"--accept", word) if word else ()))
        requirement = "OVSI-REST-029" if word else "OVSI-REST-003"
        require(refused.judge(seen, requirement, "unproved"), describe.text(scene.stack))


@pytest.mark.requirement("OVSI-REST-004", "OVSI-REST-028", *restored.IDS)
@every_vantage
def test_unproved_accepted(implementation: Implementation, vantage: Vantage) -> None:
    with unmounted(implementation, vantage) as scene:
        only_names(scene, candidate=True)
        seen = scene.attempt(b"--accept", b"unproved")
        found = list(restored.judge(seen))
        found = [
            Finding("OVSI-REST-004", *list(vars(f).values())[1:]) if f.requirement == "OVSI-REST-012" else f
            for f in found
        ]
        require([*found, *restored.accepted(seen, "unproved", *ALL_OF_IT)], describe.text(scene.stack))


@pytest.mark.requirement("OVSI-REST-004", *refused.IDS)
@every_vantage
@pytest.mark.parametrize("told_by", ["device", "uuid"])
def test_candidate_on_another_file_system(implementation: Implementation, vantage: Vantage, told_by: str) -> None:
    """What is mounted there is of its type, and another file system: by its number, on another boot by its UUID."""
    with unmounted(implementation, vantage) as scene:
        only_names(scene, candidate=True)
        own = scene.overlay["filesystem"]
        for filesystem in (each for each in scene.document["filesystems"] if each["id"] != own):
            filesystem.pop("uuid", None)
            filesystem |= (
                {"device": "0:99999"} if told_by == "device" else {"uuid": "01234567-89ab-4cde-8f01-23456789abcd"}
            )
        if told_by == "uuid":
            scene.document["host"]["bootId"] = OTHER_BOOT
        seen = scene.attempt(b"--accept", b"unproved")
        require(refused.judge(seen, "OVSI-REST-004", "identity", "not-found"), describe.text(scene.stack))


@pytest.mark.requirement("OVSI-REST-004", *refused.IDS)
@every_vantage
def test_candidate_below_a_removed_root(implementation: Implementation, vantage: Vantage) -> None:
    """The mount of the candidate had a root without a name: what is mounted at its place now has another."""
    with unmounted(implementation, vantage) as scene:
        only_names(scene, candidate=True)
        named = scene.layer("lower/0")["candidate"]["mount"]
        for mount in (each for each in scene.document["mounts"] if each["id"] == named):
            mount |= {"root": None, "missing": {"root": "its directory was removed"}}
        seen = scene.attempt(b"--accept", b"unproved")
        require(refused.judge(seen, "OVSI-REST-004", "not-found"), describe.text(scene.stack))


@pytest.mark.requirement("OVSI-REST-005", *refused.IDS)
@every_vantage
def test_unproved_without_candidate(implementation: Implementation, vantage: Vantage) -> None:
    with unmounted(implementation, vantage) as scene:
        only_names(scene, candidate=False)
        seen = scene.attempt(b"--accept", b"unproved")
        require(refused.judge(seen, "OVSI-REST-005", "unproved"), describe.text(scene.stack))


# Where sources are looked for


@pytest.mark.requirement("OVSI-REST-006", *restored.IDS)
@every_vantage
def test_mounted_elsewhere(implementation: Implementation, vantage: Vantage) -> None:
    """The mount that the image names is gone, a bind of the file system is left at another place."""
    with unmounted(implementation, vantage) as scene:
        scene.sandbox.do(errands.bind, b"/store", b"/moved")
        scene.sandbox.do(errands.unmount, b"/store")
        scene.sandbox.do(errands.lookalikes_at, scene.stack, b"/store")
        require(_found(scene.attempt()), describe.text(scene.stack))


@pytest.mark.requirement("OVSI-REST-006", *restored.IDS)
@every_vantage
def test_subtree_mounted_elsewhere(implementation: Implementation, vantage: Vantage) -> None:
    """What is left is a bind of a directory above the sources, not of the root of their file system."""
    with unmounted(implementation, vantage, APART) as scene:
        scene.sandbox.do(errands.bind, b"/store/a", b"/moved")
        scene.sandbox.do(errands.unmount, b"/store")
        require(_found(scene.attempt()), describe.text(scene.stack))


def _found(seen: Restoration) -> list[Finding]:
    if seen.answer.outcome is Outcome.REFUSED:
        return [Finding("OVSI-REST-006", "restore", "found by identity", str(seen.answer))]
    return list(restored.judge(seen))


@pytest.mark.requirement("OVSI-REST-008", *restored.IDS)
@every_vantage
@pytest.mark.parametrize("sub", [b"", b":/a"], ids=["root", "sub"])
def test_mapped(implementation: Implementation, vantage: Vantage, sub: bytes) -> None:
    """`--map` says where the file system, or a directory of it, is now."""
    with unmounted(implementation, vantage, APART) as scene:
        scene.sandbox.do(errands.bind, b"/store" + sub[1:], b"/moved")
        scene.sandbox.do(errands.unmount, b"/store")
        seen = scene.attempt(maps=(scene.store + sub + b"=/moved",))
        if seen.answer.outcome is Outcome.REFUSED:
            require([Finding("OVSI-REST-008", "restore", "found below the mapped directory", str(seen.answer))])
        require(restored.judge(seen), describe.text(scene.stack))


@pytest.mark.requirement("OVSI-REST-009", *refused.IDS)
@every_vantage
def test_mapped_to_lookalikes(implementation: Implementation, vantage: Vantage) -> None:
    with unmounted(implementation, vantage, APART) as scene:
        scene.sandbox.do(errands.lookalikes_at, scene.stack, b"/moved")
        seen = scene.attempt(maps=(scene.store + b"=/moved",))
        require(refused.judge(seen, "OVSI-REST-009", "identity"), describe.text(scene.stack))


@pytest.mark.requirement("OVSI-REST-010", *refused.IDS)
@every_vantage
def test_link_out_of_the_map(implementation: Implementation, vantage: Vantage) -> None:
    """The mapped directory holds a link that leads out of it, to the true sources even."""
    with unmounted(implementation, vantage, APART) as scene:
        scene.sandbox.do(errands.link, b"/store/a", b"/moved/a")
        seen = scene.attempt(maps=(scene.store + b"=/moved",))
        require(refused.judge(seen, "OVSI-REST-010", "identity", "not-found"), describe.text(scene.stack))


# Target, use, options, namespace


@pytest.mark.requirement("OVSI-REST-024", *refused.IDS)
@every_vantage
@pytest.mark.parametrize("fault", ["missing", "a file", "busy"])
def test_target(implementation: Implementation, vantage: Vantage, fault: str) -> None:
    with unmounted(implementation, vantage) as scene:
        target = b"/m/target"
        if fault == "a file":
            scene.sandbox.do(files.write, target, b"")
        if fault == "busy":
            scene.sandbox.do(errands.mount_tmpfs, target)
        before = scene.snapshot()
        answer = scene.restore(scene.document, target=target)
        require([*refused.answer(answer, "OVSI-REST-024", "target"), *_same(scene, before)], describe.text(scene.stack))


def _same(scene: Scene, before: Any) -> list[Finding]:
    if scene.snapshot() == before:
        return []
    return [Finding("OVSI-REST-022", "sources and mount table", "unchanged", "they are not")]


@pytest.mark.requirement("OVSI-REST-025", *refused.IDS)
@every_vantage
def test_upper_in_use(implementation: Implementation, vantage: Vantage) -> None:
    """The overlay of the image is still mounted."""
    with Scene(implementation, PLAIN, vantage) as scene:
        scene.sandbox.do(files.make_directory, RESTORED)
        seen = attempt(scene, scene.image())
        require(refused.judge(seen, "OVSI-REST-025", "in-use"), describe.text(scene.stack))


@pytest.mark.requirement("OVSI-REST-025", *refused.IDS)
@every_vantage
def test_work_in_use(implementation: Implementation, vantage: Vantage) -> None:
    """Another overlay, with an upper of its own, uses the work directory."""
    with unmounted(implementation, vantage) as scene:
        scene.sandbox.do(errands.mount_with_its_work, b"/m/other")
        require(refused.judge(scene.attempt(), "OVSI-REST-025", "in-use"), describe.text(scene.stack))


@pytest.mark.requirement("OVSI-REST-034", *refused.IDS)
@pytest.mark.parametrize(
    "vantage", [pytest.param(Vantage.INSIDE, id="inside", marks=pytest.mark.claim("restorer", "idmapped", "inside"))]
)
def test_ids_that_are_not_the_callers(implementation: Implementation, vantage: Vantage) -> None:
    """A layer's ID mapping leads to IDs that the caller's user namespace does not have."""
    with unmounted(implementation, vantage) as scene:
        extent = [{"inside": 0, "outside": 100000, "count": 65536}]
        scene.layer("lower/0")["idmap"] = {"uidMap": extent, "gidMap": extent}
        require(refused.judge(scene.attempt(), "OVSI-REST-034", "permission"), describe.text(scene.stack))


@pytest.mark.requirement("OVSI-CLI-004", "OVSI-CLI-005", "OVSI-REST-021", *refused.ANSWER)
@pytest.mark.parametrize("name", ["index", "nfs-export"])
@pytest.mark.parametrize(
    "vantage", [pytest.param(Vantage.OUTSIDE, id="outside", marks=pytest.mark.claim("restorer", "core", "outside"))]
)
def test_indexed_layers_that_were_moved(implementation: Implementation, vantage: Vantage, name: str) -> None:
    """The caller answers for copies; the upper bears handles of the originals, and the kernel mounts none of it."""
    stack = next(stack for stack in ALL if (stack.profile, stack.name) == ("core", name))
    with unmounted(implementation, vantage, stack) as scene:
        scene.sandbox.do(errands.copy_to_another, b"/store", b"/moved")
        scene.document["host"]["bootId"] = OTHER_BOOT
        seen = scene.attempt(b"--accept", b"changed-identity", maps=(scene.store + b"=/moved",))
        found = list(refused.answer(seen.answer, "OVSI-CLI-004", "identity", "system"))
        if seen.mount is not None:
            found.append(Finding("OVSI-REST-021", "the target", "nothing is mounted", "an overlay is mounted there"))
        require([*found, *restored.nothing_else(seen)], describe.text(scene.stack))


@pytest.mark.requirement(
    "OVSI-REST-031", "OVSI-REST-015", "OVSI-REST-028", "OVSI-REST-029", *refused.IDS, *restored.IDS
)
@every_vantage
def test_volatile_mark(implementation: Implementation, vantage: Vantage) -> None:
    """An unfinished volatile mount left its mark in the work directory. A refusal for another reason leaves it."""
    with unmounted(implementation, vantage) as scene:
        scene.sandbox.do(errands.leave_volatile_mark)
        require(refused.judge(scene.attempt(), "OVSI-REST-031", "in-use"), describe.text(scene.stack))
        require(refused.judge(scene.attempt(*OTHER_WORDS), "OVSI-REST-029", "in-use"), describe.text(scene.stack))
        scene.overlay["options"].append({"name": "x_no_such_option", "value": "on"})
        for_another_reason = scene.attempt(b"--accept", b"volatile-leftovers")
        require(refused.judge(for_another_reason, "OVSI-REST-015", "unsupported"), describe.text(scene.stack))
        scene.overlay["options"].pop()
        seen = scene.attempt(*OTHER_WORDS, b"--accept", b"volatile-leftovers")
        require([*restored.judge(seen), *restored.accepted(seen, "volatile-leftovers", "work")], describe.text(PLAIN))


@pytest.mark.requirement("OVSI-REST-032", "OVSI-REST-028", "OVSI-REST-029", *refused.IDS, *restored.IDS)
@every_vantage
def test_mounter_differs(implementation: Implementation, vantage: Vantage) -> None:
    """The image says that the overlay was mounted from another user namespace."""
    with unmounted(implementation, vantage) as scene:
        scene.document["overlays"][0]["mounter"] = {"userNamespace": {"initial": vantage is Vantage.INSIDE}}
        require(refused.judge(scene.attempt(), "OVSI-REST-032", "identity"), describe.text(scene.stack))
        require(refused.judge(scene.attempt(*OTHER_WORDS), "OVSI-REST-029", "identity"), describe.text(scene.stack))
        seen = scene.attempt(b"--accept", b"mounter-differs", *OTHER_WORDS)
        require([*restored.judge(seen), *restored.accepted(seen, "mounter-differs")], describe.text(scene.stack))


@pytest.mark.requirement("OVSI-REST-015", *refused.IDS)
@every_vantage
@pytest.mark.parametrize("option", ["x_no_such_option", "redirect_dir"])
def test_option_that_the_kernel_lacks(implementation: Implementation, vantage: Vantage, option: str) -> None:
    with unmounted(implementation, vantage) as scene:
        options = scene.document["overlays"][0]["options"]
        options[:] = [each for each in options if each["name"] != option] + [{"name": option, "value": "sideways"}]
        require(refused.judge(scene.attempt(), "OVSI-REST-015", "unsupported"), describe.text(scene.stack))


@pytest.mark.requirement("OVSI-REST-018", *refused.IDS)
@every_vantage
@pytest.mark.parametrize("flag", ["x_no_such_flag", "volatile", "x_no_such_attribute"])
def test_word_that_is_no_superblock_flag(implementation: Implementation, vantage: Vantage, flag: str) -> None:
    """An option of overlay among the flags is not taken for one, nor is a strange attribute of the mount left out."""
    with unmounted(implementation, vantage) as scene:
        mount = next(each for each in scene.document["mounts"] if each["id"] == scene.overlay["mounts"][0])
        words = mount["attributes"] if flag == "x_no_such_attribute" else scene.overlay["superblockFlags"]
        words.append(flag)
        require(refused.judge(scene.attempt(), "OVSI-REST-018", "unsupported"), describe.text(scene.stack))


@pytest.mark.requirement("OVSI-REST-030", *restored.IDS)
@pytest.mark.parametrize(
    "vantage", [pytest.param(Vantage.INSIDE, id="inside", marks=pytest.mark.claim("restorer", "core", "inside"))]
)
def test_into_own_namespace_by_pid(implementation: Implementation, vantage: Vantage) -> None:
    """`--pid` may name a process of the caller's own namespace."""
    with unmounted(implementation, vantage) as scene:
        seen = scene.attempt(b"--pid", scene.pid)
        require(restored.judge(seen), describe.text(scene.stack))


@pytest.mark.requirement("OVSI-CLI-005", "OVSI-CLI-019", *refused.IDS)
@every_vantage
@pytest.mark.parametrize(
    ("fault", "category"),
    [("cut short", "bad-image"), ("a missing reference", "bad-image"), ("a newer major", "unsupported")],
)
def test_bad_image(implementation: Implementation, vantage: Vantage, fault: str, category: str) -> None:
    """Nothing is mounted, nothing is written."""
    with unmounted(implementation, vantage) as scene:
        document = copy.deepcopy(scene.document)
        if fault == "a missing reference":
            document["overlays"][0]["layers"][1]["identity"]["filesystem"] = "nowhere"
        if fault == "a newer major":
            document["version"] = "2.0"
        data = json.dumps(document).encode()
        before = scene.snapshot()
        answer = scene.restore(data[:-20] if fault == "cut short" else data)
        require([*refused.answer(answer, "OVSI-CLI-004", category), *_same(scene, before)], describe.text(scene.stack))


TARGET = (b"--target", RESTORED)
WRONG: dict[str, tuple[tuple[bytes, ...], tuple[bytes, ...]]] = {  # what comes before and after --pid
    "no target": ((), ()),
    "target and all": ((*TARGET, b"--all", b"--root", b"/m"), ()),
    "all without root": ((b"--all",), ()),
    "overlay with all": ((b"--overlay", b"o1", b"--all", b"--root", b"/m"), ()),
    "target twice": ((*TARGET, *TARGET), ()),
    "an empty value": ((b"--target", b""), ()),
    "process 0": ((*TARGET, b"--pid", b"0"), ()),
    "process of a word": ((*TARGET, b"--pid", b"+1"), ()),
    "map without DIR": (TARGET, (b"--map", b"fs1")),
    "map to nothing": (TARGET, (b"--map", b"fs1=")),
    "map of nothing": (TARGET, (b"--map", b"=/store")),
    "map of a relative SUB": (TARGET, (b"--map", b"fs1:a=/store")),
    "map of a SUB with ..": (TARGET, (b"--map", b"fs1:/a/../b=/store")),
    "another word to accept": (TARGET, (b"--accept", b"everything")),
}


@pytest.mark.requirement("OVSI-CLI-006", "OVSI-CLI-009", "OVSI-REST-022")
@every_vantage
@pytest.mark.parametrize(("where", "more"), WRONG.values(), ids=WRONG.keys())
def test_called_wrongly(
    implementation: Implementation, vantage: Vantage, where: tuple[bytes, ...], more: tuple[bytes, ...]
) -> None:
    """What section 8.2 lists as wrong usage ends so, and nothing is done."""
    with unmounted(implementation, vantage) as scene:
        image = scene.write(b"image.json", json.dumps(scene.document).encode())
        pid = () if scene.within or b"--pid" in where else (b"--pid", scene.pid)
        before = scene.snapshot()
        answer = scene.call(b"restore", b"--image", image, *where, *pid, *more, b"--result", scene.path(b"result.json"))
        found = _same(scene, before)
        if answer.outcome is not Outcome.USAGE:
            found.append(Finding("OVSI-CLI-006", "the answer", "exit 2", str(answer)))
        if scene.read(b"result.json") is not None:
            found.append(Finding("OVSI-CLI-009", "the result file", "not written", "a file"))
        require(found, describe.text(scene.stack))


@pytest.mark.requirement("OVSI-CLI-019", *refused.IDS)
@every_vantage
@pytest.mark.parametrize("what", ["map", "overlay", "pid"])
def test_nothing_of_that_name(implementation: Implementation, vantage: Vantage, what: str) -> None:
    """A file system, overlay or process that does not exist."""
    with unmounted(implementation, vantage) as scene:
        image = scene.write(b"image.json", json.dumps(scene.document).encode())
        overlay = (b"--overlay", b"nowhere") if what == "overlay" else ()
        pid = (b"--pid", b"4194304") if what == "pid" else () if scene.within else (b"--pid", scene.pid)
        maps = (b"--map", b"nowhere=/store") if what == "map" else ()
        before = scene.snapshot()
        answer = scene.call(b"restore", b"--image", image, *overlay, b"--target", RESTORED, *pid, *maps)
        require(
            [*refused.answer(answer, "OVSI-CLI-019", "not-found"), *_same(scene, before)], describe.text(scene.stack)
        )
