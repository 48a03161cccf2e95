"""What an image must hold to beyond the values of single properties (spec 3.4 to 3.6)."""

from __future__ import annotations

from . import model
from .fault import Fault, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable
    from typing import Any

ASSURANCES = ("proved", "consistent", "none")
REACHABLE = ("located", "covered", "elsewhere", "detached")
UNREACHABLE = ("unmounted", "deleted", "unknown")
STATES = REACHABLE + UNREACHABLE
MOST_LOWERS = 500
SOURCES_BY_OPTION = ("lowerdir", "lowerdir+", "datadir+", "upperdir", "workdir")


# Of single records: each takes the record and gives it back as readers see it.


def _place(place: model.Place) -> model.Place:
    if (place.mount is None) == (place.process is None):
        raise Fault("not-by-schema", "has neither `mount` nor `process`, or both")
    return place


def _source(source: model.Source) -> model.Source:
    if source.assurance == "proved":
        _need(source, "identity", "a proved source")
        _need(source, "method", "a proved source")
        _refuse(source, "candidate", "a proved source")
    elif source.assurance in ASSURANCES:
        if source.state != "unknown":
            raise Fault("not-by-schema", f"is {shown(source.state)}, but the source is not proved", "state")
        _refuse(source, "location", "a source that is not proved")
    if source.state in REACHABLE:
        _need(source, "location", f"a source that is {source.state}")
    elif source.state in UNREACHABLE:
        _refuse(source, "location", f"a source that is {source.state}")
        _need(source, "reason", f"a source that is {source.state}")
    return source


def _need(source: model.Source, name: str, what: str) -> None:
    if getattr(source, name) is None:
        raise Fault("not-by-schema", f"has no `{name}`, which {what} has")


def _refuse(source: model.Source, name: str, what: str) -> None:
    if getattr(source, name) is not None:
        raise Fault("not-by-schema", f"is there, which {what} has not", name)


def _overlay(overlay: model.Overlay) -> model.Overlay:
    order = ("upper", "lower", "data")
    ranks = [order.index(layer.role) for layer in overlay.layers]
    for index in range(1, len(ranks)):
        if ranks[index] < ranks[index - 1]:
            what = f"is {order[ranks[index]]} below {order[ranks[index - 1]]}; the order is upper, lowers, data-only"
            raise Fault("bad-layers", what, "role", index, "layers")
    if ranks.count(0) > 1:
        raise Fault("bad-layers", "is a second upper", "role", 1, "layers")
    if not ranks.count(1):
        raise Fault("bad-layers", "hold no lower", "layers")
    if len(ranks) - ranks.count(0) > MOST_LOWERS:
        raise Fault("bad-layers", f"hold {len(ranks) - ranks.count(0)} lowers; {MOST_LOWERS} at most", "layers")
    for field, name in (("options", "options"), ("security_options", "securityOptions")):
        for index, option in enumerate(getattr(overlay, field)):
            if option.name in SOURCES_BY_OPTION:
                what = f"is `{option.name}`; sources stand in `layers` and `work` only"
                raise Fault("bad-layers", what, "name", index, name)
    _upper_and_work(overlay, overlay.layers[0] if ranks[0] == 0 else None, overlay.work)
    return overlay


def _upper_and_work(overlay: model.Overlay, upper: model.Layer | None, work: model.Source | None) -> None:
    if upper is None and work is None:
        return
    if upper is None:
        raise Fault("bad-layers", "is there, but no upper", "work")
    if work is None:
        raise Fault("bad-layers", "has an upper and no `work`")
    if upper.assurance == work.assurance == "proved" and upper.identity and work.identity:
        beside = (upper.identity.filesystem, work.identity.filesystem)
        if beside[0] != beside[1]:
            raise Fault(
                "bad-layers", f"is on `{beside[1]}`, but the upper on `{beside[0]}`", "filesystem", "identity", "work"
            )


OF_RECORDS: dict[type[model.Entry], Callable[[Any], model.Entry]] = {
    model.Place: _place,
    model.Source: _source,
    model.Layer: _source,
    model.Overlay: _overlay,
}


# Of the document as a whole.


