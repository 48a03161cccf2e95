"""Without any privilege: what inode numbers prove, and all that they must not be believed to prove."""

from __future__ import annotations

import os

import pytest
from ovsi.discover.evidence import OPENING
from ovsi.linux import mountapi
from ovsi.linux.files import file_system_uuid
from ovsi.linux.syscall import closing

from tests.support.watching import user_may_watch

from .stacks import (
    Tree,
    bind,
    listing,
    make,
    overlay,
    place_of,
    sources,
    states,
    swap_the_lowers,
    taken,
    tmpfs,
    unmount,
)

pytestmark = pytest.mark.in_userns

L0: Tree = {"f": "0", "d": None, "only0": "x"}
L1: Tree = {"f": "1", "d": None, "only1": "x"}


def plain(base: str = "/tmp/s", more: str = "") -> str:
    make(f"{base}/l0", L0)
    make(f"{base}/l1", L1)
    make(f"{base}/u", {"uf": "u"})
    make(f"{base}/w")
    return overlay("/tmp/m", [f"{base}/l0", f"{base}/l1"], f"{base}/u", f"{base}/w", more)


PROVED = {"upper": "located", "lower/0": "located", "lower/1": "located", "work": "consistent"}


def empty_the_lower(where: str) -> None:
    """Move all that the overlay has shown of its last lower into a new directory of that name."""
    for name in L1:
        assert os.path.lexists(f"{where}/{name}")
    os.rename("/tmp/s/l1", "/tmp/s/was")
    make("/tmp/s/l1")
    for name in L1:
        os.rename(f"/tmp/s/was/{name}", f"/tmp/s/l1/{name}")


def test_upper_and_lowers_are_proved_by_witnesses() -> None:
    result = taken(plain(more=",userxattr,uuid=null"), without=[OPENING])
    assert states(result) == PROVED
    assert not result.complete
    assert {one.method for one in sources(result).values() if one.assurance == "proved"} == {"witness"}
    assert sources(result)["upper"].missing
    assert dict(result.abilities)["introspection"] != "used"


def test_what_an_overlay_may_only_remember_proves_no_lower() -> None:
    """Whether a listing would write shows in xattrs that only root sees, and a lookup finds what was moved away too."""
    where = plain()
    empty_the_lower(where)
    result = taken(where, without=[OPENING])
    assert states(result) == {"upper": "located", **dict.fromkeys(("lower/0", "lower/1", "work"), "consistent")}
    assert states(taken(plain("/tmp/t", ",userxattr,uuid=null"), without=[OPENING]))["lower/1"] == "located"


def test_what_is_not_listed_is_only_remembered() -> None:
    where = plain(more=",userxattr,uuid=null")
    empty_the_lower(where)
    result = taken(where, without=[OPENING])
    assert states(result)["lower/1"] != "located"
    assert states(result)["upper"] == "located"


def test_swapped_names_do_not_deceive() -> None:
    where = plain()
    swap_the_lowers()
    result = taken(where)
    assert place_of(result, sources(result)["lower/0"]) == b"/tmp/s/l1"
    assert place_of(result, sources(result)["lower/1"]) == b"/tmp/s/l0"


def test_a_name_is_read_beside_that_of_a_source_that_is_known() -> None:
    """Nobody stands any more where the names were read; a look-alike stands where somebody does."""
    if not user_may_watch():
        pytest.skip("needs fanotify marks on whole file systems by their owner (Linux 6.16)")
    tmpfs("/tmp/s")
    for name in ("a/deep/base/l0", "a/deep/base/u", "a/deep/base/w", "a/w"):
        make(f"/tmp/s/{name}", {"file": name} if not name.endswith("w") else None)
    os.chdir("/tmp/s/a/deep/base")
    where = overlay("/tmp/m", ["l0"], "u", "w")
    os.chdir("/tmp/s/a")
    result = taken(where)
    assert states(result) == {"upper": "located", "lower/0": "located", "work": "consistent"}
    work = sources(result)["work"]
    assert work.candidate is not None
    assert work.candidate.path.endswith(b"/a/deep/base/w")


def test_order_that_does_not_show_is_not_stated() -> None:
    make("/tmp/l0", {"a": "0"})
    make("/tmp/l1", {"b": "1"})
    make("/tmp/u", {"uf": "u"})
    make("/tmp/w")
    result = taken(overlay("/tmp/m", ["/tmp/l0", "/tmp/l1"], "/tmp/u", "/tmp/w"), without=[OPENING])
    assert states(result) == {
        "upper": "located",
        "lower/0": "consistent",
        "lower/1": "consistent",
        "work": "consistent",
    }


def test_a_layer_that_is_empty_is_not_proved() -> None:
    make("/tmp/l0", {"a": "0"})
    make("/tmp/l1")
    make("/tmp/u", {"uf": "u"})
    make("/tmp/w")
    result = taken(overlay("/tmp/m", ["/tmp/l0", "/tmp/l1"], "/tmp/u", "/tmp/w"), without=[OPENING])
    assert states(result)["lower/1"] == "consistent"


