"""Soundness: nothing in an image is false, whatever its writer claims. A `candidate` is free but for what can't be."""

from collections.abc import Iterator

from ..filesystems import has_generation, stability
from ..imagecheck import Json, entry, raw, sources
from ..kernel import Handle
from ..observation import Observation
from ..truth import SourceTruth
from ..verdict import Finding

IDS = tuple(f"OVSI-DUMP-{number:03}" for number in (2, 3, 4, 5, 6, 7, 8, 12)) + tuple(
    f"OVSI-ID-{n:03}" for n in (1, 3, 4, 5)
)


def judge(seen: Observation) -> Iterator[Finding]:
    """Every false statement about the sources of the overlay asked for."""
    yield from _order(seen)
    stated = dict(sources(seen.overlay))
    for truth in seen.truth.sources:
        if truth.label in stated:
            yield from _source(seen, truth, stated[truth.label])
    for filesystem in seen.image["filesystems"]:
        yield from _stability(filesystem)


def _order(seen: Observation) -> Iterator[Finding]:
    """Proved layers stand where the kernel has them (their number is a matter of completeness)."""
    stated = [layer["role"] for layer in seen.overlay["layers"]]
    true = [source.role for source in seen.truth.sources if source.role != "work"]
    if len(stated) != len(true) or stated != true:
        yield Finding("OVSI-DUMP-012", "layers", _roles(true), _roles(stated))


def _roles(roles: list[str]) -> str:
    return ", ".join(f"{roles.count(role)} {role}" for role in dict.fromkeys(roles))


def _source(seen: Observation, truth: SourceTruth, stated: Json) -> Iterator[Finding]:
    label = truth.label
    if stated["assurance"] == "proved":
        yield from _identity(seen, truth, stated)
    if "path" in stated:
        yield from _path(label, truth, stated)
    if "location" in stated:
        yield from _location(seen, truth, stated)
    yield from _state(truth, stated)
    if "mount" in stated.get("candidate", {}):
        yield from _candidate(seen, truth, stated)


def _identity(seen: Observation, truth: SourceTruth, stated: Json) -> Iterator[Finding]:
    identity, label = stated["identity"], truth.label
    filesystem = entry(seen.image["filesystems"], identity["filesystem"])
    if filesystem is None:
        return
    if stated["method"] == "option-string":
        yield Finding("OVSI-DUMP-007", f"{label}: method", "evidence beyond a name", "option-string")
    if filesystem["stability"] == "none":
        yield Finding("OVSI-ID-003", f"{label}: assurance", "not proved on unstable inodes", "proved")
    true = {"device": truth.device, "type": truth.kind, "uuid": truth.uuid}
    for name, value in true.items():
        told = filesystem.get(name)
        if value is not None and told is not None and told != value:
            yield Finding("OVSI-DUMP-002", f"{label}: {name} of its file system", str(value), str(told))
    if identity["inode"] != str(truth.inode):
        yield Finding("OVSI-DUMP-002", f"{label}: inode", str(truth.inode), identity["inode"])
    yield from _generation(truth, identity)
    handle = identity.get("handle")
    if handle and truth.handle and Handle(handle["type"], bytes.fromhex(handle["bytes"])) != truth.handle:
        yield Finding(
            "OVSI-DUMP-002", f"{label}: handle", f"{truth.handle.type} {truth.handle.value.hex()}", str(handle)
        )


def _generation(truth: SourceTruth, identity: Json) -> Iterator[Finding]:
    told = identity.get("generation")
    if told is not None and truth.generation is not None and told != truth.generation:
        yield Finding("OVSI-DUMP-002", f"{truth.label}: generation", str(truth.generation), str(told))
    if told is None and not identity.get("handle") and has_generation(truth.kind):
        text = "not proved by device and inode number alone"
        yield Finding("OVSI-ID-001", f"{truth.label}: generation or handle", text, "proved without either")


def _path(label: str, truth: SourceTruth, stated: Json) -> Iterator[Finding]:
    told = raw(stated["path"])
    if truth.path is None:
        yield Finding("OVSI-DUMP-006", f"{label}: path", "none: the directory was removed", repr(told))
    elif told != truth.path:
        yield Finding("OVSI-DUMP-004", f"{label}: path", repr(truth.path), repr(told))


def _location(seen: Observation, truth: SourceTruth, stated: Json) -> Iterator[Finding]:
    location = stated["location"]
    if "mount" not in location:
        return
    mount = entry(seen.image["mounts"], location["mount"])
    place = (mount["mountId"] if mount else -1, raw(location["path"]))
    if truth.path is None:
        yield Finding("OVSI-DUMP-006", f"{truth.label}: location", "none: the directory was removed", str(place))
    elif place not in truth.reached + truth.hidden:
        expected = f"one of {[*truth.reached, *truth.hidden]} (mount ID, path below it)"
        yield Finding("OVSI-DUMP-003", f"{truth.label}: location", expected, str(place))
    elif place not in truth.reached and stated["state"] == "located":
        yield Finding("OVSI-DUMP-005", f"{truth.label}: state", "covered: a mount hides it", "located")


def _state(truth: SourceTruth, stated: Json) -> Iterator[Finding]:
    told = stated["state"]
    if told in ("located", "covered", "unmounted", "deleted") and told != truth.state:
        requirement = (
            "OVSI-DUMP-006"
            if truth.state == "deleted"
            else "OVSI-DUMP-005"
            if truth.state == "covered"
            else "OVSI-DUMP-003"
        )
        yield Finding(requirement, f"{truth.label}: state", truth.state, told)


def _candidate(seen: Observation, truth: SourceTruth, stated: Json) -> Iterator[Finding]:
    """A candidate lies below a mount of the table that really is there."""
    mount = entry(seen.image["mounts"], stated["candidate"]["mount"])
    if mount is None or seen.truth.mount(mount["mountId"]) is None:
        yield Finding("OVSI-DUMP-008", f"{truth.label}: candidate", "below a mount of this namespace", str(mount))


def _stability(filesystem: Json) -> Iterator[Finding]:
    expected = stability(filesystem["type"])
    if filesystem["stability"] != expected:
        yield Finding("OVSI-ID-004", f"{filesystem['type']}: stability", expected, filesystem["stability"])
