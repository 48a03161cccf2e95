"""`restore --all --root DIR`: every mount of the image below DIR, and none anywhere else."""

import copy

import pytest

from .harness import describe, errands, files, mount_reader
from .harness.cases import at
from .harness.imagecheck import Json, entry, parse
from .harness.implementation import Answer, Implementation, Outcome
from .harness.judge import refused, restored
from .harness.mounts import Mount
from .harness.restoration import Ready
from .harness.snapshot import differences
from .harness.stack import Bind, Stack, Vantage
from .harness.verdict import Finding, require
from .stacks import nested
from .stacks.core import PLAIN, plain
from .stacks.parts import lowers

every_vantage = at("restorer")
NESTED, WRITABLE = nested.STACKS[:2]
PEERS = plain("peers", propagation="shared", binds=(Bind(b"/", b"/m/peer"), Bind(b"/", b"/m/slave")))
READ_ONLY = Stack("two-lowers-read-only", "core", lowers(2))
TWICE = plain("mounted-twice", binds=(Bind(b"/merged", b"/m/part"),), attributes=frozenset({"nosuid"}))


def _restore(scene: Ready, root: bytes = b"/new") -> Answer:
    return scene.restore_all(scene.document, root)


def _overlays(scene: Ready) -> list[Mount]:
    return [mount for mount in scene.table() if mount.kind == "overlay"]


@pytest.mark.requirement(*(f"OVSI-REST-{number:03}" for number in (12, 18, 20, 21, 23, 36)))
@every_vantage
def test_each_mount_at_its_place(implementation: Implementation, vantage: Vantage) -> None:
    """One superblock, mounted as often and as the image says."""
    with Ready(implementation, TWICE, vantage) as scene:
        for point in (b"/new/m/merged", b"/new/m/part"):
            scene.sandbox.do(files.make_directory, point)
        text, answer = describe.text(scene.stack), _restore(scene)
        if answer.outcome is not Outcome.DONE:
            require([Finding("OVSI-REST-012", "restore --all", "done (exit 0)", str(answer))], text)
        require(_as_they_were(scene.truth.own_mounts, _overlays(scene)), text)
        result = parse(scene.read(b"result.json") or b"{}")
        require(restored.named({"overlays": [], **result}, _overlays(scene)), text)


def _as_they_were(true: list[Mount], got: list[Mount]) -> list[Finding]:
    if len({mount.device for mount in got}) != 1:
        return [Finding("OVSI-REST-012", "superblocks", "one", str(got))]
    want = {b"/new" + mount.point: (mount.root, mount.attributes) for mount in true}
    points = {mount.point: (mount.root, mount.attributes) for mount in got}
    if points.keys() != want.keys():
        return [Finding("OVSI-REST-021", "mount points", str(sorted(want)), str(sorted(points)))]
    return [
        Finding(requirement, f"mount at {point!r}", str(want[point][field]), str(points[point][field]))
        for point in sorted(want)
        for field, requirement in enumerate(("OVSI-REST-020", "OVSI-REST-018"))
        if want[point][field] != points[point][field]
    ]


@pytest.mark.requirement("OVSI-REST-035", "OVSI-REST-019")
@every_vantage
def test_peers_and_a_slave(implementation: Implementation, vantage: Vantage) -> None:
    """Three mounts of one overlay: two are peers, the third is a slave of their group; so they are again."""
    with Ready(implementation, PEERS, vantage) as scene:
        points = [b"/new" + mount.point for mount in scene.truth.own_mounts]
        mounts = [entry(scene.document["mounts"], name) or {} for name in scene.overlay["mounts"]]
        mounts[2]["propagation"] = {"master": mounts[0]["propagation"]["peerGroup"]}
        for point in points:
            scene.sandbox.do(files.make_directory, point)
        text, answer = describe.text(scene.stack), _restore(scene)
        if answer.outcome is not Outcome.DONE:
            require([Finding("OVSI-REST-035", "restore --all", "done (exit 0)", str(answer))], text)
        got = {mount.point: dict(mount.propagation) for mount in _overlays(scene)}
        one, other, slave = (got.get(point, {}) for point in points)
        if "shared" not in one or set(other) != {"shared"}:
            require([Finding("OVSI-REST-019", "the peers", "shared", f"{one}, {other}")], text)
        if one["shared"] != other["shared"]:
            require([Finding("OVSI-REST-035", "the peers", "of one group", f"{one}, {other}")], text)
        if slave != {"master": one["shared"]}:
            require([Finding("OVSI-REST-035", "the slave", f"master:{one['shared']}", str(slave))], text)