def test_a_twin_over_the_sources_does_not_deceive() -> None:
    tmpfs("/tmp/s")
    where = plain()
    tmpfs("/tmp/s")
    make("/tmp/s/l0", L0)
    make("/tmp/s/l1", L1)
    make("/tmp/s/u", {"uf": "u"})
    make("/tmp/s/w")
    assert not {"located", "covered"} & set(states(taken(where)).values())


@pytest.mark.parametrize("more", ["", ",uuid=on"])
def test_a_twin_whose_uuid_the_upper_bears_does_not_deceive(more: str) -> None:
    """An overlay's own UUID, of which its f_fsid is made then, is what an xattr says; the default does not show."""
    trees: dict[str, Tree] = {"l0": L0, "l1": L1, "u": {"uf": "u"}, "w": {}}
    for root in (tmpfs("/tmp/s"), tmpfs("/tmp/twin")):
        for name, tree in trees.items():
            made = make(f"{root}/{name}", tree)
            for entry in ("", *tree):
                os.utime(f"{made}/{entry}", ns=(10**18, 10**18))
    with closing(os.open("/tmp/twin", os.O_RDONLY)) as fd:
        try:
            os.setxattr("/tmp/s/u", "user.overlay.uuid", file_system_uuid(fd))
        except OSError as failure:
            pytest.skip(f"needs xattrs of users on tmpfs, and its UUID: {failure}")
    where = overlay("/tmp/m", ["/tmp/s/l0", "/tmp/s/l1"], "/tmp/s/u", "/tmp/s/w", ",userxattr,uuid=null" + more)
    unmount("/tmp/s")
    mountapi.mount(b"/tmp/twin", b"/tmp/s", None, mountapi.MS_MOVE)
    assert "proved" not in {one.assurance for one in sources(taken(where)).values()}


def test_hard_linked_copies_do_not_deceive() -> None:
    where = plain()
    os.rename("/tmp/s", "/tmp/real")
    for name, tree in (("l0", L0), ("l1", L1), ("u", {"uf": "u"}), ("w", {})):
        os.makedirs(f"/tmp/s/{name}")
        for entry, content in tree.items():
            if content is not None:
                os.link(f"/tmp/real/{name}/{entry}", f"/tmp/s/{name}/{entry}")
            else:
                os.mkdir(f"/tmp/s/{name}/{entry}")
    result = taken(where)
    places = {name: place_of(result, one) for name, one in sources(result).items() if one.state == "located"}
    assert all(place.startswith(b"/tmp/real/") for place in places.values() if place), places


def test_two_file_systems() -> None:
    """The lower is on another tmpfs than the upper, with inode numbers that fit: they are not real ones then."""
    tmpfs("/tmp/one")
    tmpfs("/tmp/two")
    make("/tmp/one/l0", {"a": "0", "d": None})
    make("/tmp/two/u", {"uf": "u"})
    make("/tmp/two/w")
    result = taken(overlay("/tmp/m", ["/tmp/one/l0"], "/tmp/two/u", "/tmp/two/w"), without=[OPENING])
    assert states(result)["lower/0"] == "consistent"


def test_a_lower_only_overlay_pins_nothing() -> None:
    make("/tmp/l0", {"a": "0"})
    make("/tmp/l1", {"b": "1"})
    where = overlay("/tmp/m", ["/tmp/l0", "/tmp/l1"])
    assert set(states(taken(where, without=[OPENING])).values()) == {"consistent"}


def test_what_the_kernel_opens_is_proved_in_its_order() -> None:
    make("/tmp/s/l0", {"a": "0"})
    make("/tmp/s/l1")
    make("/tmp/s/l2", {"a": "0"})
    make("/tmp/s/u")
    make("/tmp/s/w")
    where = overlay("/tmp/m", ["/tmp/s/l0", "/tmp/s/l1", "/tmp/s/l2"], "/tmp/s/u", "/tmp/s/w")
    assert states(taken(where)) == PROVED | {"lower/2": "located"}
    os.rename("/tmp/s/l0", "/tmp/s/x")
    os.rename("/tmp/s/l2", "/tmp/s/l0")
    os.rename("/tmp/s/x", "/tmp/s/l2")
    found = sources(result := taken(where))
    places = [place_of(result, found[f"lower/{number}"]) for number in range(3)]
    assert places == [b"/tmp/s/l2", b"/tmp/s/l1", b"/tmp/s/l0"]
    assert {found[name].method for name in ("upper", "lower/0", "lower/1", "lower/2")} == {OPENING}