def check(image: model.Image) -> None:
    """Ids, references and nesting. Raises Fault: duplicate-id, bad-reference, bad-nesting."""
    filesystems = _table(image.filesystems, "filesystems")
    mounts = _table(image.mounts, "mounts")
    _table(image.overlays, "overlays")
    _once(image.filesystems, "device", "filesystems")
    _once(image.overlays, "filesystem", "overlays")
    for index, mount in enumerate(image.mounts):
        _refer(mount.filesystem, filesystems, "filesystem", index, "mounts")
    good: set[tuple[object, ...]] = set()  # what layers use of the tables, found right before
    for index, overlay in enumerate(image.overlays):
        _refer(overlay.filesystem, filesystems, "filesystem", index, "overlays")
        if filesystems[overlay.filesystem].type != "overlay":
            what = f"is `{overlay.filesystem}`, whose type is not overlay"
            raise Fault("bad-reference", what, "filesystem", index, "overlays")
        for number, used in enumerate(overlay.mounts):
            _refer(used, mounts, number, "mounts", index, "overlays")
            if mounts[used].filesystem != overlay.filesystem:
                what = f"is `{used}`, a mount of `{mounts[used].filesystem}` and not of this overlay"
                raise Fault("bad-reference", what, number, "mounts", index, "overlays")
        for number, layer in enumerate(overlay.layers):
            if (used_by := _used_by(layer)) not in good:
                _check_source(layer, filesystems, mounts, number, "layers", index, "overlays")
                good.add(used_by)
        if overlay.work is not None:
            _check_source(overlay.work, filesystems, mounts, "work", index, "overlays")
    _check_nesting(image)


def _table(entries: Iterable[Any], name: str) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for index, entry in enumerate(entries):
        if entry.id in table:
            raise Fault("duplicate-id", f"is `{entry.id}` for a second time", "id", index, name)
        table[entry.id] = entry
    return table


def _once(entries: Iterable[Any], field: str, name: str) -> None:
    """A superblock has one entry in `filesystems` and, if it is an overlay, one in `overlays`."""
    seen: dict[str, str] = {}
    for index, entry in enumerate(entries):
        value = getattr(entry, field)
        if other := seen.get(value):
            what = f"is `{value}`, which is the {field} of `{other}` already; a superblock has one entry"
            raise Fault("duplicate-id", what, field, index, name)
        seen[value] = entry.id


def _refer(used: str, table: Container[str], *at: str | int) -> None:
    if used not in table:
        raise Fault("bad-reference", f"is `{used}`, which no entry of the table has", *at)


def _used_by(source: model.Source) -> tuple[object, ...]:
    """All that `_check_source` looks at."""
    identity, location, candidate = source.identity, source.location, source.candidate
    return (
        source.assurance,
        identity and identity.filesystem,
        location and location.mount,
        candidate and candidate.mount,
    )


def _check_source(
    source: model.Source, filesystems: Container[str], mounts: dict[str, model.Mount], *at: str | int
) -> None:
    if source.identity is not None:
        _refer(source.identity.filesystem, filesystems, "filesystem", "identity", *at)
    for place, name in ((source.location, "location"), (source.candidate, "candidate")):
        if place is not None and place.mount is not None:
            _refer(place.mount, mounts, "mount", name, *at)
    if source.assurance == "proved" and source.identity and source.location and source.location.mount:
        borne, found = source.identity.filesystem, mounts[source.location.mount].filesystem
        if borne != found:
            what = f"is `{source.location.mount}`, a mount of `{found}`, but the source lies on `{borne}`"
            raise Fault("bad-reference", what, "mount", "location", *at)


def _check_nesting(image: model.Image) -> None:
    """An overlay may have sources on an overlay that has none on an overlay: the kernel's two levels."""
    own = {overlay.filesystem for overlay in image.overlays}
    inner: dict[str, set[str]] = {}
    for overlay in image.overlays:
        borne = {source.identity.filesystem for source in model.made_of(overlay) if source.identity}
        if used := borne & own:
            inner[overlay.filesystem] = used
    for index, overlay in enumerate(image.overlays):
        for deep in sorted(inner.get(overlay.filesystem, ())):
            if deep in inner:
                what = f"lie on `{deep}`, an overlay that lies on an overlay; two levels at most"
                raise Fault("bad-nesting", what, "layers", index, "overlays")


# What a document that holds to all of this is worth.


def as_known(image: model.Image) -> model.Image:
    """Words that this version does not know as `none` and `unknown` (spec OVSI-IMG-036, OVSI-IMG-037)."""
    if all(
        source.assurance in ASSURANCES and source.state in STATES
        for overlay in image.overlays
        for source in model.made_of(overlay)
    ):
        return image
    return image.replace(
        overlays=tuple(
            overlay.replace(layers=tuple(map(_known, overlay.layers)), work=overlay.work and _known(overlay.work))
            for overlay in image.overlays
        )
    )


def _known(source: Any) -> Any:
    """What such a source calls its location is not used."""
    if source.assurance not in ASSURANCES:
        reason = source.reason or f"its assurance is `{source.assurance}`, which this program does not know"
        return source.replace(assurance="none", state="unknown", location=None, reason=reason)
    if source.state not in STATES:
        reason = source.reason or f"its state is `{source.state}`, which this program does not know"
        return source.replace(state="unknown", location=None, reason=reason)
    return source
