"""Hostile surroundings and hostile images: links, races, injections, control characters, secrets."""

import re
from pathlib import Path

import pytest

from .harness import describe, errands, files, hostile, meddling, mount_reader
from .harness.cases import at
from .harness.imagecheck import parse
from .harness.images import unproved
from .harness.implementation import Answer, Implementation, Outcome
from .harness.judge import refused, restored, sound
from .harness.meddling import Busy
from .harness.observation import Statement
from .harness.restoration import Ready
from .harness.scene import RESTORED, Scene, outer_pids
from .harness.stack import Holding, Vantage
from .harness.verdict import Finding, require
from .stacks.core import APART, PLAIN, plain

to_restore, to_dump = at("restorer"), at("dumper")
ROUNDS = 3


# Links

LINKS = {
    "above, inside the mount": (b"/store/a", b"true"),
    "above, absolute": (b"/store/a", b"/store/true"),
    "above, out and back": (b"/store/a", b"../store/true"),
    "itself, inside the mount": (b"/store/a/l", b"../true"),
    "itself, to a decoy": (b"/store/a/l", b"/decoy/a/l"),
}


@pytest.mark.requirement("OVSI-SEC-001", *refused.IDS)
@to_restore
@pytest.mark.parametrize(("place", "target"), LINKS.values(), ids=LINKS.keys())
def test_link_on_the_way(implementation: Implementation, vantage: Vantage, place: bytes, target: bytes) -> None:
    """A candidate is a path, and what lies there, or above it, is a link by now: to the source even."""
    with Ready(implementation, APART, vantage) as scene:
        layers = scene.overlay["layers"]
        layers[1] = unproved(layers[1])
        scene.sandbox.do(errands.lookalikes_at, APART, b"/decoy")
        scene.sandbox.do(errands.put_link, place, b"/store/true", target)
        seen = scene.attempt(b"--accept", b"unproved")
        require(refused.judge(seen, "OVSI-SEC-001", "not-found", "identity"), describe.text(APART))


# Races


@pytest.mark.requirement("OVSI-REST-001", "OVSI-SEC-001", "OVSI-CLI-004")
@to_restore
@pytest.mark.parametrize("place", [b"/a", b"/a/l"])
def test_exchanged_meanwhile(implementation: Implementation, vantage: Vantage, place: bytes) -> None:
    """Somebody puts look-alikes and links where the sources are, and takes them away, all the time."""
    with Ready(implementation, APART, vantage) as scene:
        scene.sandbox.do(errands.lookalikes_at, APART, b"/store/other")
        scene.sandbox.do(errands.link, b"/store/other" + place, b"/store/link")
        others = [b"/store/other" + place, b"/store/link"]
        busy: Busy = scene.sandbox.do(meddling.exchange, b"/store" + place, others)
        for _ in range(ROUNDS):
            answer = scene.restore(scene.document)
            found = list(_true_or_none(scene, answer))
            require(found, describe.text(APART))
        scene.sandbox.do(meddling.end, busy)


def _true_or_none(scene: Ready, answer: Answer) -> list[Finding]:
    """The true sources are mounted, or nothing is; unmount what is."""
    if answer.outcome not in (Outcome.DONE, Outcome.REFUSED):
        return [Finding("OVSI-CLI-004", "restore", "done or refused", str(answer))]
    if scene.restored() is None:
        return []
    shown = scene.sandbox.do(mount_reader.read, RESTORED)
    scene.sandbox.do(mount_reader.unmount, [RESTORED])
    scene.sandbox.do(mount_reader.clean_work)
    return [
        Finding("OVSI-REST-001", finding.subject, finding.expected, finding.got)
        for finding in restored.contents(scene.stack, scene.truth, shown)
    ]


# Options


INJECTED = {
    "layer in a value": ("redirect_dir", "nofollow,lowerdir=/decoy/l0"),
    "option in a value": ("index", "off,default_permissions"),
    "flag in a value": ("xino", "off,userxattr"),
    "option in a name": ("index=off,default_permissions,metacopy", "off"),
    "flag in a name": ("default_permissions,userxattr", None),
    "escaped": ("metacopy", "off\\,default_permissions"),
    "line": ("metacopy", "off\ndefault_permissions"),
}


@pytest.mark.requirement("OVSI-SEC-003", *refused.IDS)
@to_restore
@pytest.mark.parametrize(("name", "value"), INJECTED.values(), ids=INJECTED.keys())
def test_option_is_one_option(implementation: Implementation, vantage: Vantage, name: str, value: str | None) -> None:
    """What comes after a comma is a part of the value, which no kernel has."""
    with Ready(implementation, PLAIN, vantage) as scene:
        scene.sandbox.do(errands.lookalikes_at, PLAIN, b"/decoy")
        options = scene.overlay["options"]
        options[:] = [each for each in options if each["name"] != name] + [{"name": name, "value": value}]
        require(refused.judge(scene.attempt(), "OVSI-SEC-003", "unsupported"), describe.text(PLAIN))


# Images


@pytest.mark.requirement("OVSI-IMG-015", "OVSI-IMG-026", "OVSI-IMG-029", "OVSI-REST-002", "OVSI-SEC-004", *refused.IDS)
@to_restore
@pytest.mark.parametrize("trick", hostile.IMAGES, ids=lambda trick: trick.name)
def test_hostile_image(implementation: Implementation, vantage: Vantage, trick: hostile.Trick) -> None:
    """What a restorer is given may have been written to be misread."""
    with Ready(implementation, PLAIN, vantage) as scene:
        scene.sandbox.do(errands.lookalikes_at, PLAIN, b"/decoy")
        trick.change(scene.document)
        require(refused.judge(scene.attempt(), trick.requirement, *trick.categories), describe.text(PLAIN))


