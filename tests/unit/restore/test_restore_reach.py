"""Sources that are hidden, below mounts that cover them: restored in every way of layer setup, or refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ovsi.errors import Refusal
from ovsi.image import model
from ovsi.linux import mountapi
from ovsi.linux.mounttable import read_mount_table
from ovsi.linux.namespaces import open_process, process_start_time
from ovsi.linux.syscall import AT_FDCWD, closing
from ovsi.plan import Request
from ovsi.restore import restore

from tests.support.unmounting import unmount

from . import images
from .test_restore_stacks import SETUPS, descriptors, entries, make

if TYPE_CHECKING:
    from ovsi.restore.result import Setup

TARGET = Request(target=b"/tmp/t")


def mounted(path: str) -> None:
    Path(path).mkdir(parents=True, exist_ok=True)
    mountapi.mount(b"x", b"/tmp/" + path.encode(), b"tmpfs")


def stack(at: str) -> model.Image:
    """A whole stack on a tmpfs of its own."""
    mounted(at)
    make(f"{at}/l0", f"{at}/d/up", f"{at}/d/wk")
    Path(f"{at}/d/up/who").unlink()
    whole = b"/tmp/" + at.encode()
    return images.image([whole + b"/l0"], whole + b"/d/up", whole + b"/d/wk")


def twin(at: str) -> None:
    """What a guess would take: the same names on another tmpfs."""
    mounted(at)
    make(f"{at}/l0", f"{at}/d/up", f"{at}/d/wk")
    Path(f"{at}/l0/who").write_text("twin")


def restored(image: model.Image, setup: Setup | None) -> None:
    count, held = len(entries()), descriptors()
    restore(image, TARGET, setup=setup)
    assert (len(entries()), descriptors()) == (count + 1, held)
    Path("t/new").touch()


@pytest.mark.in_both
@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("covers", [["fs"], ["fs", "fs"], ["far"], ["far", "far/fs"]])
def test_a_covered_mount_point(vantage: str, setup: Setup, covers: list[str]) -> None:
    """By a twin, by two, by one above its mount point, by one above and a twin on that."""
    at = "far/fs" if "far" in covers else "fs"
    make("t")
    image = stack(at)
    os.mkdir("peek")
    mountapi.mount(b"/tmp/" + at.encode(), b"/tmp/peek", None, mountapi.MS_BIND)
    hold = os.open("peek", os.O_RDONLY)
    mountapi.umount2(b"/tmp/peek", mountapi.MNT_DETACH)
    for cover in covers:
        twin(cover)
    restored(image, setup)
    assert Path("t/who").read_text() == f"{at}/l0"
    assert os.path.lexists(f"/proc/self/fd/{hold}/d/up/new")


@pytest.mark.in_both
def test_two_file_systems_one_over_the_other(vantage: str) -> None:
    make("t")
    mounted("fs")
    make("fs/low")
    describer = images.Describer()
    low = describer.source(b"/tmp/fs/low")
    mounted("fs")
    make("fs/high", "fs/up", "fs/wk")
    describer.table = read_mount_table()
    image = images.image([b"/tmp/fs/high"], b"/tmp/fs/up", b"/tmp/fs/wk", describer=describer)
    overlay = image.overlays[0]
    layers = (*overlay.layers, model.Layer(role="lower", **low.fields()))
    twin("fs")
    image = image.replace(overlays=(overlay.replace(layers=layers),))
    Path("fs/l0/who").unlink()
    restored(image, None)
    shown = [option for option in entries()[-1].options if option.startswith(b"lowerdir+")]
    assert len(shown) == 2


@pytest.mark.in_both
def test_upper_in_sight_and_work_covered(vantage: str) -> None:
    """The kernel wants both on one mount, so both are taken from the covered one."""
    make("t", "left")
    image = stack("fs")
    mountapi.mount(b"/tmp/fs/d/up", b"/tmp/left", None, mountapi.MS_BIND)
    twin("fs")
    restored(image, None)
    assert Path("left/new").exists()


@pytest.mark.in_both
def test_upper_and_work_are_taken_from_the_mount_that_shows_both(vantage: str) -> None:
    make("t", "a", "b", "whole")
    image = stack("fs")
    for source, target in ((b"fs/d/up", b"a"), (b"fs/d/wk", b"b"), (b"fs", b"whole")):
        mountapi.mount(b"/tmp/" + source, b"/tmp/" + target, None, mountapi.MS_BIND)
    mountapi.umount2(b"/tmp/fs", mountapi.MNT_DETACH)
    restored(image, None)
    assert Path("a/new").exists()


@pytest.mark.as_root
def test_a_mount_that_is_read_only_or_maps_ids_is_none_for_the_upper(vantage: str) -> None:
    from ovsi.linux.idmap import user_namespace
    from ovsi.linux.namespaces import IdRange

    make("t", "mapped", "left")
    image = stack("fs")
    namespace = user_namespace([IdRange(0, 1000, 10)], [IdRange(0, 1000, 10)])
    tree = mountapi.open_tree(-100, b"/tmp/fs", mountapi.OPEN_TREE_CLONE)
    mountapi.mount_setattr(tree, b"", 0x1000, set_=mountapi.MOUNT_ATTR_IDMAP, userns_fd=namespace)
    mountapi.move_mount(tree, b"", -100, b"/tmp/mapped", mountapi.MOVE_MOUNT_F_EMPTY_PATH)
    os.close(tree)
    os.close(namespace)
    mountapi.mount_setattr(-100, b"/tmp/fs", 0, set_=mountapi.MOUNT_ATTR_RDONLY)
    with pytest.raises(Refusal) as refused:
        restore(image, TARGET)
    assert (refused.value.code, refused.value.subject) == ("filesystem-missing", "o/upper")
    assert "is mounted read-only, or maps IDs, wherever" in refused.value.message
    mountapi.mount(b"/tmp/fs", b"/tmp/left", None, mountapi.MS_BIND)
    mountapi.mount_setattr(-100, b"/tmp/left", 0, clear=mountapi.MOUNT_ATTR_RDONLY)
    restored(image, None)
    assert os.stat("t/who").st_uid == 0


@pytest.mark.in_both
def test_a_file_system_that_is_read_only_is_none_for_the_upper(vantage: str) -> None:
    """Whatever its mounts are."""
    make("t", "left")
    image = stack("fs")
    mountapi.mount(b"/tmp/fs", b"/tmp/left", None, mountapi.MS_BIND)
    mountapi.mount(b"none", b"/tmp/left", None, mountapi.MS_REMOUNT | mountapi.MS_RDONLY)
    mountapi.mount_setattr(-100, b"/tmp/left", 0, clear=mountapi.MOUNT_ATTR_RDONLY)
    with pytest.raises(Refusal, match="is mounted read-only") as refused:
        restore(image, TARGET)
    assert (refused.value.code, refused.value.subject) == ("filesystem-missing", "o/upper")


def held_by_this_process(at: str) -> tuple[model.Image, int]:
    """Two lowers on a tmpfs that is attached nowhere, and the descriptor by which alone it is held."""
    mounted(at)
    make(f"{at}/l0", f"{at}/l1")
    whole = b"/tmp/" + at.encode()
    image = images.image([whole + b"/l0", whole + b"/l1"])
    tree = mountapi.open_tree(AT_FDCWD, whole, mountapi.OPEN_TREE_CLONE)
    unmount(whole)
    with closing(open_process(None)) as me:
        process = model.Process(pid=os.getpid(), start_time=process_start_time(me), through=f"fd/{tree}")
    overlay = image.overlays[0]
    layers = tuple(
        layer.replace(location=model.Place(process=process, path=b"/l%d" % index), state="detached", reason="held")
        for index, layer in enumerate(overlay.layers)
    )
    return image.replace(overlays=(overlay.replace(layers=layers),)), tree


@pytest.mark.in_both
def test_what_a_process_holds(vantage: str) -> None:
    make("t")
    image, tree = held_by_this_process("fs")
    held = descriptors()
    restore(image, TARGET)
    assert descriptors() == held
    assert sorted(os.listdir("t")) == ["who"]
    assert Path("t/who").read_text() == "fs/l0"
    os.close(tree)


@pytest.mark.in_both
@pytest.mark.parametrize("change", [{"type": "xfs"}, {"uuid": "12345678-1234-4234-8234-123456789abc"}])
def test_what_a_process_holds_is_of_another_file_system(vantage: str, change: dict[str, str]) -> None:
    """The type and the UUID are compared there too, though no table of mounts tells them."""
    make("t")
    image, tree = held_by_this_process("fs")
    filesystems = tuple(one if one.type == "overlay" else one.replace(**change) for one in image.filesystems)
    with pytest.raises(Refusal) as refused:
        restore(image.replace(filesystems=filesystems), TARGET)
    assert refused.value.code == "identity-differs"
    os.close(tree)


@pytest.mark.in_both
@pytest.mark.parametrize("setup", [None, "append", "page"])
def test_directories_deeper_than_a_path_can_say(vantage: str, setup: Setup | None) -> None:
    """Layers may be mounted from a working directory there: the image has their path, no call takes it as a whole."""
    make("t", "fs", "fs/l0", "fs/d", "fs/d/up", "fs/d/wk")
    image = images.image([b"/tmp/fs/l0"], b"/tmp/fs/d/up", b"/tmp/fs/d/wk")
    os.chdir("fs")
    deep = [b"n" * 250] * 20
    for name in deep:
        os.mkdir(name)
        os.chdir(name)
    for layer in ("l0", "d"):
        os.rename("/tmp/fs/" + layer, layer)
    os.chdir("/tmp")
    moved = b"/fs/" + b"/".join(deep)
    overlay = image.overlays[0]
    assert overlay.work is not None
    image = image.replace(
        overlays=(
            overlay.replace(
                layers=tuple(one.replace(path=moved + (one.path or b"")[3:]) for one in overlay.layers),
                work=overlay.work.replace(path=moved + b"/d/wk"),
            ),
        )
    )
    restored(image, setup)
    assert Path("t/who").read_text() == "fs/d/up"
