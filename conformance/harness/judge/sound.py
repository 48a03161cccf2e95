"""Soundness: nothing in an image is false, whatever its writer claims. A `candidate` is free but for what can't be."""

from collections.abc import Iterator

from ..filesystems import has_generation, stability
from ..imagecheck import Json, entry, raw
from ..kernel import Handle
from ..observation import Stated
from ..stack import Vantage
from ..truth import Holder, SourceTruth
from ..verdict import Finding

IDS = (
    *(f"OVSI-DUMP-{number:03}" for number in (2, 3, 4, 5, 6, 7, 8, 12, 28)),
    *(f"OVSI-ID-{n:03}" for n in (1, 2, 3, 4, 5)),
    *(f"OVSI-LOC-{n:03}" for n in (1, 2, 3, 4, 5, 6, 7, 8)),
)
ORDER = ("deleted", "located", "covered", "elsewhere", "detached", "unmounted", "unknown")
"""The states, as section 10.2 of the specification orders them."""


def judge(seen: Stated) -> Iterator[Finding]:
    """Every false statement about the sources of the overlay asked for, and of those that it lies on."""
    yield from _order("", seen.overlay, seen.truth.sources)
    for inner in seen.truth.inner:
        overlay = seen.below(inner)
        if overlay:
            yield from _order(f"{inner.name}: ", overlay, inner.sources)
    yield from sources(seen)
    for filesystem in seen.image["filesystems"]:
        yield from _stability(filesystem)
    for mount in seen.image["mounts"]:
        yield from _namespace(seen, mount)


def sources(seen: Stated) -> Iterator[Finding]:
    """Every false statement of what the sources are and where."""
    stated = seen.stated
    for truth in seen.truth.everything:
        if truth.label in stated:
            yield from _source(seen, truth, stated[truth.label])


def _order(prefix: str, overlay: Json, sources: tuple[SourceTruth, ...]) -> Iterator[Finding]:
    """Proved layers stand where the kernel has them (their number is a matter of completeness)."""
    stated = [layer["role"] for layer in overlay["layers"]]
    true = [source.role for source in sources if source.role != "work"]
    if len(stated) != len(true) or stated != true:
        yield Finding("OVSI-DUMP-012", f"{prefix}layers", _roles(true), _roles(stated))


def _roles(roles: list[str]) -> str:
    return ", ".join(f"{roles.count(role)} {role}" for role in dict.fromkeys(roles))


def _source(seen: Stated, truth: SourceTruth, stated: Json) -> Iterator[Finding]:
    label = truth.label
    if stated["assurance"] == "proved":
        yield from _identity(seen, truth, stated)
    if "path" in stated:
        yield from _path(label, truth, stated)
    if "location" in stated:
        yield from _location(seen, truth, stated)
    yield from _state(seen, truth, stated)
    yield from _idmap(truth, stated)
    if "mount" in stated.get("candidate", {}):
        yield from _candidate(seen, truth, stated)
    if stated["assurance"] == "consistent" and "candidate" not in stated and truth.reached:
        yield Finding("OVSI-LOC-007", f"{label}: candidate", "the directory that fits", "none is given")
    if stated["assurance"] == "proved" and label in seen.stack.undecidable and seen.vantage is Vantage.INSIDE:
        text = "not proved: another directory is alike in all that can be seen"
        yield Finding("OVSI-LOC-008", f"{label}: assurance", text, "proved")


def _identity(seen: Stated, truth: SourceTruth, stated: Json) -> Iterator[Finding]:
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
    yield from _subvolume(truth, identity)
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


def _subvolume(truth: SourceTruth, identity: Json) -> Iterator[Finding]:
    told = identity.get("subvolume")
    if truth.subvolume is None:
        return
    if told is None:
        yield Finding("OVSI-ID-002", f"{truth.label}: subvolume", str(truth.subvolume), "proved without it")
    elif told != str(truth.subvolume):
        yield Finding("OVSI-DUMP-002", f"{truth.label}: subvolume", str(truth.subvolume), told)


def _idmap(truth: SourceTruth, stated: Json) -> Iterator[Finding]:
    """Absent says that there is none; null, that it is not known. A work directory has that of the upper anyway."""
    told = stated.get("idmap", "absent")
    if told is None or (told == "absent" and (truth.idmap is None or truth.role == "work")):
        return
    want = [dict(zip(("inside", "outside", "count"), extent, strict=True)) for extent in truth.idmap or ()]
    for name in ("uidMap", "gidMap"):
        got = told[name] if isinstance(told, dict) else "absent: there is none"
        if got != want:
            yield Finding("OVSI-DUMP-028", f"{truth.label}: idmap: {name}", str(want or "absent"), str(got))