@pytest.mark.requirement("OVSI-REST-001", "OVSI-REST-012", "OVSI-REST-021")
@at("restorer", "nested")
def test_every_overlay(implementation: Implementation, vantage: Vantage) -> None:
    """An overlay and the one below it: both are made, and the upper one of the lower one that was made."""
    with Ready(implementation, NESTED, vantage) as scene:
        scene.sandbox.do(mount_reader.unmount, [b"/inner"])
        for point in (b"/new/m/merged", b"/new/inner"):
            scene.sandbox.do(files.make_directory, point)
        text, answer = describe.text(scene.stack), _restore(scene)
        if answer.outcome is not Outcome.DONE:
            require([Finding("OVSI-REST-012", "restore --all", "done (exit 0)", str(answer))], text)
        points = sorted(mount.point for mount in _overlays(scene))
        if points != [b"/new/inner", b"/new/m/merged"]:
            require([Finding("OVSI-REST-021", "mount points", "/new/inner, /new/m/merged", str(points))], text)
        shown = scene.sandbox.do(mount_reader.read, b"/new/m/merged")
        require(restored.contents(scene.stack, scene.truth, shown), text)


def _mount(scene: Ready, overlay: Json, point: str) -> None:
    """Have an overlay of the image mounted at one more place, by numbers that are given to nothing."""
    number = 100_000 + len(scene.document["mounts"])
    like = {"filesystem": overlay["filesystem"], "mountId": number, "mountPoint": point, "root": "/"}
    scene.document["mounts"].append({"id": f"at-{point[1:].replace('/', '-')}", **like})
    overlay["mounts"].append(scene.document["mounts"][-1]["id"])


def _another(scene: Ready) -> Json:
    """Put a second overlay after that of the image, mounted nowhere: of the same lowers, in the other order."""
    lowers = [copy.deepcopy(layer) for layer in scene.overlay["layers"][::-1] if layer["role"] == "lower"]
    another: Json = {name: scene.overlay[name] for name in ("options", "superblockFlags", "shownOptions")}
    another |= {"id": "another", "filesystem": "fs-another", "mounts": [], "layers": lowers}
    filesystem = {"id": "fs-another", "type": "overlay", "device": "0:999998", "stability": "boot"}
    scene.document["filesystems"].append(filesystem)
    scene.document["overlays"].append(another)
    return another


@pytest.mark.requirement("OVSI-REST-012", "OVSI-REST-021", "OVSI-CLI-020")
@every_vantage
@pytest.mark.parametrize("above", ["first", "second"])
def test_one_overlay_beside_and_on_another(implementation: Implementation, vantage: Vantage, above: str) -> None:
    """Both mounts of the one are seen, whichever of the two comes first: the other one is below, and hides none."""
    with Ready(implementation, READ_ONLY, vantage) as scene:
        scene.overlay["mounts"].clear()
        both = [scene.overlay, _another(scene)]
        one, other = both if above == "first" else both[::-1]
        _mount(scene, one, "/a")
        _mount(scene, one, "/b/merged")
        _mount(scene, other, "/b")
        for point in (b"/new/a", b"/new/b/merged"):
            scene.sandbox.do(files.make_directory, point)
        text, answer = describe.text(scene.stack), _restore(scene)
        if answer.outcome is not Outcome.DONE:
            require([Finding("OVSI-REST-012", "restore --all", "done (exit 0)", str(answer))], text)
        require(_nothing_hidden(_overlays(scene)), text)


def _nothing_hidden(got: list[Mount]) -> list[Finding]:
    points = {mount.point: mount for mount in got}
    if sorted(mount.point for mount in got) != [b"/new/a", b"/new/b", b"/new/b/merged"]:
        return [Finding("OVSI-REST-021", "mount points", "/new/a, /new/b, /new/b/merged", str(got))]
    on, below = points[b"/new/b/merged"], points[b"/new/b"]
    if on.parent != below.id:
        return [Finding("OVSI-CLI-020", "/new/b/merged", f"on mount {below.id}, that at /new/b", f"on {on.parent}")]
    if on.device != points[b"/new/a"].device or on.device == below.device:
        return [Finding("OVSI-REST-012", "superblocks", "one at /new/a and /new/b/merged, one at /new/b", str(got))]
    return []


