"""Mounts of a restore on mounts of the same restore: each lands where the image has it, and nothing besides."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ovsi.errors import Refusal
from ovsi.image import model
from ovsi.plan.order import commit_order
from ovsi.plan.records import MountPlan, Request
from ovsi.restore import restore

from . import images
from .test_restore_mounts import ALL, shared
from .test_restore_stacks import descriptors, entries, entry, make

Mounts = dict[str, model.Propagation | None]


def two(first: Mounts, second: Mounts, nested: bool = False) -> model.Image:
    """Two overlays, each mounted at several places below the root; the first is a layer of the second if `nested`."""
    make(
        "l0",
        "l0/in",
        "l1",
        "l1/in",
        "l1/sub",
        "l2",
        *[f"root{point}" for point in (*first, *second) if point.count("/") < 2],
    )
    one = images.image([b"/tmp/l0", b"/tmp/l2"])
    image = (
        images.nested(one, [b"/tmp/l1"], b"/unused") if nested else both(one, images.image([b"/tmp/l1", b"/tmp/l2"]))
    )
    outer, inner = image.overlays
    mounts: list[model.Mount] = []
    for overlay, shapes in ((inner, first), (outer, second)):
        base = next(mount for mount in image.mounts if mount.filesystem == overlay.filesystem)
        mounts += [
            base.replace(id=overlay.id + point, mount_point=point.encode(), propagation=propagation)
            for point, propagation in shapes.items()
        ]
    rest = tuple(mount for mount in image.mounts if mount.filesystem not in (inner.filesystem, outer.filesystem))
    return image.replace(
        mounts=(*mounts, *rest),
        overlays=(
            outer.replace(mounts=tuple(outer.id + point for point in second)),
            inner.replace(mounts=tuple(inner.id + point for point in first)),
        ),
    )


def both(inner: model.Image, outer: model.Image) -> model.Image:
    """The overlays of two images in one."""
    image = images.nested(inner, [b"/tmp/l1"], b"/unused")
    plain = outer.overlays[0].layers
    return image.replace(overlays=(image.overlays[0].replace(layers=plain), image.overlays[1]))


def who(point: str) -> str:
    return Path(f"/tmp/root{point}/who").read_text()


@pytest.mark.in_both
@pytest.mark.parametrize("nested", [False, True])
def test_an_overlay_mounted_beside_and_on_another(vantage: str, nested: bool) -> None:
    """OVSI-REST-021, OVSI-CLI-020: the other one is attached first, else it would hide the mount on it."""
    image = two({"/a": None, "/b/in": None}, {"/b": None}, nested)
    held = descriptors()
    restore(image, ALL)
    assert (who("/a"), who("/b/in"), descriptors()) == ("l0", "l0", held)
    assert entry("/tmp/root/b/in").parent_id == entry("/tmp/root/b").mount_id


@pytest.mark.in_both
def test_a_mount_that_all_peers_of_its_parent_have(vantage: str) -> None:
    """OVSI-REST-035: the kernel attaches it to all of them, and each counts as the mount of the image."""
    group, slave = shared(7), shared(None, 7)
    image = two(
        {"/b/in": shared(8), "/c/in": shared(8), "/d/in": shared(None, 8)}, {"/b": group, "/c": group, "/d": slave}
    )
    count, held = len(entries()), descriptors()
    result = restore(image, ALL)
    assert (len(entries()), descriptors()) == (count + 6, held)
    b, c, d = (entry(f"/tmp/root/{name}/in") for name in "bcd")
    assert b.shared == c.shared == d.master != d.shared
    assert {one.mount_id for one in result.overlays} >= {b.mount_id, c.mount_id, d.mount_id}


@pytest.mark.in_both
def test_a_mount_that_a_peer_of_its_parent_has_not(vantage: str) -> None:
    """OVSI-REST-021: that peer came after the mount, and comes after it again."""
    group = shared(7)
    image = two({"/b/in": shared(8)}, {"/b": group, "/c": group, "/d": shared(None, 7)})
    count = len(entries())
    restore(image, ALL)
    assert len(entries()) == count + 4
    assert (who("/b/in"), entry("/tmp/root/b").shared) == ("l0", entry("/tmp/root/c").shared)


@pytest.mark.in_both
def test_what_no_order_gives_is_refused(vantage: str) -> None:
    """OVSI-REST-021: of two peers each has a mount that the other has not, so one would get a mount too many."""
    group = shared(7)
    image = two({"/b/in": None, "/c/sub": None}, {"/b": group, "/c": group})
    before = entries()
    with pytest.raises(Refusal) as refused:
        restore(image, ALL)
    assert refused.value.code == "stack-differs"
    assert entries() == before


@pytest.mark.in_both
def test_a_target_that_was_removed(vantage: str) -> None:
    """OVSI-REST-022: seen before a superblock is created, which writes."""
    make("l0", "up", "wk", "gone")
    image = images.image([b"/tmp/l0"], b"/tmp/up", b"/tmp/wk")
    held = os.open("gone", os.O_RDONLY)
    (Path("gone") / "who").unlink()
    Path("gone").rmdir()
    with pytest.raises(Refusal) as refused:
        restore(image, Request(target=b"/proc/self/fd/%d" % held))
    assert (refused.value.code, [one.name for one in Path("wk").iterdir()]) == ("target-missing", ["who"])


def plan(target: bytes, peer: int | None = None, master: int | None = None, root: bytes = b"/") -> MountPlan:
    return MountPlan(root, target, None, (), peer, master, False)


def test_the_order_of_commits() -> None:
    order = commit_order([("i", plan(b"/r/o/in")), ("i", plan(b"/r/z/")), ("o", plan(b"/r/o//"))])
    assert order == [1, 2, 0]
    # A peer that shows the directory elsewhere, and has the mount; one that does not show it.
    entries = [
        ("i", plan(b"/a/sub/in", 2)),
        ("i", plan(b"/b/in", 2)),
        ("o", plan(b"/a", 1)),
        ("o", plan(b"/b", 1, root=b"/sub")),
        ("o", plan(b"/c", 1, root=b"/other")),
    ]
    assert commit_order(entries) == [2, 3, 4, 0, 1]
    # One that has not, by way of a slave's own group.
    entries = [("i", plan(b"/a/in")), ("o", plan(b"/c", None, 3)), ("o", plan(b"/b", 3, 1)), ("o", plan(b"/a", 1))]
    assert commit_order(entries) == [3, 0, 1, 2]


def test_an_order_that_goes_in_a_circle_is_that_of_the_targets() -> None:
    entries = [("i", plan(b"/a/x")), ("j", plan(b"/b/y")), ("o", plan(b"/a", 1)), ("o", plan(b"/b", 1))]
    assert commit_order(entries) == [2, 3, 0, 1]