def _path(label: str, truth: SourceTruth, stated: Json) -> Iterator[Finding]:
    told = raw(stated["path"])
    if truth.path is None:
        yield Finding("OVSI-DUMP-006", f"{label}: path", "none: the directory was removed", repr(told))
    elif told != truth.path:
        yield Finding("OVSI-DUMP-004", f"{label}: path", repr(truth.path), repr(told))


def _location(seen: Stated, truth: SourceTruth, stated: Json) -> Iterator[Finding]:
    location, label = stated["location"], truth.label
    if truth.path is None:
        yield Finding("OVSI-DUMP-006", f"{label}: location", "none: the directory was removed", str(location))
    elif "process" in location:
        yield from _process(truth, location)
    else:
        yield from _mounted(seen, truth, stated)


def _mounted(seen: Stated, truth: SourceTruth, stated: Json) -> Iterator[Finding]:
    """A location below a mount: of this namespace, or of the one that it names."""
    label, below = truth.label, raw(stated["location"]["path"])
    mount = entry(seen.image["mounts"], stated["location"]["mount"]) or {}
    number, namespace = mount.get("mountId", -1), mount.get("namespace")
    if namespace:
        place = (int(namespace["inode"]), number, below)
        if place not in truth.elsewhere:
            text = f"one of {list(truth.elsewhere)} (namespace, mount ID, path below it)"
            yield Finding("OVSI-DUMP-003", f"{label}: location", text, str(place))
        return
    here = (number, below)
    if here not in truth.reached + truth.hidden:
        expected = f"one of {[*truth.reached, *truth.hidden]} (mount ID, path below it)"
        yield Finding("OVSI-DUMP-003", f"{label}: location", expected, str(here))
    elif here not in truth.reached and stated["state"] == "located":
        yield Finding("OVSI-DUMP-005", f"{label}: state", "covered: a mount hides it", "located")


def _process(truth: SourceTruth, location: Json) -> Iterator[Finding]:
    process, below = location["process"], raw(location["path"])
    told = Holder(process["pid"], int(process["startTime"]), process["through"], below)
    if told in truth.held:
        return
    same = any((holder.pid, holder.start) == (told.pid, told.start) for holder in truth.held)
    text = f"one of {list(truth.held)}"
    yield Finding("OVSI-DUMP-003" if same else "OVSI-LOC-006", f"{truth.label}: location", text, str(told))


def _state(seen: Stated, truth: SourceTruth, stated: Json) -> Iterator[Finding]:
    """A state that does not hold, or is not the first that does. `unknown` is never false."""
    told, true = stated["state"], truth.state
    if told == true or told not in ORDER[:-1] or stated["assurance"] != "proved":
        return
    subject = f"{truth.label}: state"
    if true == "deleted":
        yield Finding("OVSI-LOC-002", subject, true, told)
    elif told == "deleted":
        yield Finding("OVSI-LOC-003", subject, true, told)
    elif told == "unmounted" and truth.mounted:
        yield Finding("OVSI-LOC-004", subject, f"{true}: its file system has a mount here", told)
    elif told == "located" and true == "covered":
        yield Finding("OVSI-DUMP-005", subject, true, told)
    elif true in ("located", "covered") or seen.vantage is Vantage.OUTSIDE:
        yield Finding("OVSI-LOC-001", subject, true, told)


def _namespace(seen: Stated, mount: Json) -> Iterator[Finding]:
    """A mount of another namespace says so, and of which; no other does."""
    told, number = mount.get("namespace"), mount["mountId"]
    here = seen.truth.mount(number) is not None
    abroad = {name for name, other in seen.truth.others.items() if any(each.id == number for each in other)}
    subject = f"mount {number}: namespace"
    if told is None and not here and abroad:
        yield Finding("OVSI-LOC-005", subject, f"one of {sorted(abroad)}", "absent: the dumped one")
    elif told is not None and int(told["inode"]) not in abroad:
        yield Finding("OVSI-LOC-005", subject, f"one of {sorted(abroad)}" if abroad else "absent", told["inode"])


def _candidate(seen: Stated, truth: SourceTruth, stated: Json) -> Iterator[Finding]:
    """A candidate is a directory below a mount of the table that really is there."""
    mount = entry(seen.image["mounts"], stated["candidate"]["mount"])
    if mount is None or seen.truth.mount(mount["mountId"]) is None:
        yield Finding("OVSI-DUMP-008", f"{truth.label}: candidate", "below a mount of this namespace", str(mount))
    if truth.label in seen.astray:
        yield Finding("OVSI-DUMP-008", f"{truth.label}: candidate", "a directory", f"none: {stated['candidate']}")


def _stability(filesystem: Json) -> Iterator[Finding]:
    expected = stability(filesystem["type"])
    if filesystem["stability"] != expected:
        yield Finding("OVSI-ID-004", f"{filesystem['type']}: stability", expected, filesystem["stability"])
