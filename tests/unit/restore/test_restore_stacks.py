"""Stacks built again from images, on each way of layer setup: what serves what, options, attributes, propagation."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ovsi.image import model
from ovsi.linux import mountapi, mountinfo
from ovsi.plan import Mapping, Request
from ovsi.restore import find, restore, search

from tests.support.unmounting import unmount

from . import images

if TYPE_CHECKING:
    from ovsi.plan.records import SourcePlan
    from ovsi.restore.result import Setup

SETUPS: list[Setup] = ["descriptor", "append", "page"]


def make(*names: str) -> None:
    for name in names:
        Path(name).mkdir(parents=True)
        (Path(name) / "who").write_text(name)


def entry(point: str) -> mountinfo.Mount:
    table = mountinfo.parse(Path("/proc/self/mountinfo").read_bytes())
    return next(mount for mount in reversed(table) if mount.mount_point == point.encode())


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.in_both
@pytest.mark.parametrize("setup", SETUPS)
def test_layers_in_order_and_writes_land_in_the_upper(vantage: str, setup: Setup) -> None:
    make("l0", "l1", "up", "wk", "t")
    Path("l1/only1").touch()
    Path("up/who").unlink()
    image = images.image([b"/tmp/l0", b"/tmp/l1"], b"/tmp/up", b"/tmp/wk")
    before, held = entry("/tmp"), descriptors()
    result = restore(image, Request(target=b"/tmp/t"), setup=setup)
    assert (Path("t/who").read_text(), Path("t/only1").exists()) == ("l0", True)
    Path("t/new").write_text("x")
    assert Path("up/new").read_text() == "x"
    assert result.overlays[0].setup == setup
    assert result.overlays[0].mount_id == entry("/tmp/t").mount_id
    assert descriptors() == held
    assert entry("/tmp") == before
    unmount(b"/tmp/t")
    assert not [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if " overlay " in line]


@pytest.mark.in_both
@pytest.mark.parametrize("setup", SETUPS)
def test_five_hundred_layers(vantage: str, setup: Setup) -> None:
    for number in range(500):
        make(f"l/{number}")
        Path(f"l/{number}/f{number}").touch()
        if number >= 250:
            Path(f"l/{number}/from250").write_text(str(number))
    make("up", "wk", "t")
    image = images.image([b"/tmp/l/%d" % number for number in range(500)], b"/tmp/up", b"/tmp/wk")
    restore(image, Request(target=b"/tmp/t"), setup=setup)
    assert Path("t/from250").read_text() == "250"
    assert sum(name.startswith("f") and name[1:].isdigit() for name in os.listdir("t")) == 500


@pytest.mark.as_root
@pytest.mark.parametrize("setup", ["descriptor", "append"])
def test_mountinfo_shows_full_true_paths(vantage: str, setup: Setup) -> None:
    names = ["a b", "c,d", "e:f", "g\\h", "i\nj", "k=l", "deep/er", "deep"]
    make(*[name for name in names if name != "deep"], "u\\p", "w:k", "t")
    paths = [b"/tmp/" + name.encode() for name in names if name != "deep"]
    image = images.image(paths, b"/tmp/u\\p", b"/tmp/w:k")
    restore(image, Request(target=b"/tmp/t"), setup=setup)
    shown = [option.partition(b"=") for option in entry("/tmp/t").options]
    assert [value for key, _equals, value in shown if key == b"lowerdir+"] == paths
    assert [value.replace(b"\\\\", b"\\") for key, _equals, value in shown if key == b"upperdir"] == [b"/tmp/u\\p"]


@pytest.mark.as_root
@pytest.mark.parametrize("setup", SETUPS)
def test_data_only_layers(vantage: str, setup: Setup) -> None:
    make("meta", "d0", "d1", "t")
    Path("d1/blob").write_text("payload")
    Path("meta/file").touch()
    os.truncate("meta/file", 7)
    os.setxattr("meta/file", "trusted.overlay.metacopy", b"")
    os.setxattr("meta/file", "trusted.overlay.redirect", b"/blob")
    image = images.image(
        [b"/tmp/meta"],
        data=[b"/tmp/d0", b"/tmp/d1"],
        options=[("metacopy", b"on"), ("redirect_dir", b"on")],
        flags=["ro"],
    )
    restore(image, Request(target=b"/tmp/t"), setup=setup)
    assert Path("t/file").read_text() == "payload"
    assert not Path("t/blob").exists()


@pytest.mark.as_root
@pytest.mark.parametrize("setup", SETUPS)
def test_options_flags_attributes_and_propagation(vantage: str, setup: Setup) -> None:
    make("l0", "l1", "up", "wk", "t")
    options = [
        ("index", b"on"),
        ("nfs_export", b"on"),
        ("redirect_dir", b"nofollow"),
        ("uuid", b"on"),
        ("verity", b"off"),
    ]
    options += [("xino", b"off"), ("metacopy", b"off"), ("fsync", b"volatile"), ("lowerdir_mnt_id", b"7")]
    image = images.image(
        [b"/tmp/l0", b"/tmp/l1"],
        b"/tmp/up",
        b"/tmp/wk",
        options=options,
        flags=["rw", "sync"],
        attributes=["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime"],
        propagation=model.Propagation(peer_group=7),
    )
    restore(image, Request(target=b"/tmp/t"), setup=setup)
    mount = entry("/tmp/t")
    assert set(mount.attributes) == {b"ro", b"nosuid", b"nodev", b"noexec", b"noatime", b"nodiratime"}
    assert mount.shared is not None
    shown = mount.options
    assert {b"sync", b"index=on", b"nfs_export=on", b"redirect_dir=nofollow"} <= set(shown)
    assert {b"volatile", b"fsync=volatile"} & set(shown)


@pytest.mark.in_both
@pytest.mark.parametrize("wanted", ["private", "shared", "unbindable"])
@pytest.mark.parametrize("parent", [mountapi.MS_SHARED, mountapi.MS_PRIVATE])
def test_propagation_below_any_parent(vantage: str, wanted: str, parent: int) -> None:
    make("l0", "up", "wk", "t")
    mountapi.mount(None, b"/tmp", None, parent)
    propagation = model.Propagation(peer_group=9 if wanted == "shared" else None, unbindable=wanted == "unbindable")
    image = images.image([b"/tmp/l0"], b"/tmp/up", b"/tmp/wk", propagation=propagation)
    restore(image, Request(target=b"/tmp/t"))
    mount = entry("/tmp/t")
    assert (mount.shared is not None, mount.unbindable) == (wanted == "shared", wanted == "unbindable")


@pytest.mark.in_both
@pytest.mark.parametrize("setup", SETUPS)
def test_a_directory_of_the_overlay(vantage: str, setup: Setup) -> None:
    make("l0/sub/dir", "up", "wk", "t")
    image = images.image([b"/tmp/l0"], b"/tmp/up", b"/tmp/wk", root=b"/sub/dir")
    restore(image, Request(target=b"/tmp/t"), setup=setup)
    assert Path("t/who").read_text() == "l0/sub/dir"
    assert entry("/tmp/t").root == b"/sub/dir"


@pytest.mark.as_root
@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("roles", ["all", "lower"])
def test_id_mapped_layers(vantage: str, setup: Setup, roles: str) -> None:
    make("l0", "up", "wk", "t")
    Path("up/who").unlink()
    os.chown("l0/who", 1000, 1000)
    os.chown("up", 1000, 1000)
    root = model.IdRange(inside=0, outside=0, count=1)  # the mounter must be able to write
    ranges = (root, model.IdRange(inside=1000, outside=101000, count=10))
    idmap = model.LayerIdmap(uid_map=ranges, gid_map=ranges)
    image = images.image([b"/tmp/l0"], b"/tmp/up", b"/tmp/wk")
    overlay = image.overlays[0]
    assert overlay.work is not None
    layers = tuple(
        layer.replace(idmap=idmap) if roles == "all" or layer.role == "lower" else layer for layer in overlay.layers
    )
    work = overlay.work.replace(idmap=idmap) if roles == "all" else overlay.work
    image = image.replace(overlays=(overlay.replace(layers=layers, work=work),))
    count = len(entries())
    restore(image, Request(target=b"/tmp/t"), setup=setup)
    assert os.stat("t/who").st_uid == 101000
    assert os.stat("t").st_uid == (101000 if roles == "all" else 1000)
    assert len(entries()) == count + 1


def entries() -> list[mountinfo.Mount]:
    return mountinfo.parse(Path("/proc/self/mountinfo").read_bytes())


@pytest.mark.in_both
@pytest.mark.parametrize("setup", SETUPS)
def test_an_inner_overlay_that_is_mounted_nowhere_is_built_first(vantage: str, setup: Setup) -> None:
    make("a", "b", "c", "t")
    Path("b/deep").touch()
    Path("c/below").touch()
    inner = images.image([b"/tmp/a", b"/tmp/b"])
    image = images.nested(inner, [b"/tmp/c"])
    restore(image, Request(overlay_id="outer", target=b"/tmp/t"), setup=setup)
    assert sorted(os.listdir("t")) == ["below", "deep", "who"]
    assert Path("t/who").read_text() == "a"
    assert sum(mount.fs_type == b"overlay" for mount in entries()) == 1


@pytest.mark.as_root
def test_copies_that_an_inner_overlay_uses_up_serve_no_other(vantage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By one page of names: its child attaches them, and they are gone with it, sooner or later."""
    make("a", "b", "c", "t")
    opened: list[tuple[str, bool]] = []

    class Place(search.PlainPlace):
        def open(self, source: SourcePlan, identity: model.Identity, inside: bytes) -> search.Opened | None:
            opened.append((inside.decode(), self.tree is not None))
            return super().open(source, identity, inside)

    monkeypatch.setattr(find, "PlainPlace", Place)
    image = images.nested(images.image([b"/tmp/a", b"/tmp/b"]), [b"/tmp/c"])
    restore(image, Request(overlay_id="outer", target=b"/tmp/t"), setup="page")
    assert opened[-3:] == [("/c", False), ("/a", True), ("/b", True)]


