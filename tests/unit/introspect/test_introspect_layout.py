"""Two ways to the same layout: the kernel's loader, and its BTF file read by this package."""

from __future__ import annotations

import os
import struct

import pytest
from ovsi.introspect import layout as layout_module
from ovsi.introspect import memory, shapes, shapes_of_btrfs, shapes_of_idmaps, shapes_of_lists, shapes_of_mounts
from ovsi.introspect.errors import IntrospectionUnavailable
from ovsi.introspect.facts import OverlayFacts
from ovsi.introspect.introspector import Introspector
from ovsi.introspect.layout import Layout
from ovsi.introspect.options import Options
from ovsi.introspect.relocation import relocated
from ovsi.introspect.shape import Shape, View, beside, fitting
from ovsi.linux import bpf, mountapi
from ovsi.linux.syscall import closing

from tests.unit.introspect.test_introspect_btf import Writer

pytestmark = pytest.mark.on_real_mounts

MODULES = (shapes, shapes_of_lists, shapes_of_idmaps, shapes_of_btrfs, shapes_of_mounts)
WANTED = [
    shape
    for module in MODULES
    for shape in vars(module).values()
    if isinstance(shape, type) and issubclass(shape, Shape) and shape.members
]


def _told(view: View[Shape]) -> dict[str, object]:
    offsets = {name: value for name, value in vars(view.row).items() if isinstance(value, int | None)}
    return {"start": view.start, "length": view.length, "sizes": view.sizes, "format": view._format} | offsets


def test_both_ways_tell_the_same() -> None:
    reader = Layout()
    reader.by_loader = False
    by_loader = []
    for shape in WANTED:
        try:
            found = relocated([shape]).get(shape)
        except OSError as missing:
            pytest.skip(f"this kernel's loader does not relocate: {missing}")
        view = fitting(shape, found) if found else None
        if view is not None:
            by_loader.append(shape)
            read = reader.of_module(shape, b"btrfs" if shape.structure.startswith(b"btrfs") else b"overlay")
            assert _told(view) == _told(read)
            assert view.size == read.size
    essential = {shapes.Inode, shapes.Dentry, shapes.Superblock, shapes.Overlay, shapes.OverlayLayer}
    assert essential | {shapes_of_mounts.Mount} <= set(by_loader)
    assert all(reader.has(shape) for shape in by_loader if not shape.structure.startswith((b"ovl", b"btrfs")))
    reader.close()


def test_an_overlay_is_read_by_the_loader_alone() -> None:
    """Where the loader relocates, nothing that every dump needs falls back to the slow reader."""
    layout = Layout()
    missing = [shape.__name__ for shape in beside(shapes.Inode) if not layout._as_loaded(shape)]
    if not layout.by_loader:
        pytest.skip("this kernel's loader does not relocate")
    assert set(missing) <= {"File", "OverlayLayer"}  # part of a structure of Linux 6.5; a place is shared
    layout.close()


def test_the_loader_tells_of_all_shapes_together() -> None:
    """Also of those that serve in place of others: each member of theirs is asked whether it is there."""
    layout = Layout()
    for module in MODULES:
        first = next(shape for shape in WANTED if shape.__module__ == module.__name__)
        layout._as_loaded(first)
        if module is shapes and not layout.by_loader:
            pytest.skip("this kernel's loader does not relocate")
        assert layout.by_loader, module.__name__
    layout.close()


def _facts(path: str) -> OverlayFacts:
    with closing(os.open(path, os.O_PATH)) as fd, Introspector() as introspector:
        return introspector.overlay_of(fd)


def test_an_old_kernel_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """No relocation by the loader, no helper that loops, no type SYSCALL: as in Linux 5.10."""
    for name in ("u", "w", "m", *(f"l{index}" for index in range(70))):
        os.mkdir(name)
    lowers = ":".join(f"l{index}" for index in range(70))
    mountapi.mount(b"t", b"m", b"overlay", 0, f"lowerdir={lowers},upperdir=u,workdir=w".encode())
    expected = _facts("m")
    assert len(expected.layers) == 71
    monkeypatch.setattr(Layout, "by_loader", False)
    assert _facts("m") == expected
    monkeypatch.setattr(memory, "_looping_program", lambda _map: (b"", 0))
    assert _facts("m") == expected
    monkeypatch.setattr(bpf, "_PROG_TYPES", bpf._PROG_TYPES[1:])
    assert _facts("m") == expected


@pytest.mark.parametrize(("module", "reason"), [(False, "/overlay is missing"), (True, "nothing that serves as")])
def test_a_module_without_btf_is_named(module: bool, reason: str) -> None:
    """As in a kernel whose modules come without, Debian's 5.10; what only lacks a member is not blamed on that."""
    os.mkdir("btf")
    writer = Writer()
    if module:
        writer.struct("ovl_fs", 8, ("numlayer", writer.integer(4), 0))
    with open("btf/vmlinux", "wb") as file:
        file.write(writer.data())
    layout_module._BTF = b"btf/"
    Layout.by_loader = False
    layout = Layout()
    with pytest.raises(IntrospectionUnavailable, match=reason):
        layout.overlay_view  # noqa: B018 - looks it up
    layout.close()


@pytest.mark.parametrize(("held", "uuid"), [(True, "null"), (False, "off")])
def test_a_uuid_that_is_a_switch(held: bool, uuid: str) -> None:
    """Before Linux 6.6: `on`, its default, gives no overlay a UUID of its own, which `on` is the word for today."""
    os.mkdir("btf")
    writer = Writer()
    four, to = writer.integer(4), writer.pointer()
    config = writer.struct("config", 24, ("upperdir", to, 0), ("workdir", to, 64), ("uuid", writer.integer(1), 128))
    pointers = [(name, to, 64 * at) for at, name in enumerate(("layers", "workbasedir", "creator_cred"))]
    writer.struct("ovl_fs", 56, *pointers, ("numlayer", four, 192), ("config", config, 256))
    with open("btf/vmlinux", "wb") as file:
        file.write(writer.data())
    layout_module._BTF = b"btf/"
    Layout.by_loader = False
    layout = Layout()
    (overlay,) = layout.overlay_view.rows(struct.pack("=24xI20x?", 2, held))
    assert Options(layout).of(overlay) == (("uuid", uuid),)
    layout.close()