@pytest.mark.requirement("OVSI-REST-002", "OVSI-REST-021", *refused.ANSWER)
@every_vantage
@pytest.mark.parametrize("place", ["first", "last"])
def test_source_of_one_of_several(implementation: Implementation, vantage: Vantage, place: str) -> None:
    """Wherever the overlay stands that can't be built, none is begun: to create one writes to its upper and work.

    It is the first or the last in the image and by its mount point: a restorer may go by either.
    """
    with Ready(implementation, PLAIN, vantage) as scene:
        another = _another(scene)
        point = "/m/another" if place == "first" else "/m/other"
        _mount(scene, another, point)
        another["layers"][0]["identity"]["generation"] ^= 1
        another["layers"][0]["identity"].pop("handle", None)
        if place == "first":
            scene.document["overlays"].reverse()
        for each in (b"/new/m/merged", b"/new" + point.encode()):
            scene.sandbox.do(files.make_directory, each)
        before = scene.snapshot()
        found = list(refused.answer(_restore(scene), "OVSI-REST-002", "identity", "not-found"))
        after = scene.snapshot()
        for label, listing in before.sources.items():
            for line in differences(listing, after.sources[label]):
                found.append(Finding("OVSI-REST-002", label, "unchanged: nothing was created", line))
        if left := _overlays(scene):
            found.append(Finding("OVSI-REST-021", "mount table", "no mount is left", str(left)))
        require(found, describe.text(scene.stack))


@pytest.mark.requirement("OVSI-REST-002", *refused.IDS)
@at("restorer", "nested")
def test_source_above_an_overlay(implementation: Implementation, vantage: Vantage) -> None:
    """The overlay below could be built: that is no reason to begin with it before the rest is known."""
    with Ready(implementation, WRITABLE, vantage) as scene:
        scene.sandbox.do(mount_reader.unmount, [b"/inner"])
        identity = scene.layer("lower/1")["identity"]
        identity["generation"] ^= 1
        identity.pop("handle", None)
        seen = scene.attempt()
        found = list(refused.judge(seen, "OVSI-REST-002", "identity", "not-found"))
        require(found, describe.text(scene.stack, scene.truth))


@pytest.mark.requirement("OVSI-REST-024", *refused.IDS)
@every_vantage
def test_one_place_is_missing(implementation: Implementation, vantage: Vantage) -> None:
    """All or nothing: where one mount has no place, none is made."""
    with Ready(implementation, TWICE, vantage) as scene:
        scene.sandbox.do(files.make_directory, b"/new/m/merged")
        found = list(refused.answer(_restore(scene), "OVSI-REST-024", "target"))
        if left := _overlays(scene):
            found.append(Finding("OVSI-REST-021", "mount table", "no mount is left", str(left)))
        require(found, describe.text(scene.stack))


@pytest.mark.requirement("OVSI-REST-024", *refused.IDS)
@every_vantage
@pytest.mark.parametrize("point", [b"/m/peer", b"/m/merged/merged"], ids=["beside", "below-another-mount"])
def test_two_mounts_at_one_place(implementation: Implementation, vantage: Vantage, point: bytes) -> None:
    """An image does not say which of them lies above, so neither is made: also where the place comes with a mount."""
    with Ready(implementation, PEERS, vantage) as scene:
        first, *others = (entry(scene.document["mounts"], name) or {} for name in scene.overlay["mounts"])
        for mount in others:
            mount["mountPoint"] = point.decode()
        for place in (first["mountPoint"].encode(), b"/m/peer"):
            scene.sandbox.do(files.make_directory, b"/new" + place)
        found = list(refused.answer(_restore(scene), "OVSI-REST-024", "target"))
        if left := _overlays(scene):
            found.append(Finding("OVSI-REST-024", "mount table", "no mount is left", str(left)))
        require(found, describe.text(scene.stack))


@pytest.mark.requirement("OVSI-SEC-002", *refused.ANSWER)
@every_vantage
@pytest.mark.parametrize("link", [b"/outside", b"../outside", b"../../../outside"])
@pytest.mark.parametrize("place", [b"/new/m", b"/new/m/merged"], ids=["above", "itself"])
def test_link_out_of_the_root(implementation: Implementation, vantage: Vantage, link: bytes, place: bytes) -> None:
    """Where DIR holds links that lead out of it, nothing is mounted out there."""
    with Ready(implementation, PLAIN, vantage) as scene:
        scene.sandbox.do(files.make_directory, b"/outside/merged")
        scene.sandbox.do(errands.link, link, place)
        answer = _restore(scene)
        strays = [mount.point for mount in _overlays(scene) if not mount.point.startswith(b"/new/")]
        found = [Finding("OVSI-SEC-002", "mount point", "below /new", repr(point)) for point in strays]
        if answer.outcome is Outcome.REFUSED:
            found += refused.answer(answer, "OVSI-SEC-002", "target")
        require(found, describe.text(scene.stack))
