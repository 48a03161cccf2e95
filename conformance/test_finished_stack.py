"""What a restore makes: one name a layer, one step, nothing weaker than the image, in the right user namespace."""

import pytest

from .harness import describe, errands, meddling
from .harness.cases import Case, at, every, over
from .harness.implementation import Implementation, Outcome
from .harness.judge import refused, restored
from .harness.meddling import Busy
from .harness.restoration import Ready, Restoration, attempt, restore
from .harness.scene import RESTORED, Scene
from .harness.stack import Stack, Vantage
from .harness.verdict import Finding, require
from .stacks import idmapped
from .stacks.core import PLAIN, plain
from .stacks.parts import lower, upper, work
from .stacks.userns import STACKS as OWNED

every_vantage = at("restorer")


# Names


def named(name: bytes) -> Stack:
    return Stack("injection", "core", (upper(b"/u" + name), lower(b"/" + name), lower(b"/l")), work(b"/w" + name))


NAMES = {
    "option": b"a,metacopy=off,default_permissions",
    "upper": b"a,upperdir=,workdir=",
    "layer": b"a:b",
    "data-only": b"a::b",
    "escaped": b"a\\:b\\,c\\",
    "octal": b"a\\054b\\072c",
    "lines": b"a\nb\tc d\r",
    "bytes": b"\xff\x01\x7f\xc2",
}


@pytest.mark.requirement("OVSI-REST-011", *restored.IDS)
@every_vantage
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_name_is_one_name(implementation: Implementation, vantage: Vantage, name: bytes) -> None:
    """What means something in an option string means nothing in a name."""
    seen = restore(implementation, named(name), vantage)
    text = describe.text(seen.stack, seen.truth)
    if seen.answer.outcome is Outcome.REFUSED or (seen.answer.outcome is Outcome.DONE and [*restored.served(seen)]):
        got = str(seen.answer) if seen.mount is None else "other directories, or none, in their places"
        require([Finding("OVSI-REST-011", repr(name), "the layers of these names", got)], text)
    require(restored.judge(seen), text)


# One step


DRESSED = plain("dressed", attributes=frozenset({"nosuid", "nodev"}), propagation="shared")


@pytest.mark.requirement("OVSI-REST-027", *restored.IDS)
@every_vantage
def test_in_one_step(implementation: Implementation, vantage: Vantage) -> None:
    """Whenever the mount is seen, it has its attributes and its propagation."""
    with Ready(implementation, DRESSED, vantage) as scene:
        busy: Busy = scene.sandbox.do(meddling.watch, RESTORED)
        seen = scene.attempt()
        forms = scene.sandbox.do(meddling.end, busy).splitlines()
        final = [meddling.form(seen.mount)] if seen.mount else []
        unfinished = (
            Finding("OVSI-REST-027", "the mount, when it was seen", final[0].decode(), form.decode())
            for form in forms
            if final and form != final[0]
        )
        require([*unfinished, *restored.judge(seen)], describe.text(scene.stack))


# Nothing weaker


@pytest.mark.requirement("OVSI-REST-026", *refused.IDS)
@every_vantage
def test_read_only_for_read_write(implementation: Implementation, vantage: Vantage) -> None:
    """The kernel can't make its work directory: what it mounts then takes no writes."""
    with Ready(implementation, PLAIN, vantage) as scene:
        scene.sandbox.do(errands.fill_work)
        require(_weaker(scene.attempt()), describe.text(scene.stack))


@pytest.mark.requirement("OVSI-REST-026", *refused.IDS)
@pytest.mark.parametrize(
    "vantage", [pytest.param(Vantage.INSIDE, id="inside", marks=pytest.mark.claim("restorer", "core", "inside"))]
)
def test_option_that_does_not_take_effect(implementation: Implementation, vantage: Vantage) -> None:
    """In a user namespace the kernel takes `index=on`, and mounts without an index."""
    with Ready(implementation, PLAIN, vantage) as scene:
        for option in scene.overlay["options"]:
            option["value"] = "on" if option["name"] == "index" else option["value"]
        require(_weaker(scene.attempt()), describe.text(scene.stack))


def _weaker(seen: Restoration) -> list[Finding]:
    """A refusal after the kernel made the superblock: its residue may be there, a mount may not."""
    found = list(refused.answer(seen.answer, "OVSI-REST-026", "identity", "permission"))
    if seen.mount is not None:
        found.append(Finding("OVSI-REST-026", "the target", "nothing is mounted", "a weaker overlay is mounted there"))
        return found
    return [*found, *restored.residue(seen), *restored.nothing_else(seen)]


# Whose files, whose rights


@pytest.mark.requirement("OVSI-REST-034", *restored.IDS)
@over("restorer", [case for case in every(idmapped.STACKS[:6]) if case.stack.restorable])
def test_owners(case: Case, implementation: Implementation) -> None:
    """Files belong to whom they belonged: layers are mapped as they were, and no others."""
    with Scene(implementation, case.stack, case.vantage) as scene:
        image, want = scene.image(), scene.sandbox.do(errands.owners, case.stack.target)
        scene.unmount()
        seen = attempt(scene, image)
        text = describe.text(scene.stack, scene.truth)
        if seen.mount is None:
            require(restored.judge(seen), text)
        got = scene.sandbox.do(errands.owners, RESTORED)
        differing = (
            Finding("OVSI-REST-034", f"owner of {path!r}", str(want[path]), str(got.get(path)))
            for path in sorted(want)
            if got.get(path) != want[path]
        )
        require(differing, text)


@pytest.mark.requirement("OVSI-REST-033", "OVSI-REST-032", *restored.IDS)
@pytest.mark.parametrize(
    "vantage", [pytest.param(Vantage.OUTSIDE, id="outside", marks=pytest.mark.claim("restorer", "userns", "outside"))]
)
def test_in_the_namespace_of_the_mounter(implementation: Implementation, vantage: Vantage) -> None:
    """An overlay that a user namespace mounted is that namespace's again: its root may reconfigure it."""
    with Ready(implementation, OWNED[0], vantage) as scene:
        namespace = scene.sandbox.do(errands.user_namespace)
        scene.overlay["mounter"] = {"userNamespace": {"initial": False, "inode": str(namespace)}}
        seen = scene.attempt()
        text = describe.text(scene.stack)
        require(restored.judge(seen), text)
        if refusal := scene.sandbox.do(errands.remount_filesystem, RESTORED):
            expected = "of the user namespace that the mounter had"
            require([Finding("OVSI-REST-033", "the overlay", expected, refusal)], text)