@pytest.mark.in_both
def test_all_below_a_root(vantage: str) -> None:
    make("a", "b", "c", "root/inner", "root/merged")
    inner = images.image([b"/tmp/a", b"/tmp/b"])
    image = images.nested(inner, [b"/tmp/c"], inner_at=b"/inner")
    result = restore(image, Request(all_root=b"/tmp/root"))
    assert [done.mount_point for done in result.overlays] == [b"/tmp/root/inner", b"/tmp/root/merged"]
    assert Path("root/inner/who").read_text() == "a"
    assert Path("root/merged/who").read_text() == "a"


@pytest.mark.in_both
@pytest.mark.parametrize("setup", SETUPS)
def test_sources_found_by_identity_wherever_their_file_system_is_mounted(vantage: str, setup: Setup) -> None:
    make("fs", "elsewhere", "t")
    mountapi.mount(b"x", b"/tmp/fs", b"tmpfs")
    make("fs/l0", "fs/d/up", "fs/d/wk")
    image = images.image([b"/tmp/fs/l0"], b"/tmp/fs/d/up", b"/tmp/fs/d/wk")
    mountapi.mount(b"/tmp/fs", b"/tmp/elsewhere", None, mountapi.MS_BIND)
    mountapi.umount2(b"/tmp/fs", mountapi.MNT_DETACH)
    make("fs/l0", "fs/d/up", "fs/d/wk")  # look-alikes at the old names
    restore(image, Request(target=b"/tmp/t"), setup=setup)
    Path("t/new").touch()
    assert Path("elsewhere/d/up/new").exists()


