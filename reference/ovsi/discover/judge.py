"""The judge: all evidence over one complete assignment of sources, and why it decides as it does.

What is not proved is not stated. Introspection names every source at once (`held`). Without it, evidence about
lower layers tells which directories are layers and which lie above which; a slot is filled only where every order that
fits the evidence fills it alike. Names never prove anything: they may make a candidate where all readings agree.
"""

from __future__ import annotations

from ..record import Record
from .evidence import Directory, Verdict
from .filesystems import shortcoming

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .evidence import Slot
    from .hints import Candidate

NO_RUNG = "no rung of the ladder names it"


class Shown(Record):
    """A directory that a rung showed to be a source: of which slot, or of which lower layer it is not known (None).

    `method` is the rung, `how` what it rests on.
    """

    directory: Directory
    method: str
    how: str


class Evidence(Record):
    """What a rung showed: sources by slot name, lowers by index; and a sentence for each slot, "" for all.

    refutes: whether it showed of a directory that it is neither the upper nor a lower layer; None where of none.
    """

    exact: dict[str, Shown]
    placed: dict[int, Shown]
    said: dict[str, str]
    refutes: Callable[[Directory], bool] | None = None


def nothing(why: str) -> Evidence:
    """A rung that has nothing to say, and why."""
    return Evidence({}, {}, {"": why})


def refuted(evidence: Sequence[Evidence], directory: Directory) -> bool:
    """Whether one of several rungs showed that a directory is neither the upper nor a lower layer."""
    return any(one.refutes is not None and one.refutes(directory) for one in evidence)


def combined(evidence: Iterable[Evidence]) -> dict[str, Shown]:
    """What several rungs show, by slot name; where two show different directories for one slot, neither.

    Nor what one of them refutes: an overlay shows entries from where they were when it first looked them up.
    """
    shown: dict[str, Shown] = {}
    disputed: set[str] = set()
    evidence = list(evidence)
    for one in evidence:
        for name, found in (one.exact | {f"lower/{index}": member for index, member in one.placed.items()}).items():
            if refuted(evidence, found.directory):
                continue
            if name in shown and key(shown[name].directory) != key(found.directory):
                disputed.add(name)
            shown.setdefault(name, found)
    return {name: found for name, found in shown.items() if name not in disputed}


def weigh(
    slots: Sequence[Slot],
    shown: dict[str, Shown],
    readings: list[dict[str, Candidate]],
    evidence: Sequence[Evidence] = (),
) -> list[Verdict]:
    """A verdict a slot: `shown` by slot name, `readings` are what the names may mean, `evidence` may refute them."""
    taken = {key(found.directory) for found in shown.values()}
    fitting = [possible(reading) for reading in readings if _fits(reading, shown)]
    return [_weigh_one(slot, shown, fitting, taken, evidence) for slot in slots]


def _weigh_one(
    slot: Slot,
    shown: dict[str, Shown],
    readings: list[dict[str, Candidate]],
    taken: set[tuple[object, ...]],
    evidence: Sequence[Evidence],
) -> Verdict:
    found = shown.get(slot.name)
    if found is not None:
        lacking = shortcoming(found.directory)
        if lacking is None:
            return Verdict(slot, "proved", found.how, found.method, found.directory)
        return Verdict(slot, "consistent", lacking, found.method, found.directory)
    options = {key(one.directory): one for reading in readings if (one := reading.get(slot.name))}
    named = len(options)
    if slot.role in ("upper", "lower"):
        options = {name: one for name, one in options.items() if not refuted(evidence, one.directory)}
    free = {name: one for name, one in options.items() if name not in taken}
    if len(options) > 1:
        why = f"{NO_RUNG}, and its name fits {len(options)} directories"
        return Verdict(slot, "none", why)
    if not free:
        why = "its name leads to another source" if options else f"{NO_RUNG}, and its name leads to no directory"
        if named and not options:
            why = f"{NO_RUNG}, and what its name leads to is no layer: the kernel does not open it as one"
        return Verdict(slot, "none", why)
    one = next(iter(free.values()))
    why = f"nothing proves it; {one.how} leads to a directory that nothing contradicts"
    return Verdict(slot, "consistent", why, None, None, one.spot)


def _fits(reading: dict[str, Candidate], shown: dict[str, Shown]) -> bool:
    """Whether names, read so, agree with what was shown: where they don't, they were read below the wrong directory."""
    return all(
        name not in reading or key(reading[name].directory) == key(found.directory) for name, found in shown.items()
    )


def possible(reading: dict[str, Candidate]) -> dict[str, Candidate]:
    """A reading without those that can't be: no directory serves twice, upper and work share a file system."""
    counts: dict[tuple[object, ...], int] = {}
    for one in reading.values():
        counts[key(one.directory)] = counts.get(key(one.directory), 0) + 1
    kept = {name: one for name, one in reading.items() if counts[key(one.directory)] == 1}
    upper, work = kept.get("upper"), kept.get("work")
    if upper is not None and work is not None and upper.directory.device != work.directory.device:
        del kept["upper"], kept["work"]
    return kept


def key(directory: Directory) -> tuple[object, ...]:
    """What two accounts of one directory share."""
    return directory.device, directory.inode, directory.subvolume


def places(count: int, members: Sequence[int], above: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Which lower layer each member is, where every order that fits says the same: member to index.

    `count` is the number of lower layers, `members` are directories shown to be among them, `above` pairs of
    members of which the first was seen to lie above the second. A circle means that the evidence is wrong: then none.
    """
    bits = {member: 1 << position for position, member in enumerate(members)}
    below = dict.fromkeys(members, 0)
    for upper, lower in above:
        below[upper] |= bits[lower]
    for middle in members:  # transitive closure
        for upper in members:
            if below[upper] & bits[middle]:
                below[upper] |= below[middle]
    if any(below[member] & bits[member] for member in members):
        return {}
    found = {}
    for member in members:
        over = sum(1 for other in members if below[other] & bits[member])
        if over + below[member].bit_count() == count - 1:
            found[member] = over
    return found