@pytest.mark.claim("image", "core", "inside")
@pytest.mark.requirement("OVSI-SEC-004", "OVSI-IMG-040")
@pytest.mark.parametrize("name", hostile.DOCUMENTS)
def test_document_made_to_hurt(implementation: Implementation, tmp_path: Path, name: str) -> None:
    """Within all limits, and large: it is read."""
    file = tmp_path / "image.json"
    file.write_bytes(hostile.document(name))
    answer = implementation.call(b"validate", b"--image", bytes(file))
    if answer.outcome is Outcome.CRASHED:
        require([Finding("OVSI-SEC-004", name, "valid (exit 0)", str(answer))])
    if answer.outcome is not Outcome.DONE:
        require([Finding("OVSI-IMG-040", name, "valid (exit 0)", str(answer))])


# What is said


NAME = b"q\x1bq]0;q\x07q\x7fq\xc2\x85q\x08q\rq\nq\xc2\x9bq"
_RAW = re.compile(rb"q(?:[\x00-\x1f\x7f]|\xc2[\x80-\x9f])q")


def _printed(answer: Answer) -> list[Finding]:
    """Control characters of `NAME`, as they are, on standard error."""
    raw = _RAW.findall(answer.ran.stderr)
    return [Finding("OVSI-SEC-005", "standard error", "control characters in printable form", repr(raw))] if raw else []


@pytest.mark.requirement("OVSI-SEC-005", *refused.ANSWER)
@to_dump
def test_control_characters_in_dumped_names(implementation: Implementation, vantage: Vantage) -> None:
    """In names of layers and of the mount point; in one that is not there."""
    stack = hostile.named(NAME)
    with Scene(implementation, stack, vantage) as scene:
        found = _printed(scene.dump(scene.path(b"image")))
        answer = scene.dump(scene.path(b"image"), b"--mountpoint", b"/m/" + NAME + b"/none")
        require([*found, *_printed(answer), *refused.answer(answer, "OVSI-CLI-019", "not-found")], describe.text(stack))


@pytest.mark.requirement("OVSI-SEC-005", *refused.ANSWER)
@to_restore
@pytest.mark.parametrize("what", ["source", "target", "map", "option", "mount point", "declared"])
def test_control_characters_in_refusals(implementation: Implementation, vantage: Vantage, what: str) -> None:
    """In a name that the refusal is about."""
    text = NAME.decode()
    with Ready(implementation, hostile.named(NAME), vantage) as scene:
        target, maps = RESTORED, ((b"nowhere:/" + NAME + b"=/" + NAME,) if what == "map" else ())
        category = {"option": "unsupported", "mount point": "bad-image", "declared": "unproved"}.get(what, "not-found")
        if what == "source":
            scene.sandbox.do(errands.remove, scene.stack, "lower/0")
        elif what == "target":
            target, category = b"/m/none" + NAME, "target"
        elif what == "option":
            scene.overlay["options"].append({"name": text, "value": text})
        elif what == "mount point":
            scene.document["mounts"][0]["mountPoint"] = text
        elif what == "declared":
            scene.overlay["layers"] = [unproved(layer, candidate=False) for layer in scene.overlay["layers"]]
        answer = scene.restore(scene.document, target=target, maps=maps)
        require([*_printed(answer), *refused.answer(answer, "OVSI-CLI-004", category)], describe.text(scene.stack))


# Where a path leads


@pytest.mark.requirement("OVSI-SEC-006", "OVSI-CLI-017", "OVSI-LOC-004", "OVSI-DUMP-003")
@to_dump
@pytest.mark.parametrize("link", [b"/m", b"../m", b"/../../m"], ids=["absolute", "relative", "above the root"])
def test_link_in_a_mount_point(implementation: Implementation, vantage: Vantage, link: bytes) -> None:
    """A process has a root of its own, and a link in it is followed below that; a decoy is where else it would lead.

    The sources are outside of that root, on a file system that is mounted in its mount namespace all the same.
    """
    stack = plain("below-a-root", target=b"/jail/m/merged", since=(Holding(b"/jail", "root"),))
    with Scene(implementation, stack, vantage) as scene:
        scene.sandbox.do(errands.link, link, b"/jail/link")
        scene.sandbox.do(files.make_directory, b"/m/merged")
        scene.sandbox.do(errands.mount_plain_overlay, b"/m/merged")
        inner = scene.sandbox.do(errands.process, "root /jail")
        pid = inner if scene.within else outer_pids(scene.sandbox.pid)[inner]
        output = scene.path(b"image")
        with scene.nothing_held(always=True):
            answer = scene.call(b"dump", b"--pid", b"%d" % pid, b"--mountpoint", b"/link/merged", b"--output", output)
        written = scene.read(b"image")
        number = hostile.first_mount(written)
        if number != scene.truth.target.id:
            got = str(answer) if number is None else f"mount {number}"
            require([Finding("OVSI-SEC-006", "the overlay dumped", f"mount {scene.truth.target.id}", got)])
        seen = Statement(stack, vantage, scene.truth, parse(written or b""))
        require(sound.sources(seen), describe.text(stack, scene.truth))