@pytest.mark.in_both
@pytest.mark.parametrize("setup", SETUPS)
def test_covered_sources(vantage: str, setup: Setup) -> None:
    make("l0", "d/up", "d/wk", "t")
    image = images.image([b"/tmp/l0"], b"/tmp/d/up", b"/tmp/d/wk")
    mountapi.mount(b"cover", b"/tmp/l0", b"tmpfs")
    mountapi.mount(b"cover", b"/tmp/d/up", b"tmpfs")
    restore(image, Request(target=b"/tmp/t"), setup=setup)
    assert Path("t/who").read_text() == "d/up"
    Path("t/new").touch()
    unmount(b"/tmp/d/up")
    assert Path("d/up/new").exists()


@pytest.mark.as_root
@pytest.mark.parametrize("setup", SETUPS)
def test_a_renamed_source_is_found_by_its_handle(vantage: str, setup: Setup) -> None:
    make("l0", "up", "wk", "deep/er", "t")
    image = images.image([b"/tmp/l0"], b"/tmp/up", b"/tmp/wk")
    os.rename("l0", "deep/er/moved")
    make("l0")
    Path("l0/decoy").touch()
    restore(image, Request(target=b"/tmp/t"), setup=setup)
    assert not Path("t/decoy").exists()


@pytest.mark.in_both
def test_map(vantage: str) -> None:
    make("fs", "at", "t")
    mountapi.mount(b"x", b"/tmp/fs", b"tmpfs")
    make("fs/s/l0", "fs/s/up", "fs/s/wk")
    image = images.image([b"/tmp/fs/s/l0"], b"/tmp/fs/s/up", b"/tmp/fs/s/wk")
    mountapi.mount(b"/tmp/fs/s", b"/tmp/at", None, mountapi.MS_BIND)
    restore(image, Request(target=b"/tmp/t", maps=(Mapping("fs0", b"/s", b"/tmp/at"),)))
    assert b"lowerdir+=/tmp/at/l0" in entry("/tmp/t").options


