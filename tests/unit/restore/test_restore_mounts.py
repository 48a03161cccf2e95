"""Several mounts of one overlay and what they are to each other: peers, slaves, directories, attributes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ovsi.errors import Refusal
from ovsi.image import model
from ovsi.linux import mountapi, mountinfo
from ovsi.plan import Request
from ovsi.restore import explain as explain  # nothing can be imported below another root
from ovsi.restore import held_by_kernel as held_by_kernel
from ovsi.restore import names as names
from ovsi.restore import restore

from . import images
from .test_restore_finished import introspection
from .test_restore_stacks import SETUPS, descriptors, entries, entry, make

if TYPE_CHECKING:
    from ovsi.restore.result import Setup

Shape = tuple[bytes, bytes, model.Propagation | None]
ALL = Request(all_root=b"/tmp/root")


def stack(*shapes: Shape) -> model.Image:
    """One overlay mounted many times: where, which directory of it, and its propagation."""
    make("l0/sub", "up", "wk")
    image = images.image([b"/tmp/l0"], b"/tmp/up", b"/tmp/wk")
    base = image.mounts[0]
    mounts = tuple(
        base.replace(id=f"own{number}", mount_id=number + 1, root=root, mount_point=point, propagation=propagation)
        for number, (point, root, propagation) in enumerate(shapes)
    )
    for point, _root, _propagation in shapes:
        make("root" + point.decode())
    overlay = image.overlays[0].replace(mounts=tuple(mount.id for mount in mounts))
    return image.replace(mounts=(*mounts, *image.mounts[1:]), overlays=(overlay,))


def shared(peer: int | None = None, master: int | None = None) -> model.Propagation:
    return model.Propagation(peer_group=peer, master=master)


def at(point: str) -> mountinfo.Mount:
    return entry("/tmp/root" + point)


def below_shared() -> None:
    mountapi.mount(None, b"/tmp", None, mountapi.MS_SHARED)


def below_private() -> None:
    """As every test begins."""


@pytest.mark.in_both
@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("parent", [below_private, below_shared])
def test_peers_slaves_and_their_slaves(vantage: str, setup: Setup, parent: Callable[[], None]) -> None:
    image = stack(
        (b"/a", b"/", shared(7)),
        (b"/b", b"/sub", shared(7)),
        (b"/c", b"/", shared(9, 7)),
        (b"/d", b"/", shared(None, 9)),
        (b"/e", b"/", shared(11)),
        (b"/f", b"/", None),
        (b"/g", b"/", model.Propagation(unbindable=True)),
        (b"/h", b"/", shared(12, 99)),
    )
    parent()
    count, held = len(entries()), descriptors()
    result = restore(image, ALL, setup=setup)
    assert (len(entries()), descriptors()) == (count + 8, held)
    a, b, c, d, e, f, g, h = (at("/" + name) for name in "abcdefgh")
    assert a.shared == b.shared is not None
    assert (a.master, b.master) == (None, None)
    assert (c.master, c.shared != a.shared, c.shared is not None) == (a.shared, True, True)
    assert (d.shared, d.master) == (None, c.shared)
    assert e.shared not in (None, a.shared, c.shared)
    assert (f.shared, f.master, f.unbindable) == (None, None, False)
    assert (g.shared, g.unbindable) == (None, True)
    assert (h.shared is not None, h.master) == (True, None)
    assert [b.root, a.root] == [b"/sub", b"/"]
    assert any("peer group 99" in note for note in result.notes)
    mountapi.mount(b"x", b"/tmp/root/a/sub", b"tmpfs")
    assert os.path.ismount("root/c/sub")
    assert os.path.ismount("root/d/sub")
    assert not os.path.ismount("root/e/sub")


@pytest.mark.in_both
def test_a_slave_below_a_shared_mount_that_has_a_peer(vantage: str) -> None:
    """What comes to be below that peer is a copy of it, and must not become its master."""
    image = stack((b"/a", b"/", shared(7)), (b"/s", b"/", shared(None, 7)))
    make("peer")
    mountapi.mount(b"/tmp/root", b"/tmp/root", None, mountapi.MS_BIND)
    mountapi.mount(None, b"/tmp/root", None, mountapi.MS_SHARED)
    mountapi.mount(b"/tmp/root", b"/tmp/peer", None, mountapi.MS_BIND)
    held = descriptors()
    restore(image, ALL)
    assert descriptors() == held
    a, s = at("/a"), at("/s")
    assert a.shared is not None
    assert (s.shared, s.master) == (None, a.shared)
    mountapi.mount(b"x", b"/tmp/root/a/sub", b"tmpfs")
    assert os.path.ismount("root/s/sub")


@pytest.mark.in_both
def test_one_superblock_many_mounts(vantage: str) -> None:
    image = stack((b"/a", b"/", None), (b"/b", b"/sub", None), (b"/a/sub", b"/", None))
    restore(image, ALL)
    assert len({mount.device for mount in entries() if mount.fs_type == b"overlay"}) == 1
    Path("root/b/new").touch()
    assert Path("up/sub/new").exists()
    assert Path("root/a/sub/who").exists()


@pytest.mark.in_both
def test_a_slave_alone_becomes_private(vantage: str) -> None:
    image = stack((b"/a", b"/", shared(None, 7)), (b"/b", b"/", shared(7)))
    make("t")
    result = restore(image, Request(target=b"/tmp/t"))
    assert (entry("/tmp/t").shared, entry("/tmp/t").master) == (None, None)
    assert len(result.notes) == 1


@pytest.mark.in_both
def test_a_circle_of_masters_ends(vantage: str) -> None:
    image = stack((b"/a", b"/", shared(7, 9)), (b"/b", b"/", shared(9, 7)))
    restore(image, ALL)
    assert None not in (at("/a").shared, at("/b").shared)


@pytest.mark.in_both
@pytest.mark.parametrize("setup", SETUPS)
def test_below_a_root_that_is_no_mount_point(vantage: str, setup: Setup) -> None:
    make("box/l0", "box/up", "box/wk", "box/t", "box/proc", "box/tmp")
    mountapi.mount(b"/proc", b"/tmp/box/proc", None, mountapi.MS_BIND | mountapi.MS_REC)
    mountapi.mount(b"/tmp", b"/tmp/box/tmp", None, mountapi.MS_BIND)
    image = images.image([b"/tmp/box/l0"], b"/tmp/box/up", b"/tmp/box/wk")
    if vantage == "root":
        introspection()
    try:
        os.chroot("box")
        os.chdir("/tmp")
        restore(image, Request(target=b"/t"), setup=setup)
        assert Path("/t/who").read_text() in ("box/up", "box/l0")
    finally:
        os.chdir("/")


@pytest.mark.in_both
@pytest.mark.parametrize("link", ["/tmp/out", "../../out", "inside"])
def test_a_link_on_the_way_does_not_lead_out_of_the_root(vantage: str, link: str) -> None:
    """OVSI-SEC-002. One that stays below it is followed."""
    image = stack((b"/x/dir/merged", b"/", None))
    make("out/merged", "root/x/inside/merged")
    os.rename("root/x/dir", "root/x/was")
    os.symlink(link, "root/x/dir")
    if link == "inside":
        restore(image, ALL)
        assert os.path.ismount("root/x/inside/merged")
    else:
        with pytest.raises(Refusal) as refused:
            restore(image, ALL)
        assert refused.value.code == "target-not-a-directory"
        assert not os.path.ismount("out/merged")


@pytest.mark.in_both
def test_a_target_below_a_mount_of_the_restore(vantage: str) -> None:
    """Opened in its turn, when that mount is there; where that fails, none stays."""
    image = stack((b"/a", b"/", None), (b"/a/sub", b"/", None), (b"/a/none", b"/", None))
    count = len(entries())
    with pytest.raises(Refusal) as refused:
        restore(image, ALL)
    assert (refused.value.code, len(entries())) == ("target-missing", count)
