"""Faithfulness: what the kernel shows to everyone is in the image, as it is."""

import os
from collections.abc import Iterator
from pathlib import Path

from .. import options
from ..imagecheck import Json, entry, raw, sources
from ..mounts import Mount
from ..observation import Stated
from ..rights import Rights
from ..stack import Vantage
from ..truth import InnerTruth, SourceTruth
from ..verdict import Finding

IDS = (
    *(f"OVSI-DUMP-{n:03}" for n in (12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 28, 30)),
    *("OVSI-EQV-002", "OVSI-EQV-003", "OVSI-ID-005"),
)
KNOWN = {
    *("default_permissions", "redirect_dir", "index", "uuid", "nfs_export"),
    *("xino", "metacopy", "volatile", "fsync", "userxattr", "verity"),
}
_NOT_SHOWN: dict[str, frozenset[bytes | None]] = {
    "uuid": frozenset({b"auto", b"on", b"null"}),  # kernels before 6.6 show `off` alone
    "verity": frozenset({b"off"}),
    "fsync": frozenset({b"auto", b"volatile"}),  # where `volatile` is shown, they are one
    **dict.fromkeys(("default_permissions", "userxattr", "volatile"), frozenset[bytes | None]()),
}
"""Options of which a kernel shows every other value: what may be in effect where they are not shown."""
LONG_LINE = 4096
_XINO = (b"on", b"auto", b"off")
"""Where xino is not shown it means nothing: the default is as good as what was asked for."""


def judge(seen: Stated) -> Iterator[Finding]:
    yield from _host(seen)
    yield from _sources(seen)
    yield from _shown(seen)
    yield from _options(seen)
    yield from _mounts(seen)
    yield from _tables(seen)
    if seen.truth.rights:
        yield from _mounter("", seen, seen.overlay, seen.truth.rights)
    for inner in seen.truth.inner:
        yield from _below(seen, inner)


def _host(seen: Stated) -> Iterator[Finding]:
    true = {
        "kernelRelease": os.uname().release,
        "bootId": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
    }
    if seen.image["host"] != seen.image["host"] | true:
        yield Finding("OVSI-DUMP-025", "host", str(true), str(seen.image["host"]))
    namespace = seen.image.get("namespace")
    if namespace and namespace["inode"] != str(seen.truth.namespace):
        yield Finding("OVSI-DUMP-025", "namespace", str(seen.truth.namespace), namespace["inode"])


def _sources(seen: Stated) -> Iterator[Finding]:
    stated = seen.stated
    long = len(seen.truth.target.super_options) > LONG_LINE
    known = {source.label for source in seen.truth.sources} | stated.keys()
    for truth in (source for source in seen.truth.everything if source.label in known):
        if truth.label not in stated:
            requirement = "OVSI-DUMP-013" if truth.label == "work" else "OVSI-DUMP-019" if long else "OVSI-DUMP-012"
            yield Finding(requirement, truth.label, "described", "not in the image")
            continue
        declared = stated[truth.label]["declared"]
        told = None if declared is None else raw(declared)
        if told != truth.declared:
            yield Finding("OVSI-DUMP-014", f"{truth.label}: declared", repr(truth.declared), repr(told))
        yield from _unknown(seen, truth, stated[truth.label])


def _unknown(seen: Stated, truth: SourceTruth, stated: Json) -> Iterator[Finding]:
    """What could not be established is null; absent says that there is none."""
    if seen.vantage is Vantage.INSIDE and truth.role != "work" and stated.get("idmap", "absent") == "absent":
        expected = "null: only the kernel's own structures show it"
        yield Finding("OVSI-DUMP-028", f"{truth.label}: idmap", expected, "absent: there is none")
    identity = stated.get("identity", {})
    filesystem = entry(seen.image["filesystems"], identity.get("filesystem")) or {}
    for name, true, said in (
        ("generation", truth.generation, identity),
        ("handle", truth.handle, identity),
        ("uuid", truth.uuid, filesystem),
    ):
        if said and true is not None and name not in said:
            expected = "known, or null: its file system has one"
            yield Finding("OVSI-DUMP-028", f"{truth.label}: {name}", expected, "absent: there is none")


