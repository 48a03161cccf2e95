"""A stack for a report: each source with what is so and what was said of it, as pairs of a name and a text."""

from collections.abc import Collection

from .describe import shown
from .imagecheck import Json, entry, raw
from .observation import Observation
from .stack import Name, Stack
from .truth import SourceTruth, Truth
from .verdict import Finding, Verdict

MOST = 12
"""Layers that are drawn; of a deeper stack the ends and those that something was found about."""


def layers(stack: Stack, truth: Truth | None, seen: Observation | None, told: Collection[str]) -> list[Json]:
    """Every source of the overlay and of those below it. `told`: labels of what findings are about, to choose by."""
    found = []
    stated = _stated(seen)
    for label, owner, source in stack.everything():
        name = shown(source.name) if isinstance(source.name, bytes) else source.name.value
        name = shown(owner.place(source)) if source.name is Name.ABSOLUTE else name
        layer: Json = {"label": label, "role": source.role, "on": source.on, "directory": shown(source.path)}
        known = next((each for each in truth.everything if each.label == label), None) if truth else None
        layer["expected"] = {"given as": name} | (_truth(known) if known else {})
        if seen and stated is not None:
            layer["found"] = _found(seen, stated[label]) if label in stated else {"": "not in the image"}
        found.append(layer)
    return _fewer(found, told)


def _stated(seen: Observation | None) -> dict[str, Json] | None:
    try:
        return seen.stated if seen else None
    except (Verdict, LookupError, TypeError, ValueError, AttributeError):
        return None  # no image, or one that is broken so that nothing can be read in it: the findings say so


def _truth(truth: SourceTruth) -> dict[str, str]:
    found = {"declared": shown(truth.declared), "directory": f"{truth.device} inode {truth.inode}"}
    if truth.generation is not None:
        found["generation"] = str(truth.generation)
    if truth.subvolume is not None:
        found["subvolume"] = str(truth.subvolume)
    return found | {"path": "none: removed" if truth.path is None else shown(truth.path), "state": truth.state}


def _found(seen: Observation, stated: Json) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        if stated.get("declared") is not None:
            found["declared"] = shown(raw(stated["declared"]))
        if identity := stated.get("identity"):
            device = (entry(seen.image["filesystems"], identity["filesystem"]) or {}).get("device", "?")
            found["directory"] = f"{device} inode {identity['inode']}"
            found |= {name: str(identity[name]) for name in ("generation", "subvolume") if identity.get(name)}
        if "path" in stated:
            found["path"] = shown(raw(stated["path"]))
        found["state"] = str(stated["state"])
        found["assurance"] = " by ".join(str(stated[name]) for name in ("assurance", "method") if name in stated)
        found |= {"reason": str(stated["reason"])} if "reason" in stated else {}
    except (LookupError, TypeError, ValueError, AttributeError):
        found["image"] = "can't be read here"
    return found


def _fewer(found: list[Json], told: Collection[str]) -> list[Json]:
    if len(found) <= MOST:
        return found
    ends = {each["label"] for each in (*found[:4], *found[-4:])}
    named = [each["label"] for each in found if each["label"] in told][:MOST]
    kept = [each for each in found if each["label"] in ends or each["label"] in named]
    first = next(place for place, each in enumerate(found) if each not in kept)
    left_out: Json = {"label": "…", "role": "more", "count": len(found) - len(kept), "expected": {}}
    return [*kept[:first], left_out, *kept[first:]]


def about(finding: Finding, stack: Stack) -> str | None:
    """The label of the source that a finding is about: it is the subject, or its contents were to be read."""
    for label, _, _ in stack.everything():
        if finding.subject == label or finding.subject.startswith(f"{label}:"):
            return label
        if finding.subject.startswith("read ") and finding.expected.startswith((f"b'{label} ", f'b"{label} ')):
            return label
    return None
