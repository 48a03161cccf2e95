"""The command line: exits, files and selectors, as chapter 8 has them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from .harness import describe, errands, files
from .harness.cases import at
from .harness.imagecheck import Json, read, sources
from .harness.implementation import Answer, Implementation, Outcome
from .harness.judge import faithful, refused, sound
from .harness.judge.refused import answer as refusal
from .harness.observation import Statement, dump
from .harness.scene import Scene
from .harness.schemas import load, parsed
from .harness.stack import Bind, Stack, Vantage
from .harness.verdict import Finding, require
from .stacks.core import plain

every_vantage = at("dumper")
PLAIN = plain("to-be-dumped", count=2)
REFUSAL = refused.ANSWER


# Whatever is claimed


@pytest.mark.requirement("OVSI-CLI-001")
def test_info(implementation: Implementation) -> None:
    """`info` prints claims that satisfy the schema."""
    implementation.info()


@pytest.mark.requirement("OVSI-CONF-001")
def test_claims_are_registered(implementation: Implementation) -> None:
    """Claims are of registered classes, profiles and vantages."""
    registries = load("registries")
    known = {word: {each["name"] for each in registries[table]} for word, table in _TABLES.items()}
    for claim in implementation.info()["claims"]:
        strange = [value for word, value in claim.items() if value not in known[word] and not value.startswith("x-")]
        require(Finding("OVSI-CONF-001", "info: claims", "registered names", value) for value in strange)


_TABLES = {"class": "classes", "profile": "profiles", "vantage": "vantages"}


@pytest.mark.requirement("OVSI-CLI-002", *REFUSAL)
def test_no_such_subcommand(implementation: Implementation) -> None:
    require(refusal(implementation.call(b"no-such-subcommand"), "OVSI-CLI-002", "unsupported"))


# Files


@pytest.mark.claim("image", "core", "inside")
@pytest.mark.requirement("OVSI-CLI-005", "OVSI-CLI-019", *REFUSAL)
@pytest.mark.parametrize(("what", "category"), [("missing", "not-found"), ("a directory", "bad-image")])
def test_no_image_file(implementation: Implementation, tmp_path: Path, what: str, category: str) -> None:
    path = tmp_path / "missing.json" if what == "missing" else tmp_path
    answer = implementation.call(b"validate", b"--image", bytes(path))
    require(refusal(answer, "OVSI-CLI-019" if what == "missing" else "OVSI-CLI-005", category))


@pytest.mark.claim("image", "core", "inside")
@pytest.mark.requirement("OVSI-CLI-006")
@pytest.mark.parametrize(
    "words", [(), (b"--image",), (b"--no-such-option", b"x")], ids=["nothing", "no value", "unknown"]
)
def test_validate_called_wrongly(implementation: Implementation, words: tuple[bytes, ...]) -> None:
    _wrong_usage(implementation.call(b"validate", *words))


def _wrong_usage(answer: Answer) -> None:
    if answer.outcome is not Outcome.USAGE:
        require([Finding("OVSI-CLI-006", "the answer", "exit 2", str(answer))])


@pytest.mark.requirement("OVSI-CLI-006", "OVSI-CLI-009")
@every_vantage
@pytest.mark.parametrize(
    "wrong", ["no selector", "two selectors", "pid is no number", "no output", "mount ID is no number"]
)
def test_dump_called_wrongly(implementation: Implementation, vantage: Vantage, wrong: str) -> None:
    with Scene(implementation, PLAIN, vantage) as scene:
        pid, output, point = (
            (b"--pid", scene.pid),
            (b"--output", scene.path(b"image")),
            (b"--mountpoint", scene.stack.target),
        )
        words = {
            "no selector": (*pid, *output),
            "two selectors": (*pid, *point, b"--all", *output),
            "pid is no number": (b"--pid", b"x1", *point, *output),
            "no output": (*pid, *point),
            "mount ID is no number": (*pid, b"--mount-id", b"x", *output),
        }[wrong]
        _wrong_usage(scene.call(b"dump", *words))
        if scene.read(b"image") is not None:
            require([Finding("OVSI-CLI-009", "the output", "not written", "a file")])


@pytest.mark.requirement("OVSI-CLI-009", "OVSI-CLI-015", "OVSI-CLI-019", *REFUSAL)
@every_vantage
@pytest.mark.parametrize("what", ["process", "mount point", "overlay", "mount ID", "unique ID"])
def test_nothing_of_that_name(implementation: Implementation, vantage: Vantage, what: str) -> None:
    """No such process, no mount there, a mount that is no overlay, no mount of that ID; the old output stays alone."""
    with Scene(implementation, PLAIN, vantage) as scene:
        scene.write(b"image", b"old")
        pid = b"4194304" if what == "process" else scene.pid
        selector = {
            "mount point": (b"--mountpoint", b"/m"),
            "overlay": (b"--mountpoint", b"/store"),
            "mount ID": (b"--mount-id", b"2000000000"),
            "unique ID": (b"--mount-id", b"unique:18446744073709551615"),
        }.get(what, (b"--mountpoint", scene.stack.target))
        answer = scene.call(b"dump", b"--pid", pid, *selector, b"--output", scene.path(b"image"))
        found = list(refusal(answer, "OVSI-CLI-019", "not-found"))
        if scene.read(b"image") != b"old":
            found.append(Finding("OVSI-CLI-009", "the output", "as it was", "changed"))
        if scene.names() != (b"image",):
            found.append(Finding("OVSI-CLI-015", "beside the output", "no other file", str(scene.names())))
        require(found, describe.text(scene.stack))


@pytest.mark.requirement("OVSI-CLI-012", *REFUSAL)
@every_vantage
def test_output_is_a_directory(implementation: Implementation, vantage: Vantage) -> None:
    with Scene(implementation, PLAIN, vantage) as scene:
        require(refusal(scene.dump(scene.directory), "OVSI-CLI-012", "target"))


@pytest.mark.requirement("OVSI-CLI-010", "OVSI-CLI-015", "OVSI-CLI-016")
@every_vantage
def test_output_is_replaced_by_rename(implementation: Implementation, vantage: Vantage) -> None:
    """Who holds the old file keeps its content; nothing is left beside it. A link stays, and so do permissions."""
    with Scene(implementation, PLAIN, vantage) as scene:
        old = scene.write(b"image", b"old")
        scene.link(b"image", b"held")
        scene.errand(files.permissions, old, 0o640)
        watching = scene.errand(files.watch, scene.directory)
        dumped = dump(scene, b"image")
        moved = scene.errand(files.moved, watching)
        found = list(_through_a_link(scene))
        if (mode := scene.errand(files.permissions, old)) != 0o640:
            found.append(Finding("OVSI-CLI-010", "permissions of the replaced file", "0640", f"{mode:04o}"))
        if b"image" not in moved:
            found.append(Finding("OVSI-CLI-010", "the finished file", "comes into its place by rename", "it did not"))
        if scene.read(b"held") != b"old" or not dumped.image:
            found.append(
                Finding("OVSI-CLI-010", "the old file", "keeps its content: the new one takes its name", "written into")
            )
        if dumped.beside:
            found.append(Finding("OVSI-CLI-015", "beside the output", "no other file", str(dumped.beside)))
        require(found)


def _through_a_link(scene: Scene) -> Iterator[Finding]:
    """An output that is a link is the file that it leads to."""
    scene.write(b"true", b"old")
    scene.errand(files.symlink, b"true", scene.path(b"link"))
    answer = scene.dump(scene.path(b"link"))
    if scene.errand(files.permissions, scene.path(b"link")) != -1:
        yield Finding("OVSI-CLI-010", "an output that is a link", "a link still", f"a file; {answer}")
    elif read(scene.read(b"true") or b"")[0] is None:
        yield Finding("OVSI-CLI-010", "what an output that is a link leads to", "the image", f"none; {answer}")


@pytest.mark.requirement("OVSI-CLI-011", "OVSI-CLI-013", "OVSI-CLI-014")
@every_vantage
def test_standard_output(implementation: Implementation, vantage: Vantage) -> None:
    """`-` is standard output, and so is a name of its descriptor; of a dump that fails nothing comes there."""
    with Scene(implementation, PLAIN, vantage) as scene:
        image, faults = read(scene.dump(b"-").ran.stdout)
        if image is None or faults:
            require([Finding("OVSI-CLI-013", "standard output", "an image", faults[0])])
        image, faults = read(scene.dump(b"/proc/self/fd/1").ran.stdout)
        if image is None or faults:
            require([Finding("OVSI-CLI-011", "standard output by the name of its descriptor", "an image", faults[0])])
        refused = scene.dump(b"-", b"--mountpoint", b"/store")
        if refused.ran.stdout:
            require([Finding("OVSI-CLI-014", "standard output of a refusal", "empty", repr(refused.ran.stdout[:80]))])


@pytest.mark.requirement("OVSI-CLI-011")
@every_vantage
def test_output_is_a_pipe(implementation: Implementation, vantage: Vantage) -> None:
    """A pipe is written to; it stays a pipe."""
    with Scene(implementation, PLAIN, vantage) as scene:
        data = scene.through_pipe(b"pipe", lambda path: scene.dump(path))
        image, faults = read(data)
        if image is None or faults:
            require(
                [Finding("OVSI-CLI-011", "what came through the pipe", "an image", f"{len(data)} bytes: {faults[0]}")]
            )


# Selectors


def _dumped(scene: Scene, *selector: bytes) -> tuple[Json | None, str]:
    answer = scene.dump(scene.path(b"image"), *selector)
    written = answer.outcome in (Outcome.DONE, Outcome.INCOMPLETE)  # an earlier dump's file may be there
    return read(scene.read(b"image") or b"")[0] if written else None, str(answer)


def _is_first(scene: Scene, requirement: str, mount: int, *selector: bytes) -> list[Finding]:
    """Whether a dump by a selector is one of the overlay with that mount, and has that mount first."""
    image, answer = _dumped(scene, *selector)
    if image is None:
        return [Finding(requirement, str(selector), "an image", answer)]
    numbers = {each["id"]: each["mountId"] for each in image["mounts"]}
    got = [numbers.get(name) for name in image["overlays"][0]["mounts"]]
    if got[:1] == [mount]:
        return []
    return [Finding("OVSI-EQV-002" if mount in got else requirement, str(selector), f"mount {mount} first", str(got))]


@pytest.mark.requirement("OVSI-CLI-018", "OVSI-EQV-002", "OVSI-EQV-003")
@every_vantage
def test_by_mount_id(implementation: Implementation, vantage: Vantage) -> None:
    """mountinfo's number and the 64-bit one; the mount asked for comes first, though it is not the oldest."""
    stack = plain("bound-twice", binds=(Bind(b"", b"/m/again"), Bind(b"/merged", b"/m/part")))
    with Scene(implementation, stack, vantage) as scene:
        for mount in scene.truth.own_mounts:
            found = _is_first(scene, "OVSI-CLI-018", mount.id, b"--mount-id", b"%d" % mount.id)
            if mount.unique is not None:
                found += _is_first(scene, "OVSI-CLI-018", mount.id, b"--mount-id", b"unique:%d" % mount.unique)
            require(found, describe.text(stack))


