"""The judge: a slot is filled only where every order that fits the evidence fills it alike."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st
from ovsi.discover.evidence import Directory, Slot, Spot
from ovsi.discover.held import held
from ovsi.discover.hints import Candidate
from ovsi.discover.judge import Evidence, Shown, combined, places, possible, weigh


def brute(count: int, members: list[int], above: set[tuple[int, int]]) -> dict[int, int]:
    """By trying every order of the members among `count` layers."""
    seen: dict[int, set[int]] = {member: set() for member in members}
    for slots in permutations(range(count), len(members)):
        place = dict(zip(members, slots, strict=True))
        if all(place[upper] < place[lower] for upper, lower in above):
            for member, slot in place.items():
                seen[member].add(slot)
    return {member: slots.pop() for member, slots in seen.items() if len(slots) == 1}


@given(st.data())
def test_places_are_those_of_every_order_that_fits(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 5))
    members = list(range(data.draw(st.integers(1, count))))
    pair = st.tuples(st.sampled_from(members), st.sampled_from(members)).filter(lambda two: two[0] != two[1])
    above = data.draw(st.sets(pair, max_size=6)) if len(members) > 1 else set()
    assert places(count, members, above) == brute(count, members, above)


def directory(inode: int, fs_type: str = "tmpfs") -> Directory:
    return Directory("0:1", fs_type, inode)


def candidate(inode: int) -> Candidate:
    return Candidate(directory(inode), Spot(b"/%d" % inode), "a name")


LOWER, WORK = Slot("lower", 0, b"l"), Slot("work", 0, b"w")


def test_two_readings_of_a_name_make_no_candidate() -> None:
    verdicts = weigh([LOWER], {}, [{"lower/0": candidate(1)}, {"lower/0": candidate(2)}])
    assert (verdicts[0].assurance, verdicts[0].candidate) == ("none", None)


def test_a_reading_that_contradicts_what_is_shown_is_dropped() -> None:
    shown = Shown(directory(1), "witness", "seen")
    readings = [{"lower/0": candidate(1), "work": candidate(5)}, {"lower/0": candidate(2), "work": candidate(6)}]
    lower, work = weigh([LOWER, WORK], {"lower/0": shown}, readings)
    assert (lower.assurance, lower.directory) == ("proved", directory(1))
    assert work.assurance == "consistent"
    assert work.candidate == Spot(b"/5")


def test_a_name_that_leads_to_another_source_is_no_candidate() -> None:
    shown = Shown(directory(1), "witness", "seen")
    _lower, work = weigh([LOWER, WORK], {"lower/0": shown}, [{"lower/0": candidate(1), "work": candidate(1)}])
    assert (work.assurance, work.candidate) == ("none", None)


def test_what_keeps_no_identity_is_not_proved() -> None:
    assert held(LOWER, directory(1, "fuse.x"), None).assurance == "consistent"
    assert held(LOWER, directory(1, "btrfs"), None).assurance == "consistent"
    assert held(LOWER, directory(1).replace(fs_type="btrfs", subvolume=5), None).assurance == "proved"


def test_rungs_that_contradict_each_other_prove_nothing() -> None:
    one, other = Shown(directory(1), "witness", "seen"), Shown(directory(2), "file-identifier", "seen")
    assert combined([Evidence({"upper": one}, {0: one}, {}), Evidence({"upper": one}, {0: other}, {})]) == {
        "upper": one
    }


def test_what_a_rung_refutes_is_neither_shown_nor_a_candidate() -> None:
    slots = [Slot("upper", 0, b"u"), Slot("lower", 0, b"l"), Slot("work", 0, b"w")]
    against = Evidence({}, {}, {}, lambda seen: seen.inode == 1)
    witness = Evidence(
        {"upper": Shown(directory(2), "witness", "seen")}, {0: Shown(directory(1), "witness", "seen")}, {}
    )
    shown = combined([witness, against])
    assert shown.keys() == {"upper"}
    found = weigh(slots, shown, [{"lower/0": candidate(1), "work": candidate(3)}], [witness, against])
    assert [one.assurance for one in found] == ["proved", "none", "consistent"]
    assert "does not open" in found[1].why


def test_readings_that_cannot_be_are_dropped() -> None:
    other = Candidate(Directory("0:2", "tmpfs", 3), Spot(b"/3"), "a name")
    assert possible({"upper": candidate(1), "work": other, "lower/0": candidate(2)}) == {"lower/0": candidate(2)}
    assert possible({"upper": candidate(1), "work": candidate(1), "lower/0": candidate(2)}) == {"lower/0": candidate(2)}
