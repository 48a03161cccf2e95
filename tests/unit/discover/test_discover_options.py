"""Option strings against an escaper of their own: whatever bytes a name has, it comes back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from ovsi.discover.options import ShownOptions, defaults, effective, parse_array, parse_shown, split_layers

NAMES = st.binary(min_size=1, max_size=12).filter(lambda name: b"\0" not in name)
ODD = st.lists(st.sampled_from([b"\\", b":", b",", b"a", b"=", b" ", b"\n", b"::", b"\\134", b'"']), min_size=1)
ODD_NAMES = ODD.map(b"".join) | NAMES


def octal(value: bytes) -> bytes:
    """seq_show_option of a value."""
    return b"".join(b"\\%03o" % byte if byte in b", \t\n\\" else bytes((byte,)) for byte in value)


def own_escapes(name: bytes) -> bytes:
    """As mount(8) wants a name in lowerdir=, upperdir= and workdir=."""
    return b"".join(b"\\" + bytes((byte,)) if byte in b"\\:," else bytes((byte,)) for byte in name)


@given(st.lists(ODD_NAMES, min_size=1), st.lists(ODD_NAMES), ODD_NAMES, ODD_NAMES)
def test_one_string(lowers: list[bytes], data: list[bytes], upper: bytes, work: bytes) -> None:
    layers = b":".join(map(own_escapes, lowers)) + b"".join(b"::" + own_escapes(name) for name in data)
    shown = b"rw,lowerdir=%s,upperdir=%s,workdir=%s,uuid=on" % tuple(
        octal(value) for value in (layers, own_escapes(upper), own_escapes(work))
    )
    found = parse_shown(shown)
    assert found.lowers == tuple(lowers)
    assert found.data == tuple(data)
    assert (found.upper, found.work) == (upper, work)
    assert found.own == ((b"uuid", b"on"),)
    assert found.flags == (b"rw",)


@given(st.lists(ODD_NAMES), st.lists(ODD_NAMES))
def test_a_layer_an_option(lowers: list[bytes], data: list[bytes]) -> None:
    shown = b"ro" + b"".join(b",lowerdir+=" + octal(name) for name in lowers)
    shown += b"".join(b",datadir+=" + octal(name) for name in data)
    found = parse_shown(shown)
    assert found.lowers == tuple(lowers)
    assert found.data == tuple(data)
    assert found == parse_array([b"ro", *(b"lowerdir+=" + name for name in lowers), *(b"datadir+=" + d for d in data)])


@given(st.binary(max_size=200).filter(lambda text: b"\0" not in text))
def test_any_bytes_are_taken(shown: bytes) -> None:
    assert isinstance(parse_shown(shown), ShownOptions)
    split_layers(shown)


def test_unknown_options_stay_in_order_with_their_values() -> None:
    found = parse_shown(b"rw,lowerdir=a,volatile,newthing=a\\054b,x,fsync=volatile")
    assert found.own == ((b"volatile", None), (b"newthing", b"a,b"), (b"x", None), (b"fsync", b"volatile"))
    assert effective(found, {}) == [
        (b"volatile", None, "shown"),
        (b"fsync", b"volatile", "shown"),
        (b"newthing", b"a,b", "shown"),
        (b"x", None, "shown"),
    ]


def test_security_options_and_flags_are_apart() -> None:
    found = parse_shown(b'rw,sync,dirsync,mand,lazytime,seclabel,context="u:r:t:s0:c1,c2",smackfsdef=_,lowerdir=a')
    assert found.flags == (b"rw", b"sync", b"dirsync", b"mand", b"lazytime")
    assert found.security == ((b"seclabel", None), (b"context", b"u:r:t:s0:c1,c2"), (b"smackfsdef", b"_"))
    assert found.own == ()


def test_options_that_a_kernel_shows_and_does_not_take() -> None:
    found = parse_shown(b"rw,lowerdir=/a:/b,upperdir=/u,workdir=/w,lowerdir_mnt_id=31:32,upperdir_mnt_id=40")
    assert found.lower_mount_ids == (31, 32)
    assert found.upper_mount_id == 40
    assert found.own == ()


def test_defaults_of_the_module() -> None:
    parameters = {b"index": b"N", b"nfs_export": b"N", b"metacopy": b"Y", b"xino_auto": b"Y", b"redirect_dir": b"N"}
    assert defaults(parameters) == {b"index": b"off", b"nfs_export": b"off", b"metacopy": b"on", b"xino": b"auto"}
    follow = defaults(parameters | {b"redirect_always_follow": b"Y"})
    assert follow[b"redirect_dir"] == b"follow"
    assert defaults(parameters | {b"redirect_always_follow": b"N"})[b"redirect_dir"] == b"nofollow"
    assert defaults({b"redirect_dir": b"Y"})[b"redirect_dir"] == b"on"
    assert defaults({}) == {}


def test_what_is_held_wins_over_what_is_shown_and_over_the_default() -> None:
    shown = parse_shown(b"rw,lowerdir=a,index=on,metacopy=on")
    held: dict[bytes, bytes | None] = {b"index": b"off", b"volatile": None}
    assert effective(shown, {b"xino": b"off"}, held) == [
        (b"index", b"off", "held"),
        (b"xino", b"off", "default"),
        (b"metacopy", b"on", "shown"),
        (b"volatile", None, "held"),
    ]
