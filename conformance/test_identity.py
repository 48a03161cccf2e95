"""What an identity is worth: a superblock that was mounted anew, a disk that was copied."""

import pytest

from .harness import describe, errands
from .harness.cases import at
from .harness.imagecheck import Json
from .harness.implementation import Implementation, Outcome
from .harness.judge import refused, restored
from .harness.restoration import Ready
from .harness.stack import FileSystem, Source, Stack, Vantage
from .harness.verdict import Finding, require
from .stacks.core import PLAIN
from .stacks.parts import OUTSIDE, lower, upper, work

OTHER_BOOT = "00000000-0000-4000-8000-000000000000"
INNER = b"/m/inner"


def _with_layer_on(scene: Ready, mount: Json, kind: str = "overlay", stability: str = "boot") -> bytes:
    """Put the root of a mount, which the image tells nothing more of, below the layers; its file system's id."""
    name = "fs-inner"
    for filesystem in scene.document["filesystems"]:  # the number of what is unmounted may be given again
        if filesystem["id"] == scene.overlay["filesystem"]:
            filesystem["device"] = "0:999999"
    entry = {"id": name, "type": kind, "device": mount.pop("device"), "stability": stability}
    scene.document["filesystems"].append(entry)
    scene.document["mounts"].append({"id": "mount-inner", "filesystem": name, **mount})
    identity = {"filesystem": name, "inode": str(scene.sandbox.do(errands.inode, INNER))}
    layer = {"role": "lower", "declared": INNER.decode(), "identity": identity, "path": "/", "state": "located"}
    place = {"mount": "mount-inner", "path": "/"}
    scene.overlay["layers"].append(layer | {"assurance": "proved", "method": "held-descriptor", "location": place})
    return name.encode()


@pytest.mark.requirement("OVSI-ID-010", "OVSI-REST-028", *refused.IDS, *restored.IDS)
@at("restorer")
def test_overlay_that_was_mounted_anew(implementation: Implementation, vantage: Vantage) -> None:
    """Device and inode are as in the image, and the mount is another: so is the superblock, then."""
    with Ready(implementation, PLAIN, vantage) as scene:
        mount: Json = scene.sandbox.do(errands.mount_inner_overlay, INNER)
        filesystem = _with_layer_on(scene, mount)
        true = dict(scene.document["mounts"][-1])
        stale = {"mountId": true["mountId"] + 100_000, "uniqueId": "1"}
        scene.document["mounts"][-1] |= {name: value for name, value in stale.items() if name in true}
        text = describe.text(scene.stack)
        require(refused.judge(scene.attempt(), "OVSI-ID-010", "identity", "not-found"), text)
        seen = scene.attempt(b"--accept", b"changed-identity", maps=(filesystem + b"=" + INNER,))
        if seen.answer.outcome is not Outcome.DONE:
            lifted = Finding("OVSI-ID-010", "restore", "done: --map and --accept changed-identity", str(seen.answer))
            require([lifted], text)
        require(restored.accepted(seen, "changed-identity", "lower/2"), text)


@pytest.mark.requirement("OVSI-ID-010", "OVSI-REST-006")
@at("restorer")
def test_overlay_that_is_still_mounted(implementation: Implementation, vantage: Vantage) -> None:
    """The mount that the image lists is there: so is the superblock."""
    with Ready(implementation, PLAIN, vantage) as scene:
        mount: Json = scene.sandbox.do(errands.mount_inner_overlay, INNER)
        _with_layer_on(scene, mount)
        answer = scene.restore(scene.document)
        if answer.outcome is not Outcome.DONE:
            require([Finding("OVSI-REST-006", "restore", "done", str(answer))], describe.text(scene.stack))


@pytest.mark.requirement("OVSI-ID-007", *refused.IDS)
@at("restorer")
@pytest.mark.parametrize("words", [(), (b"--accept", b"changed-identity")], ids=["as-it-is", "accepted"])
@pytest.mark.parametrize("stability", ["boot", "filesystem"])
def test_type_without_a_row(
    implementation: Implementation, vantage: Vantage, stability: str, words: tuple[bytes, ...]
) -> None:
    """All is equal, and the image says for how long that holds: nothing suffices for such a type all the same."""
    with Ready(implementation, PLAIN, vantage) as scene:
        mount: Json = scene.sandbox.do(errands.mount_ramfs, INNER)
        filesystem = _with_layer_on(scene, mount, "ramfs", stability)
        if handle := scene.sandbox.do(errands.identifier, INNER):
            scene.layer("lower/2")["identity"]["handle"] = handle
        maps = (filesystem + b"=" + INNER,) if words else ()
        require(refused.judge(scene.attempt(*words, maps=maps), "OVSI-ID-007", "identity"), describe.text(scene.stack))


