"""What was restored is what the image says: the same directories in the same order, the same options, nothing else."""

from collections.abc import Iterator

from .. import options, shows
from ..content import text
from ..imagecheck import Json, raw
from ..implementation import Outcome
from ..mount_reader import Shown
from ..mounts import Mount
from ..restoration import Restoration
from ..scene import RESTORED
from ..schemas import errors_by, parsed
from ..snapshot import Entry, Listing, differences
from ..stack import Stack
from ..steps import DECOY
from ..truth import Truth
from ..verdict import Finding
from .refused import beside

IDS = (
    *(f"OVSI-REST-{n:03}" for n in (1, 6, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 23, 27, 28, 36)),
    *("OVSI-CLI-004", "OVSI-CLI-015", "OVSI-CLI-016", "OVSI-CLI-020"),
)
RESIDUE = frozenset(f"{kind}.overlay.{name}" for kind in ("trusted", "user") for name in ("uuid", "origin"))


def judge(seen: Restoration) -> Iterator[Finding]:
    if seen.answer.ran.lingering:
        yield Finding("OVSI-CLI-016", "processes", "none left", "a process is still running")
    if seen.answer.outcome is not Outcome.DONE:
        deep = len(seen.truth.sources) > 100
        requirement = (
            "OVSI-CLI-004" if seen.answer.outcome is Outcome.CRASHED else "OVSI-REST-013" if deep else "OVSI-REST-012"
        )
        if seen.answer.outcome is Outcome.USAGE and len(seen.image["overlays"]) == 1:
            requirement = "OVSI-CLI-020"
        yield Finding(requirement, "restore", "done (exit 0)", str(seen.answer))
    elif seen.mount is None:
        requirement = "OVSI-REST-030" if b"--pid" in seen.answer.ran.argv else "OVSI-REST-012"
        expected = f"an overlay at {RESTORED.decode()}"
        yield Finding(requirement, "restore", expected, "exit 0, and nothing is mounted there")
    if seen.mount is None:
        return
    yield from served(seen)
    yield from _landed(seen)
    yield from _mounted(seen, seen.mount)
    yield from nothing_else(seen)
    yield from residue(seen)
    yield from _result(seen)
    yield from beside(seen)


def served(seen: Restoration) -> Iterator[Finding]:
    return contents(seen.stack, seen.truth, seen.shown)


def contents(stack: Stack, truth: Truth, shown: Shown) -> Iterator[Finding]:
    """Which directory serves what: by contents that no decoy shares."""
    served_by = shows.expected(stack)
    expected = {path: None if served is None else text(*served, truth.nonce) for path, served in served_by.items()}
    for path in sorted(expected.keys() | shown.keys()):
        want, got = expected.get(path, b"nothing"), shown.get(path, b"nothing")
        if want != got:
            decoy = got is not None and DECOY.encode() in got
            yield Finding(
                "OVSI-REST-001" if decoy else "OVSI-REST-012", f"read {path!r} in the mount", repr(want), repr(got)
            )


def _landed(seen: Restoration) -> Iterator[Finding]:
    has_upper = any(source.role == "upper" for source in seen.truth.sources)
    writable = has_upper and "ro" not in {*seen.truth.target.attributes, *seen.truth.target.flags}
    want = ("upper",) if writable else ()
    if seen.landing and seen.landing.labels != want:
        got = seen.landing.refused or f"in {seen.landing.labels or 'no source'}"
        yield Finding("OVSI-REST-016", "a write to the mount", f"lands in {want or 'nothing'}", got)
    if seen.work_used and b"work" not in {path.split(b"/")[0] for path in seen.after.sources["work"]}:
        yield Finding("OVSI-REST-017", "the work directory", "is used: overlayfs makes `work` in it", "it is not there")


def _mounted(seen: Restoration, mount: Mount) -> Iterator[Finding]:
    true = seen.truth.target
    want, got = options.effective(true), options.effective(mount)
    for name in sorted(want.keys() | got.keys()):
        given, found = want.get(name, options.NOT_IN_EFFECT), got.get(name, options.NOT_IN_EFFECT)
        if given != found and (name in want or (name != "uuid" and (name, found) not in options.AS_IF_LEFT_OUT)):
            yield Finding("OVSI-REST-014", f"option {name}", repr(given), repr(found))
    for name, old, new in (
        ("attributes", true.attributes, mount.attributes),
        ("superblock flags", true.flags, mount.flags),
    ):
        if sorted(old) != sorted(new):
            yield Finding("OVSI-REST-018", name, str(old), str(new))
    kinds = [sorted(name for name, _ in each.propagation) for each in (true, mount)]
    if kinds[0] != kinds[1]:
        yield Finding("OVSI-REST-019", "propagation", str(kinds[0] or "private"), str(kinds[1] or "private"))
    if mount.root != true.root:
        yield Finding("OVSI-REST-020", "root of the mount", repr(true.root), repr(mount.root))


