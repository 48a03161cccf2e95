"""What mounts overlays in the field leaves behind, row by row, and the command before each: as root and as a user.

From outside, with introspection, `ovsi dump` proves every source: it exits 0, or 3 with exactly those that have no
place any more, each named by device, inode number, UUID and path inside its file system. From inside a user namespace
nothing is false, and what is provable there is proved.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from conformance.harness import abilities
from conformance.harness.imagecheck import entry
from conformance.harness.implementation import Implementation, Outcome
from conformance.harness.judge import faithful, sound, trace
from conformance.harness.observation import observe
from conformance.harness.stack import Vantage
from conformance.stacks import ALL
from tests.support.watching import user_may_watch

if TYPE_CHECKING:
    from conformance.harness.observation import Observation
    from conformance.harness.truth import SourceTruth

NOTHING: frozenset[str] = frozenset()
LOWERS = frozenset(f"lower/{number}" for number in range(3))
LAYERS = LOWERS | {"upper"}
FIELD: dict[str, tuple[str, frozenset[str]]] = {
    "a helper stood at the storage's root": ("relative-short-names", LAYERS),
    "a helper stood in /proc/self/fd": ("relative-descriptor-numbers", LAYERS),
    "relative lowers, absolute upper and work": ("relative-absolute-upper", LAYERS),
    "absolute and relative lowers": ("relative-absolute-and-relative-lowers", LAYERS),
    "an ID-mapped bind mount that is gone": ("idmapped-lowers", NOTHING),
    "an ID-mapped bind mount that is gone, in a user namespace": ("idmapped-lowers-of-a-user", LAYERS),
    "the upper's tmpfs unmounted, its directory removed": ("unmounted-scratch-upper", NOTHING),
    "mounted over one of its own lowers": ("unmounted-over-own-lower", LAYERS),
    "a lower that is an overlay": ("nested-read-only-below", frozenset(["inner:lower/0", "inner:lower/1"])),
    "a lower that is an overlay mounted nowhere": ("nested-mounted-nowhere", NOTHING),
    "descriptors of detached trees": ("unmounted-detached-trees-of-what-is-mounted", LAYERS),
    "descriptors of detached trees, all unmounted": ("unmounted-detached-trees", NOTHING),
    "500 lowers, all unmounted, a bind mount elsewhere": (
        "unmounted-500-lowers-and-a-bind-left",
        LAYERS | {f"lower/{number}" for number in range(500)},
    ),
}
"""What happens in the field, the stack of the suite that it is, and what can be proved of it in a user namespace."""
STACKS = {f"{stack.profile}-{stack.name}": stack for stack in ALL}
OVSI = f"{sys.executable} -m ovsi"


def look(row: str, vantage: Vantage) -> Observation:
    stack = STACKS[FIELD[row][0]]
    reason = abilities.why_not(vantage)
    if reason := reason or next(filter(None, map(abilities.lacking, stack.needs)), None):
        pytest.skip(reason)
    seen = observe(Implementation(OVSI, 30), stack, vantage)
    findings = [*sound.judge(seen), *faithful.judge(seen), *trace.judge(seen)]
    assert not findings, findings
    return seen


@pytest.mark.parametrize("row", FIELD)
def test_as_root(row: str) -> None:
    if not abilities.introspection():
        pytest.skip("needs introspection")
    seen = look(row, Vantage.OUTSIDE)
    known = {source.label: source for source in seen.truth.everything}
    lost = {label for label, one in known.items() if one.state in ("unmounted", "deleted", "unknown", "detached")}
    assert {one["assurance"] for one in seen.stated.values()} == {"proved"}
    assert {label for label, one in seen.stated.items() if "location" not in one} == lost
    assert seen.first.answer.outcome is (Outcome.INCOMPLETE if lost else Outcome.DONE)
    for label in lost:
        assert _named(seen, label) == _name_of(known[label])


def _named(seen: Observation, label: str) -> tuple[object, ...]:
    """Device, UUID, inode number and path that an image gives for a source."""
    source = seen.stated[label]
    filesystem = entry(seen.image["filesystems"], source["identity"]["filesystem"])
    assert filesystem is not None
    return filesystem["device"], filesystem.get("uuid"), source["identity"]["inode"], source["path"].encode()


def _name_of(source: SourceTruth) -> tuple[object, ...]:
    return source.device, source.uuid, str(source.inode), source.path


@pytest.mark.parametrize("row", [row for row in FIELD if Vantage.INSIDE in STACKS[FIELD[row][0]].vantages])
def test_in_a_user_namespace(row: str) -> None:
    seen = look(row, Vantage.INSIDE)
    provable = FIELD[row][1] & seen.stated.keys()
    proved = {label for label, one in seen.stated.items() if one["assurance"] == "proved"}
    assert proved == provable if user_may_watch() else proved <= provable
    whole = proved == seen.stated.keys()  # which takes a stack without a work directory
    assert seen.first.answer.outcome is (Outcome.DONE if whole else Outcome.INCOMPLETE)