def _shown(seen: Stated) -> Iterator[Finding]:
    told = raw(seen.overlay["shownOptions"])
    true = seen.truth.target.super_options
    if told != true:
        yield Finding("OVSI-DUMP-015", "shownOptions", _short(true), _short(told))


def _short(data: bytes) -> str:
    return repr(data) if len(data) < 400 else f"{data[:200]!r}… ({len(data)} bytes)"


def _options(seen: Stated) -> Iterator[Finding]:
    yield from _options_of(seen.overlay, seen.truth.target)


def _options_of(overlay: Json, mount: Mount) -> Iterator[Finding]:
    told: dict[str, list[bytes | None]] = {}
    for option in overlay["options"]:
        told.setdefault(option["name"], []).append(_value(option["value"]))
    for name in told:
        if name in options.LAYER_NAMES | options.SHOWN_ONLY:
            yield Finding("OVSI-DUMP-018", "options", "no name of a layer, nothing that kernels show only", name)
    effective = options.effective(mount)
    for name, value in effective.items():
        for got in told.get(name, [b"not stated"]):
            if got != value and not (name == "xino" and got in _XINO and name not in options.shown(mount)):
                requirement = "OVSI-DUMP-016" if name in KNOWN else "OVSI-DUMP-017"
                yield Finding(requirement, f"options: {name}", repr(value), repr(got))
    for name in told.keys() & _NOT_SHOWN.keys() - effective.keys():
        if beyond := set(told[name]) - _NOT_SHOWN[name]:
            expected = "not in effect: the kernel would show it"
            yield Finding("OVSI-DUMP-016", f"options: {name}", expected, repr(beyond.pop()))


def _value(value: str | Json | None) -> bytes | None:
    return None if value is None else raw(value)


def _below(seen: Stated, inner: InnerTruth) -> Iterator[Finding]:
    """An overlay that bears a source which is proved is described like any other."""
    overlay = seen.below(inner)
    proved = [label for label, source in sources(seen.overlay) if source["assurance"] == "proved"]
    borne = [source.label for source in seen.truth.sources if source.device == inner.device]
    if overlay is None:
        if set(proved) & set(borne):
            text = f"an entry for the overlay {inner.device}, which bears {', '.join(borne)}"
            yield Finding("OVSI-DUMP-024", "overlays", text, "there is none")
        return
    if seen.truth.rights:
        yield from _mounter(f"{inner.name}: ", seen, overlay, seen.truth.rights)
    listed = [entry(seen.image["mounts"], name) for name in overlay["mounts"]]
    numbers, true = [mount["mountId"] for mount in listed if mount], [mount.id for mount in inner.mounts]
    if numbers != true:
        requirement = "OVSI-EQV-002" if sorted(numbers) == sorted(true) else "OVSI-DUMP-021"
        yield Finding(requirement, f"mounts of the overlay {inner.name}", str(true), str(numbers))
    if inner.mounts:
        yield from _options_of(overlay, inner.shown)
        yield from _flags(f"{inner.name}: ", overlay, inner.shown)
        told = raw(overlay["shownOptions"])
        if told != inner.shown.super_options:
            yield Finding(
                "OVSI-DUMP-015", f"{inner.name}: shownOptions", _short(inner.shown.super_options), _short(told)
            )


def _mounts(seen: Stated) -> Iterator[Finding]:
    true = seen.truth.own_mounts
    listed = [entry(seen.image["mounts"], name) for name in seen.overlay["mounts"]]
    numbers = [mount["mountId"] for mount in listed if mount]
    expected = [mount.id for mount in true]
    if sorted(numbers) != sorted(expected):
        yield Finding("OVSI-DUMP-021", "mounts of the overlay", str(expected), str(numbers))
    elif numbers != expected:
        yield Finding("OVSI-EQV-002", "mounts of the overlay, in order", str(expected), str(numbers))
    if seen.truth.target.id not in numbers:
        yield Finding("OVSI-EQV-003", "overlays[0]", "the overlay asked for", f"mounts {numbers}")
    for mount in seen.image["mounts"]:
        yield from _mount(seen, mount)
    yield from _flags("", seen.overlay, seen.truth.target)


def _flags(prefix: str, overlay: Json, shown: Mount) -> Iterator[Finding]:
    if sorted(overlay["superblockFlags"]) != sorted(shown.flags):
        yield Finding("OVSI-DUMP-022", f"{prefix}superblockFlags", str(shown.flags), str(overlay["superblockFlags"]))