@pytest.mark.requirement("OVSI-CLI-017", "OVSI-CLI-018")
@every_vantage
def test_topmost_mount(implementation: Implementation, vantage: Vantage) -> None:
    """Where two overlays stand on one mount point, the one above is meant; the other has its ID still.

    A name of raw bytes is one name, and the slashes and dots around it mean nothing.
    """
    stack = plain("odd-target", target=b"/m/a b\n\\040\xff")
    with Scene(implementation, stack, vantage) as scene:
        below = scene.truth.target.id
        spelled = stack.target[1:].replace(b"/", b"/.//") + b"/./"
        require(_is_first(scene, "OVSI-CLI-017", below), describe.text(stack))
        require(_is_first(scene, "OVSI-CLI-017", below, b"--mountpoint", spelled), describe.text(stack))
        scene.sandbox.do(errands.mount_plain_overlay, stack.target)
        above = scene.restored(stack.target)
        require(_is_first(scene, "OVSI-CLI-017", above.id if above else 0), describe.text(stack))
        require(_is_first(scene, "OVSI-CLI-018", below, b"--mount-id", b"%d" % below), describe.text(stack))


@pytest.mark.requirement(
    *("OVSI-DUMP-001", "OVSI-DUMP-023", "OVSI-DUMP-027", "OVSI-EQV-003"), *faithful.IDS, *sound.IDS
)
@every_vantage
def test_all(implementation: Implementation, vantage: Vantage) -> None:
    """Every overlay of the namespace, each once, however often it is mounted; each as if it were asked for alone."""
    stack = plain("one-of-two", count=2, binds=(Bind(b"", b"/m/again"),))
    with Scene(implementation, stack, vantage) as scene:
        scene.sandbox.do(files.make_directory, b"/m/other")
        scene.sandbox.do(errands.mount_plain_overlay, b"/m/other")
        image, answer = _dumped(scene, b"--all")
        if image is None:
            require([Finding("OVSI-DUMP-027", "dump --all", "an image", answer)])
        true = {mount.device for mount in scene.table() if mount.kind == "overlay"}
        require(_all_described(image or {}, true), describe.text(stack))
        first = min(scene.truth.own_mounts, key=lambda mount: mount.id)
        truth = replace(scene.truth, target=first)
        alone = Statement(stack, vantage, truth, _alone(image or {}, first.device))
        require([*sound.judge(alone), *faithful.judge(alone)], describe.text(stack))