def test_a_file_system_that_is_watched_as_a_whole_needs_no_names() -> None:
    """What was mounted in the user namespace itself: names may lead nowhere."""
    tmpfs("/tmp/s")
    if not user_may_watch():
        pytest.skip("needs to watch a whole file system in a user namespace (Linux 6.16)")
    for name in ("l0", "l1", "u", "w"):
        make(f"/tmp/s/deep/er/{name}", {"a": "0"} if name != "w" else None)
    os.makedirs("/tmp/far/m")
    os.chdir("/tmp/s/deep/er")
    overlay("/tmp/far/m", ["l0", "l1"], "u", "w")
    os.chdir("/")
    os.rename("/tmp/s/deep/er/l0", "/tmp/s/kept")
    result = taken("/tmp/far/m")
    assert states(result) == {"upper": "located", "lower/0": "located", "lower/1": "located", "work": "consistent"}
    assert place_of(result, sources(result)["lower/0"]) == b"/tmp/s/kept"
    assert {one.method for one in sources(result).values() if one.assurance == "proved"} == {OPENING}


def test_a_layer_that_is_not_watched_leaves_the_others_unplaced() -> None:
    make("/tmp/s/l0", {"a": "0"})
    make("/tmp/s/l1", {"b": "1"})
    tmpfs("/tmp/t")
    make("/tmp/t/l2")
    where = overlay("/tmp/m", ["/tmp/s/l0", "/tmp/s/l1", "/tmp/t/l2"])
    unmount("/tmp/t")
    assert "located" not in states(taken(where)).values()


def test_layers_of_an_inner_overlay_are_not_taken_for_those_of_the_outer() -> None:
    make("/tmp/s/l0", {"a": "0"})
    make("/tmp/s/in0", {"x": None})
    make("/tmp/s/in1", {"y": None})
    overlay("/tmp/inner", ["/tmp/s/in0", "/tmp/s/in1"])
    where = overlay("/tmp/m", ["/tmp/s/l0", "/tmp/inner/x"])
    mountapi.umount2(b"/tmp/inner", mountapi.MNT_DETACH)
    os.rename("/tmp/s/in0/x", "/tmp/inner/x")
    assert "located" not in states(taken(where)).values()


def test_names_that_lead_to_another_source_are_no_candidates() -> None:
    where = plain()
    os.rename("/tmp/s/w", "/tmp/s/elsewhere")
    os.rename("/tmp/s/u", "/tmp/s/w")
    os.symlink("w", "/tmp/s/u")
    result = taken(where)
    assert sources(result)["work"].candidate is None or sources(result)["upper"].assurance != "proved"


def test_relative_names_with_two_directories_that_fit() -> None:
    for base in ("/tmp/x", "/tmp/y"):
        make(f"{base}/l0", {"a": "0"})
        make(f"{base}/u", {"uf": "u"})
        make(f"{base}/w")
        bind(base, base)
    os.chdir("/tmp/x")
    overlay("/tmp/x/m", ["l0"], "u", "w")
    os.chdir("/")
    result = taken("/tmp/x/m")
    assert place_of(result, sources(result)["upper"]) in (None, b"/tmp/x/u")
    candidate = sources(result)["work"].candidate
    if candidate is not None:
        assert sources(result)["upper"].assurance == "proved"


def test_layers_above_a_removed_one_are_proved() -> None:
    if not user_may_watch():
        pytest.skip("needs fanotify marks on whole file systems by their owner (Linux 6.16)")
    for name in ("l0", "l1", "l2", "u", "w"):
        make(f"/tmp/{name}", {name: name})
    where = overlay("/tmp/m", [f"/tmp/l{index}" for index in range(3)], "/tmp/u", "/tmp/w")
    os.unlink("/tmp/l1/l1")
    os.rmdir("/tmp/l1")
    os.mkdir("/tmp/l1")
    result = taken(where)
    assert states(result) == {
        "upper": "located",
        "lower/0": "located",
        "lower/1": "consistent",
        "lower/2": "consistent",
        "work": "consistent",
    }
    assert place_of(result, sources(result)["lower/0"]) == b"/tmp/l0"


def test_sources_that_are_gone() -> None:
    tmpfs("/tmp/s")
    where = plain()
    unmount("/tmp/s")
    assert set(states(taken(where)).values()) == {"none"}


def test_a_dump_leaves_no_trace() -> None:
    for more in ("", ",userxattr,uuid=null"):
        where = plain(f"/tmp/s{len(more)}", more)
        make(f"/tmp/s{len(more)}/u/d")
        before = listing(f"/tmp/s{len(more)}")
        taken(where)
        assert listing(f"/tmp/s{len(more)}") == before
        unmount(where)


def test_a_read_only_bind_of_the_overlay() -> None:
    where = plain()
    bind(where, "/tmp/again")
    mountapi.mount_setattr(-100, b"/tmp/again", 0, set_=mountapi.MOUNT_ATTR_RDONLY)
    result = taken("/tmp/again")
    assert states(result) == PROVED
    assert result.image.mounts[0].attributes[0] == "ro"