def nothing_else(seen: Restoration) -> Iterator[Finding]:
    """No mount but the one asked for, in the sandbox and in the caller's namespace."""
    old, new = set(seen.before.mounts.split(b"\n")), set(seen.after.mounts.split(b"\n"))
    asked = b"%d" % seen.mount.id if seen.mount else b""
    for line in [*(old - new), *(line for line in new - old if line.partition(b" ")[0] != asked)]:
        yield Finding(
            "OVSI-REST-021", "mount table", "no change but the mount asked for", line.decode(errors="replace")
        )
    devices = {source.device for source in seen.truth.sources} | ({seen.mount.device} if seen.mount else set())
    for mount in seen.own_after:
        if mount.device in devices and mount not in seen.own_before:
            yield Finding("OVSI-REST-021", "the caller's mount table", "no new mount", str(mount))


def residue(seen: Restoration) -> Iterator[Finding]:
    """Only what the kernel itself writes when it creates a superblock."""
    for label, before in seen.before.sources.items():
        kept_before, kept_after = (_without_residue(label, listing) for listing in (before, seen.after.sources[label]))
        for line in differences(kept_before, kept_after):
            yield Finding("OVSI-REST-023", label, "unchanged, but for the residue that the specification lists", line)


def _without_residue(label: str, listing: Listing) -> Listing:
    role = label.rpartition(":")[2]
    if role == "work":
        kept = {path: entry for path, entry in listing.items() if path.split(b"/")[0] not in (b"work", b"index")}
        return {path: _timeless(entry) if path == b"." else entry for path, entry in kept.items()}
    if role == "upper":
        return {path: _timeless(entry) if path == b"." else entry for path, entry in listing.items()}
    return listing


def _timeless(entry: Entry) -> Entry:
    xattrs = tuple(pair for pair in entry.xattrs if pair[0] not in RESIDUE)
    return entry._replace(modified=0, changed=0, links=0, size=0, xattrs=xattrs)


def _result(seen: Restoration) -> Iterator[Finding]:
    faults = _faults(seen)
    if not faults and seen.mount:
        yield from named(parsed(seen.result or b""), [seen.mount])
    for fault in faults:
        yield Finding("OVSI-REST-028", "the result", "a document that satisfies the result schema", fault)
    if not faults and b"--accept" not in seen.answer.ran.argv and (told := _told(seen)):
        yield Finding("OVSI-REST-028", "accepted", "nothing: no --accept was given", str(told))


def named(document: Json, made: list[Mount]) -> Iterator[Finding]:
    """The mounts that were made are those that the result names."""
    told = {raw(each["mountPoint"]): each.get("mountId") for each in document["overlays"]}
    true = {mount.point: mount.id for mount in made}
    if told.keys() != true.keys():
        yield Finding("OVSI-REST-036", "the result: mountPoint", str(sorted(true)), str(sorted(told)))
    for point in told.keys() & true.keys():
        if told[point] not in (None, true[point]):
            yield Finding("OVSI-REST-036", f"the result: mountId at {point!r}", str(true[point]), str(told[point]))


def _told(seen: Restoration) -> list[tuple[str, str]]:
    """What was accepted of what, as the result has it; nothing where it is no result."""
    document = {"accepted": []} if _faults(seen) else parsed(seen.result or b"")
    return sorted((each["what"], each["subject"]) for each in document["accepted"])


def _faults(seen: Restoration) -> list[str]:
    try:
        return errors_by("result", parsed(seen.result or b""))
    except ValueError:
        return ["no JSON document"]


def accepted(seen: Restoration, word: str, *labels: str) -> Iterator[Finding]:
    """The deviations that were met are in the result, an entry a source, no others; no label: of the overlay itself."""
    overlay = seen.image["overlays"][0]["id"]
    want = sorted((word, f"{overlay}/{label}") for label in labels) or [(word, overlay)]
    got = _told(seen)
    if got != want:
        yield Finding("OVSI-REST-028", "accepted", str(want), str(got))
