"""A restore on a kernel that lacks what is newer than Linux 5.10: it works in another way, or says what is missing."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ovsi.errors import Refusal
from ovsi.image import model
from ovsi.linux import mountapi
from ovsi.plan import Request
from ovsi.restore import own, restore

from tests.support import command
from tests.support.unmounting import unmount

from . import images, test_restore_mounts, test_restore_stacks
from .lacking import ALL_TOGETHER, MOUNT_SETATTR, NEWER_THAN_5_10, Lack, lack
from .test_restore_finished import introspection
from .test_restore_refusals import refused
from .test_restore_stacks import SETUPS, descriptors, entries, entry, make

if TYPE_CHECKING:
    from ovsi.restore.result import Setup

ATTRIBUTES: list[tuple[str, ...]] = [
    (),
    ("rw", "relatime"),
    ("ro", "relatime"),
    ("rw", "nosuid", "relatime"),
    ("rw", "nodev", "relatime"),
    ("rw", "noexec", "relatime"),
    ("rw", "noatime"),
    ("rw",),  # strictatime
    ("rw", "nodiratime", "relatime"),
    ("rw", "relatime", "nosymfollow"),
    ("ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "nosymfollow"),
    ("ro", "nosuid", "nodev", "noexec", "nodiratime", "nosymfollow"),
]
ALL = Request(all_root=b"/tmp/root")
LACKS = {**NEWER_THAN_5_10, "all together": ALL_TOGETHER}
BELOW = [test_restore_mounts.below_private, test_restore_mounts.below_shared]


def stack(attributes: list[tuple[str, ...]], flags: tuple[str, ...] = ()) -> model.Image:
    """One overlay mounted once for each of the attributes."""
    image = test_restore_mounts.stack(*((b"/%d" % number, b"/", None) for number in range(len(attributes))))
    own = [mount.replace(attributes=words) for mount, words in zip(image.mounts, attributes, strict=False)]
    overlay = image.overlays[0].replace(superblock_flags=flags)
    return image.replace(mounts=(*own, *image.mounts[len(own) :]), overlays=(overlay,))


@pytest.mark.in_both
@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("flags", [(), ("ro",)])
def test_every_attribute_without_mount_setattr(vantage: str, setup: Setup, flags: tuple[str, ...]) -> None:
    """OVSI-REST-018, OVSI-REST-027."""
    image = stack(ATTRIBUTES, flags)
    lack(MOUNT_SETATTR)
    count, held = len(entries()), descriptors()
    restore(image, ALL, setup=setup)
    assert (len(entries()), descriptors()) == (count + len(ATTRIBUTES), held)
    for number, words in enumerate(ATTRIBUTES):
        shown = {word.decode() for word in entry(f"/tmp/root/{number}").attributes}
        assert shown == set(words or ("rw", "relatime"))


@pytest.mark.in_both
@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("parent", BELOW)
@pytest.mark.parametrize("lacks", [(MOUNT_SETATTR,), ALL_TOGETHER], ids=["mount_setattr", "all"])
def test_propagation_without_it(
    vantage: str, setup: Setup, parent: Callable[[], None], lacks: tuple[Lack, ...]
) -> None:
    """OVSI-REST-019, OVSI-REST-035."""
    if setup == "descriptor" and lacks is ALL_TOGETHER:
        pytest.skip("that is what is lacked")
    lack(*lacks)
    test_restore_mounts.test_peers_slaves_and_their_slaves(vantage, setup, parent)


@pytest.mark.in_both
@pytest.mark.parametrize("wanted", ["private", "shared", "unbindable"])
@pytest.mark.parametrize("parent", [mountapi.MS_SHARED, mountapi.MS_PRIVATE])
def test_propagation_of_one_mount(vantage: str, wanted: str, parent: int) -> None:
    """OVSI-REST-019."""
    lack(MOUNT_SETATTR)
    test_restore_stacks.test_propagation_below_any_parent(vantage, wanted, parent)


@pytest.mark.as_root
def test_id_mapped_layers_are_refused_by_name(vantage: str) -> None:
    """OVSI-REST-022, OVSI-REST-034."""
    make("l0", "l1", "up", "wk", "t")
    image = images.image([b"/tmp/l0", b"/tmp/l1"], b"/tmp/up", b"/tmp/wk")
    extent = (model.IdRange(inside=0, outside=100000, count=65536),)
    layers = list(image.overlays[0].layers)
    layers[1] = layers[1].replace(idmap=model.LayerIdmap(uid_map=extent, gid_map=extent))
    image = image.replace(overlays=(image.overlays[0].replace(layers=tuple(layers)),))
    lack(MOUNT_SETATTR)
    refusal = refused(image)
    assert (refusal.code, refusal.subject) == ("unsupported-kernel", "o/lower/0")
    assert "mount_setattr" in refusal.message


def below_a_peer() -> None:
    """The root of the restore is shared, and has a peer: a copy of what is mounted below it is a peer of that."""
    make("peer")
    mountapi.mount(b"/tmp/root", b"/tmp/root", None, mountapi.MS_BIND)
    mountapi.mount(None, b"/tmp/root", None, mountapi.MS_SHARED)
    mountapi.mount(b"/tmp/root", b"/tmp/peer", None, mountapi.MS_BIND)


@pytest.mark.in_both
def test_a_slave_that_would_be_one_of_its_copies(vantage: str) -> None:
    """OVSI-REST-035: without MOVE_MOUNT_SET_GROUP there is no way; it must not become private in silence."""
    shared, slave = model.Propagation(peer_group=7), model.Propagation(master=7)
    image = test_restore_mounts.stack((b"/a", b"/", shared), (b"/s", b"/", slave))
    below_a_peer()
    lack(*NEWER_THAN_5_10["MOVE_MOUNT_SET_GROUP"])
    before, held = entries(), descriptors()
    with pytest.raises(Refusal) as caught:
        restore(image, ALL)
    assert (caught.value.code, caught.value.subject) == ("unsupported-kernel", "/tmp/root/s")
    assert (entries(), descriptors()) == (before, held)


@pytest.mark.in_both
def test_a_slave_of_more_than_its_master_shows(vantage: str) -> None:
    """OVSI-REST-035: no other mount needs to show all of it where its parent has no peers."""
    shared, slave = model.Propagation(peer_group=7), model.Propagation(master=7)
    image = test_restore_mounts.stack((b"/a", b"/sub", shared), (b"/s", b"/", slave))
    test_restore_mounts.below_shared()
    restore(image, ALL)
    assert (entry("/tmp/root/s").shared, entry("/tmp/root/s").master) == (None, entry("/tmp/root/a").shared)


@pytest.mark.in_both
@pytest.mark.parametrize("layers", [2, 500])
@pytest.mark.parametrize("lacks", LACKS.values(), ids=LACKS)
def test_nothing_newer_is_needed(vantage: str, layers: int, lacks: tuple[Lack, ...]) -> None:
    """OVSI-REST-012, OVSI-REST-013."""
    make(*(f"l/{number}" for number in range(layers)), "up", "wk", "t")
    image = images.image([b"/tmp/l/%d" % number for number in range(layers)], b"/tmp/up", b"/tmp/wk")
    lack(*lacks)
    count, held = len(entries()), descriptors()
    restore(image, Request(target=b"/tmp/t"))
    assert (len(entries()), descriptors()) == (count + 1, held)
    Path("t/new").touch()
    assert Path("up/new").exists()
    assert Path("t/who").read_text() == "up"


@pytest.mark.as_root
@pytest.mark.parametrize("layers", [2, 500])
@pytest.mark.parametrize("lacks", LACKS.values(), ids=LACKS)
def test_a_dump_needs_nothing_newer(vantage: str, layers: int, lacks: tuple[Lack, ...]) -> None:
    """OVSI-DUMP-001: two mounts of one overlay, peers, dumped, unmounted and restored."""
    introspection()
    make(*(f"l/{number}" for number in range(layers)), "up", "wk", "root/a", "root/b")
    image = images.image([b"/tmp/l/%d" % number for number in range(layers)], b"/tmp/up", b"/tmp/wk")
    restore(image, Request(target=b"/tmp/root/a"))
    mountapi.mount(None, b"/tmp/root/a", None, mountapi.MS_SHARED)
    mountapi.mount(b"/tmp/root/a", b"/tmp/root/b", None, mountapi.MS_BIND)
    lack(*lacks)
    dump = command.run("dump", "--pid", str(os.getpid()), "--mountpoint", "/tmp/root/a", "--output", "image")
    assert (dump.returncode, dump.stderr) == (0, "")
    for point in (b"/tmp/root/a", b"/tmp/root/b"):
        unmount(point)
    again = command.run("restore", "--image", "image", "--all", "--root", "/")
    assert (again.returncode, again.stderr) == (0, "")
    a, b = entry("/tmp/root/a"), entry("/tmp/root/b")
    assert a.shared == b.shared is not None
    assert Path("root/b/who").read_text() == "up"


@pytest.mark.in_both
def test_a_target_in_another_namespace_without_statmount(vantage: str) -> None:
    """OVSI-REST-022."""
    from . import test_restore_early

    lack(*ALL_TOGETHER)
    test_restore_early.test_a_target_in_another_mount_namespace(vantage)


@pytest.mark.in_both
def test_a_mount_namespace_without_proc(vantage: str) -> None:
    """An inner overlay by one page of options, in a namespace whose root is no longer this process's."""
    lack(*ALL_TOGETHER)
    test_restore_stacks.test_an_inner_overlay_that_is_mounted_nowhere_is_built_first(vantage, "page")


@pytest.mark.as_root
@pytest.mark.parametrize("roles", ["all", "lower"])
def test_id_mapped_layers_where_no_copy_is_made_of_a_copy(
    vantage: str, roles: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By one page, as on Linux 5.19 to 6.4: their own trees are copied from where they are attached."""

    def of_attached(fd: int) -> int:
        if own.mount_id(fd) not in {mount.mount_id for mount in entries()}:
            raise OSError(errno.EINVAL, "open_tree of a detached mount, before about Linux 6.15")
        return real(fd)

    real = own.clone_tree
    monkeypatch.setattr(own, "clone_tree", of_attached)
    test_restore_stacks.test_id_mapped_layers(vantage, "page", roles)