def _alone(image: Json, device: str) -> Json:
    """What an image of several says of the overlay of that device: of an overlay that lies on no other."""
    own = next(each["id"] for each in image["filesystems"] if each["device"] == device)
    overlay = next(each for each in image["overlays"] if each["filesystem"] == own)
    said = [source for _, source in sources(overlay)]
    places = [source.get(name, {}) for source in said for name in ("location", "candidate")]
    used = {*overlay["mounts"], *(place.get("mount") for place in places)}
    mounts = [mount for mount in image["mounts"] if mount["id"] in used]
    bearing = {mount["filesystem"] for mount in mounts} | {each.get("identity", {}).get("filesystem") for each in said}
    filesystems = [each for each in image["filesystems"] if each["id"] in bearing]
    return image | {"overlays": [overlay], "mounts": mounts, "filesystems": filesystems}


def _all_described(image: dict[str, Any], true: set[str]) -> list[Finding]:
    devices = {each["id"]: each["device"] for each in image["filesystems"]}
    got = [devices.get(overlay["filesystem"]) for overlay in image["overlays"]]
    if len(got) != len(set(got)):
        return [Finding("OVSI-DUMP-023", "overlays", "each superblock once", str(got))]
    if not true <= set(got):
        return [Finding("OVSI-DUMP-027", "overlays", str(sorted(true)), str(got))]
    numbers = {mount["id"]: mount["mountId"] for mount in image["mounts"]}
    first = [numbers.get(overlay["mounts"][0], 0) for overlay in image["overlays"] if overlay["mounts"]]
    if first != sorted(first):
        return [Finding("OVSI-EQV-003", "overlays", "in the order of their first mounts' IDs", str(first))]
    return []


