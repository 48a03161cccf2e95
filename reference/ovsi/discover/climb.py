"""The rungs below introspection, for an overlay that it does not serve: what one can't tell another may."""

from __future__ import annotations

import os

from . import judge
from .evidence import FILE_IDENTIFIER, OPENING, OPTION_STRING, WITNESS
from .hints import Hints, base_of, relative
from .identifiers import Identifiers
from .judge import Evidence, nothing
from .merged import open_root
from .opened import Openings
from .pins import Pins
from .witness import Witness

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..linux.mountinfo import Mount
    from .evidence import Findings, Slot, Verdict
    from .hints import Candidate
    from .judge import Shown
    from .location import Locator
    from .options import ShownOptions
    from .vantage import Vantage


class LowerRungs:
    """File identifiers, witnesses and names. One for a whole dump."""

    def __init__(
        self, vantage: Vantage, locator: Locator, without: frozenset[str], defaults: dict[bytes, bytes]
    ) -> None:
        self.vantage = vantage
        self.locator = locator
        self.without = without
        self.defaults = defaults
        self.hints = Hints(vantage)
        pins = Pins(vantage)
        self.identifiers = Identifiers(vantage, pins, locator)
        self.openings = Openings(vantage, self.hints, pins)
        self.witness = Witness(vantage, pins)

    def verdicts(
        self, device: str, mounts: tuple[Mount, ...], shown: ShownOptions, slots: list[Slot], findings: Findings
    ) -> list[Verdict]:
        """A verdict a slot; what each rung said goes into `findings`."""
        readings = self.readings(device, mounts, shown, slots)
        evidence = []
        for rung, seen in self.evidence(mounts, shown, slots, readings):
            evidence.append(seen)
            for slot in slots:
                findings.add(slot.name, rung, seen.said.get(slot.name, seen.said.get("", "nothing")))
        shown_to_be = judge.combined(evidence)
        readings = [] if OPTION_STRING in self.without else readings + self._beside(slots, shown_to_be)
        for slot in slots:
            findings.add(slot.name, OPTION_STRING, self._read_as(slot, readings))
        return judge.weigh(slots, shown_to_be, readings, evidence)

    def readings(
        self, device: str, mounts: tuple[Mount, ...], shown: ShownOptions, slots: list[Slot]
    ) -> list[dict[str, Candidate]]:
        """Every way to read the names, as of `Hints.assignments`."""
        return [
            {name: one for name, one in reading.items() if one.directory.device != device}  # not the overlay itself
            for named in _namings(slots, shown)
            for reading in self.hints.assignments(named, [mount.mount_point for mount in mounts])
        ]

    def evidence(
        self, mounts: tuple[Mount, ...], shown: ShownOptions, slots: list[Slot], readings: list[dict[str, Candidate]]
    ) -> Iterator[tuple[str, Evidence]]:
        """What the rungs that look through the overlay show, the stronger first."""
        xino = shown.value(b"xino") or self.defaults.get(b"xino")
        merged = open_root(
            self.vantage,
            mounts,
            with_upper=shown.upper is not None,
            renumbers=xino != b"off",
            userxattr=shown.has(b"userxattr"),
        )
        if merged is None:
            for rung in (FILE_IDENTIFIER, OPENING, WITNESS):
                yield rung, nothing("no mount of the overlay's root can be looked at")
            return
        try:
            if FILE_IDENTIFIER in self.without:
                yield FILE_IDENTIFIER, nothing("switched off")
            else:
                exports = (shown.value(b"nfs_export") or self.defaults.get(b"nfs_export")) != b"off"
                yield FILE_IDENTIFIER, self.identifiers.see(merged, slots, readings, exports=exports)
            if OPENING in self.without:
                yield OPENING, nothing("switched off")
            else:
                yield OPENING, self.openings.see(merged, slots, readings)
            if WITNESS in self.without:
                yield WITNESS, nothing("switched off")
            else:
                yield WITNESS, self.witness.see(merged, slots, readings, shown.value(b"uuid"))
        finally:
            os.close(merged.fd)

    def _beside(self, slots: list[Slot], shown_to_be: dict[str, Shown]) -> list[dict[str, Candidate]]:
        """The names left, read below the directory below which the name of a source that is known was read."""
        left = [slot for slot in slots if slot.name not in shown_to_be and relative(slot.declared)]
        if not left:
            return []
        for slot in slots:
            found = shown_to_be.get(slot.name)
            if found is None or not relative(slot.declared):
                continue
            spot = self.locator.locate(found.directory).spot
            if spot is None or spot.mount is None or spot.namespace is not None:
                continue
            base = base_of(slot.declared, spot.mount.mount_point.rstrip(b"/") + spot.path)
            reading = base and self.hints.below(base, left, "its name, read where that of a known source was read,")
            return [reading] if reading else []
        return []

    def _read_as(self, slot: Slot, readings: list[dict[str, Candidate]]) -> str:
        if OPTION_STRING in self.without:
            return "switched off"
        found = {judge.key(one.directory) for reading in readings if (one := reading.get(slot.name))}
        return f"its name leads to {len(found) or 'no'} director{'y' if len(found) == 1 else 'ies'}"


def _namings(slots: list[Slot], shown: ShownOptions) -> list[list[Slot]]:
    """The slots with their names as they may be meant: a name that was given by descriptor shows without escapes."""
    namings = [slots]
    for role, name in (("upper", shown.upper_as_shown), ("work", shown.work_as_shown)):
        if any(slot.role == role and slot.declared != name for slot in slots):
            namings += [[one.replace(declared=name) if one.role == role else one for one in some] for some in namings]
    return namings
