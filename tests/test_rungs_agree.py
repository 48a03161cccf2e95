"""No rung of the ladder contradicts another, or what is so, or leaves a trace, on any stack of the suite.

Each rung is asked alone what it shows, of the overlay and of those below it. What it shows is compared with what the
builder of the stack knows; where introspection serves it is one of the rungs and has to name every source. None of them
may change a source or a mount.
"""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from ovsi.discover.climb import LowerRungs
from ovsi.discover.evidence import INTROSPECTION, Directory
from ovsi.discover.judge import combined, weigh
from ovsi.discover.ladder import Ladder, slots_of
from ovsi.discover.location import Locator
from ovsi.discover.options import parse_shown
from ovsi.discover.vantage import Vantage as Place
from ovsi.dump.surroundings import module_defaults
from ovsi.linux.namespaces import CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER, setns

from conformance.harness import abilities, builder, snapshot
from conformance.harness.cases import Case, every
from conformance.harness.sandbox import Sandbox
from conformance.harness.snapshot import differences, mount_differences
from conformance.harness.stack import Vantage
from conformance.stacks import ALL

if TYPE_CHECKING:
    from conformance.harness.truth import SourceTruth, Truth

Told = tuple[str, str, str, Directory]
"""Device of the overlay, name of the source in it, the rung, and the directory that it names."""
JUDGE = "judge, without introspection"


def lower_rungs(pid: int | None) -> list[Told]:
    """What each rung below introspection shows of every overlay that a process's mount namespace has."""
    place = Place(pid)
    try:
        locator, parameters = Locator(place), module_defaults()
        rungs = LowerRungs(place, locator, frozenset([INTROSPECTION]), parameters)
        return [told for device in overlays(place) for told in _climb(rungs, place, device)]
    finally:
        place.close()


def _climb(rungs: LowerRungs, place: Place, device: str) -> Iterator[Told]:
    mounts = tuple(sorted(place.here.table.by_device(device), key=lambda mount: mount.mount_id))
    shown = parse_shown(mounts[0].super_options)
    slots = slots_of(shown)
    readings = rungs.readings(device, mounts, shown, slots)
    seen = list(rungs.evidence(mounts, shown, slots, readings))
    for rung, evidence in seen:
        named = evidence.exact | {f"lower/{index}": one for index, one in evidence.placed.items()}
        yield from ((device, name, rung, one.directory) for name, one in named.items())
    for verdict in weigh(slots, combined(evidence for _, evidence in seen), readings):
        if verdict.assurance == "proved" and verdict.directory is not None:
            yield device, verdict.slot.name, JUDGE, verdict.directory


def held(pid: int) -> list[Told]:
    """What introspection says of the overlays of a process's mount namespace and of those below them."""
    place = Place(pid)
    ladder = Ladder(place, Locator(place), frozenset(), dict)
    try:
        assert ladder.kernel.unavailable is None, ladder.kernel.unavailable
        mounted = {device: place.here.table.by_device(device) for device in overlays(place)}
        return [
            (account.device, verdict.slot.name, INTROSPECTION, verdict.directory)
            for account in ladder.accounts({device: list(mounts) for device, mounts in mounted.items()})
            for verdict in account.verdicts
            if verdict.directory is not None
        ]
    finally:
        ladder.kernel.close()
        place.close()


def overlays(place: Place) -> list[str]:
    """Devices of the overlays of a mount namespace."""
    return list(dict.fromkeys(mount.device for mount in place.here.table.entries if mount.fs_type == b"overlay"))


def from_inside(sandbox: Sandbox) -> list[Told]:
    """What the lower rungs show to a process in the sandbox's own namespaces."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        answer: object = "the process inside was killed"
        try:
            setns(os.pidfd_open(sandbox.pid), CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID)
            if (inner := os.fork()) != 0:  # which is in the namespace of processes too
                os._exit(os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1]))
            os.chdir("/")
            answer = lower_rungs(sandbox.inner_pid)
        except BaseException:  # noqa: BLE001 - whatever it is, the parent reports it
            answer = traceback.format_exc()
        with os.fdopen(writer, "wb") as pipe:
            pickle.dump(answer, pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    told = pickle.loads(data) if data else "the process inside ended"
    assert isinstance(told, list), told
    return told


def contradictions(told: list[Told], truth: Truth) -> list[str]:
    """Every statement that is not so, in words. Of an overlay that the builder does not know, introspection knows."""
    by_kernel = {(device, name): said for device, name, rung, said in told if rung == INTROSPECTION}
    known: dict[tuple[str, str], SourceTruth | Directory] = {**by_kernel, **sources_of(truth)}
    devices = {device for device, _ in known}
    return [
        f"{rung} names for {name} of overlay {device} {_told(said)}; it is {_told(known.get((device, name)))}"
        for device, name, rung, said in told
        if device in devices and not _fits(said, known.get((device, name)))
    ]


def sources_of(truth: Truth) -> dict[tuple[str, str], SourceTruth]:
    """Every source by its overlay's device and its name there."""
    found = {(truth.target.device, one.label): one for one in truth.sources}
    return found | {(each.device, one.label.split(":")[1]): one for each in truth.inner for one in each.sources}


def _fits(said: Directory, known: SourceTruth | Directory | None) -> bool:
    if known is None or (said.device, said.inode) != (known.device, known.inode):
        return False
    return said.generation in (None, known.generation) and said.subvolume in (None, known.subvolume)


def _told(one: SourceTruth | Directory | None) -> str:
    if one is None:
        return "no source"
    return f"inode {one.inode}, generation {one.generation}, subvolume {one.subvolume} of {one.device}, {one.path!r}"


@pytest.mark.parametrize("case", every(ALL), ids=lambda case: case.name)
def test_no_rung_contradicts(case: Case) -> None:
    reason = abilities.why_not(case.vantage)
    if reason := reason or next(filter(None, map(abilities.lacking, case.stack.needs)), None):
        pytest.skip(reason)
    with Sandbox(abilities.surroundings(case.vantage, case.stack.owner)) as sandbox:
        truth = sandbox.do(builder.build, case.stack)
        before = sandbox.do(snapshot.take)
        told = from_inside(sandbox) if case.vantage is Vantage.INSIDE else lower_rungs(sandbox.pid)
        told += held(sandbox.pid) if abilities.introspection() else []
        after = sandbox.do(snapshot.take)
    if abilities.introspection():
        named = {(device, name) for device, name, rung, _ in told if rung == INTROSPECTION}
        assert sources_of(truth).keys() - named == set(), "introspection names every source"
    found = contradictions(told, truth)
    found += [line for label, old in before.sources.items() for line in differences(old, after.sources[label])]
    found += mount_differences(before.mounts, after.mounts)
    if found:
        pytest.fail("\n".join(found), pytrace=False)