@pytest.mark.requirement("OVSI-DUMP-024")
@every_vantage
def test_overlay_below(implementation: Implementation, vantage: Vantage) -> None:
    """An overlay that is proved to bear a layer has an entry of its own."""
    with Scene(implementation, PLAIN, vantage) as scene:
        scene.sandbox.do(errands.mount_overlay_on_overlay, PLAIN.target, b"/m/outer")
        image, answer = _dumped(scene, b"--mountpoint", b"/m/outer")
        if image is None:
            require([Finding("OVSI-DUMP-024", "dump of the outer overlay", "an image", answer)])
        require(_inner_described(image or {}), describe.text(scene.stack))


def _inner_described(image: dict[str, Any]) -> list[Finding]:
    bearing = {layer.get("identity", {}).get("filesystem") for layer in image["overlays"][0]["layers"]}
    overlays = {each["id"] for each in image["filesystems"] if each["type"] == "overlay"}
    described = {overlay["filesystem"] for overlay in image["overlays"]}
    if (bearing & overlays) <= described:
        return []
    return [Finding("OVSI-DUMP-024", "overlays", "an entry for the inner overlay", str(sorted(described)))]


@pytest.mark.requirement("OVSI-CONF-002")
@every_vantage
def test_same_claims(implementation: Implementation, vantage: Vantage) -> None:
    """`info` prints the same claims at either vantage."""
    with Scene(implementation, Stack("any", "core", PLAIN.layers, PLAIN.work), vantage) as scene:
        try:
            told = parsed(scene.call(b"info").ran.stdout)["claims"]
        except (ValueError, KeyError, TypeError):
            told = None
        if told != implementation.info()["claims"]:
            require([Finding("OVSI-CONF-002", "info: claims", "the same at both vantages", str(told)[:300])])
