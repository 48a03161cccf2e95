"""The ladder as a whole: for each overlay, every rung that is needed, and the judge's word on every source."""

from __future__ import annotations

import os

from ..record import Record
from . import judge
from .evidence import FILE_IDENTIFIER, INTROSPECTION, OPTION_STRING, WITNESS, Findings, Slot, unchecked
from .hints import Hints
from .identifiers import Identifiers
from .introspection import Kernel, device_name, directory_of, held_options, sources_of
from .merged import open_root
from .options import ShownOptions, parse_shown
from .pins import Pins
from .witness import Witness, nothing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..introspect.facts import DirectoryFacts, OverlayFacts
    from ..linux.mountinfo import Mount
    from .evidence import Verdict
    from .hints import Candidate
    from .location import Locator
    from .vantage import Vantage
    from .witness import Evidence


class Account(Record):
    """All that is known of one overlay. `mounts` are of the dumped namespace; `facts` None without introspection."""

    device: str
    mounts: tuple[Mount, ...]
    super_options: bytes
    shown: ShownOptions
    facts: OverlayFacts | None
    held: dict[bytes, bytes | None] | None
    verdicts: tuple[Verdict, ...]
    findings: Findings


class Ladder:
    """Gives accounts of overlays. One for a whole dump."""

    def __init__(
        self, vantage: Vantage, locator: Locator, without: frozenset[str], defaults: dict[bytes, bytes]
    ) -> None:
        self.vantage = vantage
        self.locator = locator
        self.without = without
        self.kernel = Kernel(vantage, wanted=INTROSPECTION not in without)
        self.hints = Hints(vantage)
        self.defaults = defaults
        pins = Pins(vantage)
        self.identifiers = Identifiers(vantage, pins, locator)
        self.witness = Witness(vantage, pins)

    def abilities(self) -> tuple[tuple[str, str], ...]:
        """Each rung and whether it serves."""
        said = [(INTROSPECTION, self.kernel.unavailable or "used")]
        said += [
            (rung, "switched off" if rung in self.without else "used where introspection does not serve")
            for rung in (FILE_IDENTIFIER, WITNESS, OPTION_STRING)
        ]
        return tuple(said)

    def accounts(self, overlays: dict[str, list[Mount]]) -> list[Account]:
        """The overlays asked for (device to mounts) in their order, then those that bear layers of theirs."""
        self.kernel.load(overlays)
        found = [self._account(device, tuple(mounts)) for device, mounts in overlays.items()]
        known = set(overlays)
        waiting = list(found)
        while waiting:
            inner = self._inner(waiting, known)
            self.kernel.load_inner([directory for directory in inner.values() if directory is not None])
            known |= inner.keys()
            waiting = [self._account(device, self._mounts_of(device)) for device in inner]
            found += waiting
        return found

    def _mounts_of(self, device: str) -> tuple[Mount, ...]:
        mounts = self.vantage.here.table.by_device(device)
        return tuple(sorted(mounts, key=lambda mount: mount.mount_id))

    def _inner(self, accounts: list[Account], known: set[str]) -> dict[str, DirectoryFacts | None]:
        """Overlays that bear a layer of these and were not seen yet."""
        inner: dict[str, DirectoryFacts | None] = {}
        for account in accounts:
            if account.facts is not None:
                for layer in account.facts.layers:
                    if layer.directory.filesystem == b"overlay":
                        device = device_name(layer.directory.device)
                        if device not in known:
                            inner[device] = layer.directory
                continue
            for verdict in account.verdicts:
                one = verdict.directory
                if one is not None and one.fs_type == "overlay" and one.device not in known:
                    inner.setdefault(one.device, None)
        return inner

    def _account(self, device: str, mounts: tuple[Mount, ...]) -> Account:
        super_options = mounts[0].super_options if mounts else self._shown_elsewhere(device)
        shown = parse_shown(super_options)
        findings = Findings()
        facts = self.kernel.facts(device)
        if facts is not None:
            verdicts = self._held(facts, shown)
            held = held_options(facts)
        else:
            why = self.kernel.unavailable or self.kernel.failures.get(device, "not read")
            verdicts = self._climb(device, mounts, shown, findings, why)
            held = None
        return Account(device, mounts, super_options, shown, facts, held, tuple(verdicts), findings)

    def _shown_elsewhere(self, device: str) -> bytes:
        """What another namespace shows of an overlay that is not mounted here; empty where none does."""
        for space in self.vantage.others():
            for mount in space.table.by_device(device):
                return mount.super_options
        return b""

    def _held(self, facts: OverlayFacts, shown: ShownOptions) -> list[Verdict]:
        sources = sources_of(facts)
        counts = {"lower": 0, "data": 0, "upper": 0, "work": 0}
        for slot, _directory, _maps in sources:
            counts[slot.role] += 1
        named = {"lower": shown.lowers, "data": shown.data, "upper": (shown.upper,), "work": (shown.work,)}
        fit = counts["lower"] == len(shown.lowers) and counts["data"] == len(shown.data)
        verdicts = []
        for slot, directory, idmap in sources:
            if fit and (name := named[slot.role][slot.index]) is not None:
                slot = unchecked(Slot, {"role": slot.role, "index": slot.index, "declared": name})
            verdicts.append(judge.held(slot, directory_of(directory), idmap))
        return verdicts

    def _climb(
        self, device: str, mounts: tuple[Mount, ...], shown: ShownOptions, findings: Findings, why: str
    ) -> list[Verdict]:
        """The rungs below introspection, all of them: what one can't tell another may."""
        slots = slots_of(shown)
        readings = self.hints.assignments(slots, [mount.mount_point for mount in mounts])
        exact: dict[str, judge.Shown] = {}
        placed: dict[int, judge.Shown] = {}
        for slot in slots:
            findings.add(slot.name, INTROSPECTION, why)
        for rung, evidence in self._see(mounts, shown, slots, readings):
            for slot in slots:
                findings.add(slot.name, rung, evidence.said.get(slot.name, evidence.said.get("", "nothing")))
            exact = evidence.exact | exact
            placed = evidence.placed | placed
        if OPTION_STRING in self.without:
            readings = []
        for slot in slots:
            findings.add(slot.name, OPTION_STRING, self._read_as(slot, readings))
        return judge.weigh(slots, exact, placed, readings)

    def _see(
        self, mounts: tuple[Mount, ...], shown: ShownOptions, slots: list[Slot], readings: list[dict[str, Candidate]]
    ) -> Iterator[tuple[str, Evidence]]:
        """What the rungs that look through the overlay show, the stronger first."""
        merged = open_root(self.vantage, mounts, with_upper=shown.upper is not None)
        if merged is None:
            for rung in (FILE_IDENTIFIER, WITNESS):
                yield rung, nothing("no mount of the overlay's root can be looked at")
            return
        try:
            if FILE_IDENTIFIER in self.without:
                yield FILE_IDENTIFIER, nothing("switched off")
            else:
                exports = (shown.value(b"nfs_export") or self.defaults.get(b"nfs_export")) != b"off"
                yield FILE_IDENTIFIER, self.identifiers.see(merged, slots, readings, exports=exports)
            if WITNESS in self.without:
                yield WITNESS, nothing("switched off")
            else:
                yield WITNESS, self.witness.see(merged, slots, readings)
        finally:
            os.close(merged.fd)

    def _read_as(self, slot: Slot, readings: list[dict[str, Candidate]]) -> str:
        if OPTION_STRING in self.without:
            return "switched off"
        found = {judge.key(one.directory) for reading in readings if (one := reading.get(slot.name))}
        return f"its name leads to {len(found) or 'no'} director{'y' if len(found) == 1 else 'ies'}"


def slots_of(shown: ShownOptions) -> list[Slot]:
    """The sources that an option string names, layers top to bottom, the work directory last."""
    slots = [Slot("upper", 0, shown.upper)] if shown.upper is not None else []
    slots += [Slot("lower", index, name) for index, name in enumerate(shown.lowers)]
    slots += [Slot("data", index, name) for index, name in enumerate(shown.data)]
    if shown.upper is not None:
        slots.append(Slot("work", 0, shown.work))
    return slots