def packed(kind: str) -> Stack:
    """Two lowers on an image of that kind."""
    return Stack(
        f"packed-in-{kind}",
        "filesystems",
        (upper(b"/u"), lower(b"/a", on="image"), lower(b"/b", on="image")),
        work(b"/w"),
        filesystems=(FileSystem("store", b"/store"), FileSystem("image", b"/image", kind)),
        vantages=OUTSIDE,
        needs=(kind,),
    )


@pytest.mark.requirement("OVSI-ID-010", *refused.IDS)
@pytest.mark.parametrize(
    "vantage",
    [pytest.param(Vantage.OUTSIDE, id="outside", marks=pytest.mark.claim("restorer", "filesystems", "outside"))],
)
@pytest.mark.parametrize("kind", ["squashfs", "erofs"])
def test_image_that_was_mounted_anew(implementation: Implementation, vantage: Vantage, kind: str) -> None:
    """One is on that loop device, at that place and by that mount ID; only what is given once differs.

    An erofs may have been made without a UUID, so the image has none.
    """
    with Ready(implementation, packed(kind), vantage) as scene:
        borne = scene.layer("lower/0")["identity"]["filesystem"]
        for filesystem in (each for each in scene.document["filesystems"] if each["id"] == borne):
            filesystem.pop("uuid", None)
        listed = [mount for mount in scene.document["mounts"] if mount["filesystem"] == borne]
        for mount in listed:
            mount |= {"uniqueId": "1"} if "uniqueId" in mount else {"mountId": mount["mountId"] + 100_000}
        require(refused.judge(scene.attempt(), "OVSI-ID-010", "identity", "not-found"), describe.text(scene.stack))


CLONED = Stack(
    "cloned-disk",
    "filesystems",
    (upper(b"/u"), lower(b"/l"), Source("lower", "copy", b"/only")),
    work(b"/w"),
    filesystems=(FileSystem("store", b"/store", "ext4"), FileSystem("copy", b"/copy", "ext4", clone_of="store")),
    vantages=OUTSIDE,
    needs=("ext4",),
)


@pytest.mark.requirement("OVSI-ID-012", "OVSI-ID-008", "OVSI-ID-009", *refused.IDS, *restored.IDS)
@pytest.mark.parametrize(
    "vantage",
    [pytest.param(Vantage.OUTSIDE, id="outside", marks=pytest.mark.claim("restorer", "filesystems", "outside"))],
)
@pytest.mark.parametrize("above", [False, True], ids=["beside", "above"])
def test_copy_of_a_disk(implementation: Implementation, vantage: Vantage, above: bool) -> None:
    """On another boot two file systems have one UUID: none of them is taken unless the caller says which.

    Nor where the copy hides the original: it is mounted as well.
    """
    with Ready(implementation, CLONED, vantage) as scene:
        if above:
            scene.sandbox.do(errands.bind, b"/copy", b"/store")
            scene.sandbox.do(errands.unmount, b"/copy")
        del scene.overlay["layers"][2:]
        scene.document["host"]["bootId"] = OTHER_BOOT
        used = {scene.overlay["filesystem"], scene.layer("upper")["identity"]["filesystem"]}
        for table, key in (("filesystems", "id"), ("mounts", "filesystem")):
            scene.document[table] = [entry for entry in scene.document[table] if entry[key] in used]
        text = describe.text(scene.stack)
        for words in ((), (b"--accept", b"changed-identity")):
            require(refused.judge(scene.attempt(*words), "OVSI-ID-012", "identity"), text)
        mapped = (scene.store + b"=/store",)
        identity = scene.layer("lower/0")["identity"]
        identity["generation"] ^= 1
        require(refused.judge(scene.attempt(maps=mapped), "OVSI-ID-008", "identity"), text)
        identity["generation"] ^= 1
        answer = scene.restore(scene.document, maps=mapped)
        if answer.outcome is not Outcome.DONE:
            require([Finding("OVSI-ID-012", "restore with --map", "done", str(answer))], text)