@pytest.mark.as_root
@pytest.mark.parametrize("setup", SETUPS)
def test_sources_in_another_mount_namespace(vantage: str, setup: Setup) -> None:
    from ovsi.linux import namespaces

    make("there", "t")
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        namespaces.unshare(namespaces.CLONE_NEWNS)
        mountapi.mount(b"x", b"/tmp/there", b"tmpfs")
        make("there/l0", "there/d/up", "there/d/wk")
        from ovsi.image.write import encode

        os.write(ready[1], encode(images.image([b"/tmp/there/l0"], b"/tmp/there/d/up", b"/tmp/there/d/wk")))
        os.close(ready[1])
        os.close(done[1])
        os.read(done[0], 1)
        written = Path("there/d/up/new").exists()
        os._exit(0 if written else 1)
    os.close(ready[1])
    from ovsi.image.read import decode

    with os.fdopen(ready[0], "rb") as pipe:
        image = decode(pipe.read())
    restore(image, Request(target=b"/tmp/t"), setup=setup)
    Path("t/new").touch()
    os.close(done[1])
    assert os.waitpid(child, 0)[1] == 0
    assert len([mount for mount in entries() if mount.mount_point.startswith(b"/tmp/")]) == 1


@pytest.mark.as_root
def test_into_the_mount_namespace_of_a_process(vantage: str) -> None:
    from ovsi.linux import namespaces

    make("l0", "up", "wk", "t")
    image = images.image([b"/tmp/l0"], b"/tmp/up", b"/tmp/wk")
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        namespaces.unshare(namespaces.CLONE_NEWNS)
        mountapi.mount(None, b"/", None, mountapi.MS_REC | mountapi.MS_PRIVATE)
        os.write(ready[1], b"x")
        os.close(done[1])
        os.read(done[0], 1)
        os._exit(0 if Path("/tmp/t/who").read_text() == "up" else 1)
    os.read(ready[0], 1)
    result = restore(image, Request(target=b"/tmp/t", pid=child))
    assert result.overlays[0].mount_id is not None
    assert not Path("t").is_mount()
    os.close(done[1])
    assert os.waitpid(child, 0)[1] == 0