def _mount(seen: Stated, stated: Json) -> Iterator[Finding]:
    """A mount as the mount table shows it; that one of another namespace is there at all is judged with its source."""
    number, subject, abroad = stated["mountId"], f"mount {stated['mountId']}", stated.get("namespace")
    table = seen.truth.others.get(int(abroad["inode"]), ()) if abroad else seen.truth.mounts
    true = next((mount for mount in table if mount.id == number), None)
    if true is None:
        if not abroad:
            yield Finding("OVSI-DUMP-021", subject, "a mount of this namespace", "there is none")
        return
    own = any(stated["id"] in overlay["mounts"] for overlay in seen.image["overlays"])
    for name in ("attributes", "propagation"):
        if own and name not in stated:
            yield Finding("OVSI-DUMP-022", f"{subject}: {name}", "stated", "absent")
    names = {"root": raw(stated["root"]), "mountPoint": raw(stated["mountPoint"])}
    for name, value in {"root": true.root, "mountPoint": true.point}.items():
        if names[name] != value:
            yield Finding("OVSI-DUMP-020", f"{subject}: {name}", repr(value), repr(names[name]))
    told = stated.get("attributes")
    if told is not None and sorted(told) != sorted(true.attributes):
        yield Finding("OVSI-DUMP-022", f"{subject}: attributes", str(true.attributes), str(told))
    words = {"shared": "peerGroup", "master": "master", "propagate_from": "propagateFrom", "unbindable": "unbindable"}
    propagation = {words[name]: True if name == "unbindable" else number for name, number in true.propagation}
    if "propagation" in stated and stated["propagation"] != propagation:
        yield Finding("OVSI-DUMP-022", f"{subject}: propagation", str(propagation), str(stated["propagation"]))
    if "uniqueId" in stated and true.unique is not None and stated["uniqueId"] != str(true.unique):
        yield Finding("OVSI-DUMP-020", f"{subject}: uniqueId", str(true.unique), stated["uniqueId"])
    if stated.get("parentId", true.parent) != true.parent:
        yield Finding("OVSI-DUMP-020", f"{subject}: parentId", str(true.parent), str(stated["parentId"]))


def _mounter(prefix: str, seen: Stated, overlay: Json, true: Rights) -> Iterator[Finding]:
    """Whose rights the overlay acts with, as far as it is said; IDs where it is known whose numbers they are."""
    told, subject = overlay.get("mounter", {}), f"{prefix}mounter"
    namespace, outside = told.get("userNamespace", {}), seen.vantage is Vantage.OUTSIDE
    want: Json = {"initial": true.initial, "inode": str(true.namespace)}
    if outside or namespace.get("relativeTo") == "parent":
        words = ("inside", "outside", "count")
        want |= {name: [dict(zip(words, each, strict=True)) for each in map_] for name, map_ in true.maps.items()}
    for name, value in want.items():
        if namespace.get(name, value) != value:
            yield Finding("OVSI-DUMP-030", f"{subject}: userNamespace: {name}", str(value), str(namespace[name]))
    for name, ids in true.credentials.items() if outside else ():
        got = told.get("credentials", {}).get(name, ids)
        if (sorted(got) != sorted(ids)) if isinstance(ids, list) else got != ids:
            yield Finding("OVSI-DUMP-030", f"{subject}: credentials: {name}", str(ids), str(got))


def _tables(seen: Stated) -> Iterator[Finding]:
    devices = [filesystem["device"] for filesystem in seen.image["filesystems"]]
    for device in sorted({device for device in devices if devices.count(device) > 1}):
        yield Finding("OVSI-DUMP-023", "filesystems", "each superblock once", f"{device} {devices.count(device)} times")
    shown = {mount.device for mount in seen.truth.mounts} | {source.device for source in seen.truth.everything}
    shown |= {inner.device for inner in seen.truth.inner}
    for device in devices:
        if device not in shown:
            yield Finding("OVSI-ID-005", "filesystems: device", "one that mountinfo shows", device)
    own = entry(seen.image["filesystems"], seen.overlay["filesystem"])
    if own and own["device"] != seen.truth.target.device:
        yield Finding("OVSI-ID-005", "the overlay's device", seen.truth.target.device, own["device"])
