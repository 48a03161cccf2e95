"""The rungs below introspection, as root and as an ordinary user of the host: what they prove, and what they don't."""

from __future__ import annotations

import ctypes
import os

import pytest
from ovsi.dump import RUNGS

from .conftest import ORDINARY, PR_SET_DUMPABLE
from .stacks import (
    LOCATED,
    agreed,
    listing,
    make,
    overlay,
    place_of,
    plain,
    sources,
    states,
    swap_the_lowers,
    taken,
    tmpfs,
    unmount,
)

pytestmark = pytest.mark.as_root


def test_without_introspection_handles_prove_upper_and_lowers() -> None:
    result = taken(plain(), without=["introspection"])
    assert states(result) == LOCATED | {"work": "consistent"}
    assert not result.complete
    assert {one.method for one in sources(result).values() if one.assurance == "proved"} == {"file-identifier"}


@pytest.mark.parametrize("writable", [True, False])
def test_an_ordinary_user_of_the_host_needs_no_rights_at_all(writable: bool) -> None:
    """Handles of what its names lead to are compared with those that the overlay tells; nothing is opened by handle.

    Of a writable one the upper is proved: whether a listing would write shows to root alone.
    """
    where = plain()
    if not writable:
        unmount(where)
        overlay(where, ["/tmp/s/l0", "/tmp/s/l1"])
    os.setgroups([])
    os.setresgid(ORDINARY, ORDINARY, ORDINARY)
    os.setresuid(ORDINARY, ORDINARY, ORDINARY)
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1)  # else /proc/self stays root's
    result = taken(where)
    lowers = dict.fromkeys(("lower/0", "lower/1"), "consistent" if writable else "located")
    assert states(result) == lowers | ({"upper": "located", "work": "consistent"} if writable else {})
    assert {one.method for one in sources(result).values() if one.assurance == "proved"} == {"file-identifier"}
    found = {name: place_of(result, one) for name, one in sources(result).items() if one.state == "located"}
    places = {"upper": b"/tmp/s/u", "lower/0": b"/tmp/s/l0", "lower/1": b"/tmp/s/l1"}
    assert found == {name: places[name] for name in (["upper"] if writable else ["lower/0", "lower/1"])}


def test_names_alone_prove_nothing() -> None:
    result = taken(plain(), without=set(RUNGS) - {"option-string"})
    assert set(states(result).values()) == {"consistent"}
    assert all(one.candidate is not None and one.reason for one in sources(result).values())


def test_no_rung_at_all() -> None:
    result = taken(plain(), without=RUNGS)
    assert set(states(result).values()) == {"none"}
    assert all(one.candidate is None for one in sources(result).values())


def test_swapped_names_do_not_deceive() -> None:
    where = plain()
    swap_the_lowers()
    result = agreed(where)
    assert place_of(result, sources(result)["lower/0"]) == b"/tmp/s/l1"
    assert place_of(result, sources(result)["lower/1"]) == b"/tmp/s/l0"


def test_twins_do_not_deceive() -> None:
    """A tmpfs filled alike lies over the real one: same names, same inode numbers."""
    tmpfs("/tmp/s")
    where = plain()
    tmpfs("/tmp/s")
    for name in ("l0", "l1", "u", "w"):
        make(f"/tmp/s/{name}", {"f": "x", "d": None})
    result = agreed(where)
    assert set(states(result).values()) == {"covered"}


def test_a_listing_that_would_write_is_not_made() -> None:
    """With xino a listing looks at each entry; a directory of the upper that has no origin then gets one."""
    for name in ("one", "two"):
        tmpfs(f"/tmp/{name}")
    make("/tmp/one/u", {"d": None})
    make("/tmp/one/w")
    make("/tmp/two/l0", {"d": None, "a": "0"})
    make("/tmp/two/l1", {"b": "1"})
    where = overlay("/tmp/m", ["/tmp/two/l0", "/tmp/two/l1"], "/tmp/one/u", "/tmp/one/w", ",xino=on")
    before = listing("/tmp/one")
    for without in ((), ("introspection",), ("introspection", "opening"), ("introspection", "file-identifier")):
        taken(where, without=without)
        assert listing("/tmp/one") == before, without
    os.listdir(where)
    assert listing("/tmp/one") != before, "this kernel would have written"
