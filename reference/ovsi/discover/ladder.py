"""The ladder as a whole: for each overlay, every rung that is needed, and the judge's word on every source."""

from __future__ import annotations

from ..record import Record, unchecked
from .evidence import INTROSPECTION, RUNGS, Findings, Slot
from .held import HeldSources, all_named
from .introspection import Kernel
from .options import ShownOptions, parse_shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..introspect.facts import DirectoryFacts, OverlayFacts
    from ..linux.mountinfo import Mount
    from .climb import LowerRungs
    from .evidence import Verdict
    from .location import Locator
    from .vantage import Vantage


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
        self,
        vantage: Vantage,
        locator: Locator,
        without: frozenset[str],
        read_defaults: Callable[[], dict[bytes, bytes]],
        kernel: Kernel | None = None,
    ) -> None:
        self.vantage = vantage
        self.locator = locator
        self.without = without
        self.kernel = locator.kernel = kernel or Kernel(vantage, wanted=INTROSPECTION not in without)
        self.held_sources = HeldSources()
        self._read_defaults = read_defaults
        self._defaults: dict[bytes, bytes] | None = None
        self._lower_rungs: LowerRungs | None = None

    def defaults(self) -> dict[bytes, bytes]:
        """What options are that overlayfs does not show; read when it is first asked for, as most dumps need none."""
        if self._defaults is None:
            self._defaults = self._read_defaults()
        return self._defaults

    def abilities(self) -> tuple[tuple[str, str], ...]:
        """Each rung and whether it serves."""
        said = [(INTROSPECTION, self.kernel.unavailable or "used")]
        said += [
            (rung, "switched off" if rung in self.without else "used where introspection does not serve")
            for rung in RUNGS[1:]
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
        self.locator.load(self.held_sources.directories())
        return found

    def _mounts_of(self, device: str) -> tuple[Mount, ...]:
        mounts = self.vantage.here.table.by_device(device)
        return tuple(sorted(mounts, key=lambda mount: mount.mount_id))

    def _inner(self, accounts: list[Account], known: set[str]) -> dict[str, DirectoryFacts | None]:
        """Overlays that bear a layer of these and were not seen yet."""
        inner: dict[str, DirectoryFacts | None] = {}
        inner.update({device: one for device, one in self.held_sources.on_overlays.items() if device not in known})
        for account in accounts:
            for verdict in account.verdicts if account.facts is None else ():
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
            if not all_named(facts, shown):
                facts = self.kernel.with_names(facts)
            verdicts = self.held_sources.verdicts(facts, shown)
            held = self.kernel.held_options(facts)
        else:
            why = self.kernel.unavailable or self.kernel.failures.get(device, "not read")
            verdicts = self._climb(device, mounts, shown, findings, why)
            held = None
        return unchecked(Account, (device, mounts, super_options, shown, facts, held, tuple(verdicts), findings))

    def _shown_elsewhere(self, device: str) -> bytes:
        """What another namespace shows of an overlay that is not mounted here; empty where none does."""
        for space in self.vantage.others():
            for mount in space.table.by_device(device):
                return mount.super_options
        return b""

    def _climb(
        self, device: str, mounts: tuple[Mount, ...], shown: ShownOptions, findings: Findings, why: str
    ) -> list[Verdict]:
        if self._lower_rungs is None:
            from .climb import LowerRungs  # most dumps need none of them

            self._lower_rungs = LowerRungs(self.vantage, self.locator, self.without, self.defaults())
        slots = slots_of(shown)
        for slot in slots:
            findings.add(slot.name, INTROSPECTION, why)
        return self._lower_rungs.verdicts(device, mounts, shown, slots, findings)


def slots_of(shown: ShownOptions) -> list[Slot]:
    """The sources that an option string names, layers top to bottom, the work directory last."""
    slots = [Slot("upper", 0, shown.upper)] if shown.upper is not None else []
    slots += [Slot("lower", index, name) for index, name in enumerate(shown.lowers)]
    slots += [Slot("data", index, name) for index, name in enumerate(shown.data)]
    if shown.upper is not None:
        slots.append(Slot("work", 0, shown.work))
    return slots
