"""The parser of mountinfo, on bytes alone."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ovsi.linux.mountinfo import Mount, MountInfoError, parse, split_options, unescape

PLAIN = b"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"


def one(line: bytes) -> Mount:
    (mount,) = parse(line)
    return mount


def test_every_field_of_the_manual_page_example() -> None:
    assert one(PLAIN) == Mount(
        mount_id=36,
        parent_id=35,
        device="98:0",
        root=b"/mnt1",
        root_deleted=False,
        mount_point=b"/mnt2",
        attributes=(b"rw", b"noatime"),
        shared=None,
        master=1,
        propagate_from=None,
        unbindable=False,
        unknown_fields=(),
        fs_type=b"ext3",
        source=b"/dev/root",
        super_options=b"rw,errors=continue",
    )


def test_propagation_and_fields_of_the_future() -> None:
    mount = one(b"1 2 0:3 / /x rw shared:7 master:8 propagate_from:9 unbindable colour:red odd - tmpfs t rw")
    assert (mount.shared, mount.master, mount.propagate_from, mount.unbindable) == (7, 8, 9, True)
    assert mount.unknown_fields == (b"colour:red", b"odd")


def test_octal_layer_is_removed_once() -> None:
    mount = one(rb"1 2 0:3 /a\040b /c\134040d rw - fuse.x\011y \043\012z rw,k=\134\054v")
    assert mount.root == b"/a b"
    assert mount.mount_point == rb"/c\040d"
    assert mount.fs_type == b"fuse.x\ty"
    assert mount.source == b"#\nz"
    assert mount.super_options == rb"rw,k=\134\054v"
    assert mount.raw_options == rb"rw,k=\,v"
    assert mount.options == (b"rw", rb"k=\,v")


@pytest.mark.parametrize(
    ("shown", "root", "deleted"),
    [
        (b"/a//deleted", b"/a", True),
        (b"//deleted", b"/", True),
        (b"/a/deleted", b"/a/deleted", False),
        (rb"/a\040(deleted)", b"/a (deleted)", False),
    ],
)
def test_deleted_root(shown: bytes, root: bytes, deleted: bool) -> None:
    mount = one(b"1 2 0:3 " + shown + b" /x rw - tmpfs t rw")
    assert (mount.root, mount.root_deleted) == (root, deleted)


def test_empty_source_spaces_in_options_and_root_without_slash() -> None:
    mount = one(b"1 2 0:4 mnt:[4026531841] /x rw - nsfs  rw,a b,c")
    assert (mount.root, mount.source, mount.super_options) == (b"mnt:[4026531841]", b"", b"rw,a b,c")


def test_unique_ids_are_filled_in_where_known() -> None:
    assert [mount.unique_id for mount in parse(PLAIN * 2, {36: 1 << 40})] == [1 << 40] * 2
    assert one(PLAIN).unique_id is None


@pytest.mark.parametrize(
    "line",
    [
        b"36 35 98:0 /mnt1 /mnt2 - ext3 /dev/root rw",
        b"36 35 98:0 /mnt1 /mnt2 rw ext3 /dev/root rw",
        b"36 35 98 /mnt1 /mnt2 rw - ext3 /dev/root rw",
        b"36 x 98:0 /mnt1 /mnt2 rw - ext3 /dev/root rw",
        b"36 35 98:0 /mnt1 /mnt2 rw shared:q - ext3 /dev/root rw",
        b"36 35 98:0 /mnt1 /mnt2 rw - ext3 /dev/root",
        b"",
    ],
)
def test_a_malformed_line_is_named(line: bytes) -> None:
    with pytest.raises(MountInfoError, match="line 2"):
        parse(PLAIN + line + b"\n" + PLAIN)


def test_nothing_is_an_empty_table() -> None:
    assert parse(b"") == []


def test_lsm_values_in_quotes_keep_their_commas() -> None:
    shown = b'rw,context="system_u:object_r:t:s0:c1,c2",lowerdir="a,size=1'
    assert split_options(shown) == [b"rw", b'context="system_u:object_r:t:s0:c1,c2"', b'lowerdir="a', b"size=1"]


def escape(value: bytes, also: bytes = b"") -> bytes:
    return b"".join(b"\\%03o" % byte if byte in b" \t\n\\" + also else bytes((byte,)) for byte in value)


paths = st.binary(min_size=1, max_size=40).map(lambda name: b"/" + name.replace(b"\0", b"").replace(b"/", b""))


@given(paths, paths, st.binary(max_size=30), st.lists(st.binary(max_size=30), max_size=5))
def test_what_the_kernel_escapes_comes_back(root: bytes, point: bytes, source: bytes, values: list[bytes]) -> None:
    options = b"".join(b",k=" + escape(value, b",=") for value in values)
    line = b"1 2 0:3 %s %s rw - tmpfs %s rw%s\n" % (escape(root), escape(point), escape(source, b"#"), options)
    mount = one(line)
    assert (mount.root, mount.mount_point, mount.source) == (root, point, source)
    assert mount.options == (b"rw", *(b"k=" + value for value in values))


@given(st.binary(max_size=60))
def test_unescape_takes_any_bytes(value: bytes) -> None:
    assert unescape(escape(value)) == value
    assert len(unescape(value)) <= len(value)


@given(st.binary(max_size=200))
def test_any_bytes_parse_or_are_refused_by_line(data: bytes) -> None:
    with suppress(MountInfoError):
        parse(data)
