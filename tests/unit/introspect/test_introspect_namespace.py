"""The mounts of a namespace, by the kernel's own structures against what mountinfo says."""

from __future__ import annotations

import os

import pytest
from ovsi.introspect.errors import Inconsistent
from ovsi.introspect.facts import MountFacts
from ovsi.introspect.introspector import Introspector
from ovsi.linux import mountapi, namespaces, statmount
from ovsi.linux.syscall import AT_FDCWD, closing

from tests.support.unmounting import unmount

pytestmark = pytest.mark.on_real_mounts


def mounts_of(process: int | str) -> dict[int, MountFacts]:
    with closing(os.open(f"/proc/{process}/ns/mnt", os.O_RDONLY)) as fd, Introspector() as introspector:
        return {mount.mount_id: mount for mount in introspector.mounts(fd)}


def test_all_that_mountinfo_shows_is_found_and_is_the_same() -> None:
    for name in ("a", "a/b", "a/b/c"):
        os.mkdir(name)
        mountapi.mount(b"t", name.encode(), b"tmpfs")
    os.makedirs("a/b/c/d e\n")
    os.mkdir("bound")
    mountapi.mount(b"a/b/c/d e\n", b"bound", None, mountapi.MS_BIND)
    found = mounts_of("self")
    shown = 0
    with open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            number, parent, device, root, mountpoint = line.split()[:5]
            mount = found[int(number)]
            assert mount.parent_id == int(parent) or int(parent) not in found
            assert mount.device == tuple(map(int, device.split(b":")))
            assert mount.root == _unescape(root) or mount.filesystem != b"tmpfs"  # nsfs and others show other names
            above = found.get(int(parent))
            if above and mount.mountpoint and int(parent) != int(number):
                assert _unescape(mountpoint).endswith(mount.mountpoint.rstrip(b"/"))
            shown += 1
    assert shown > 5


def _unescape(field: bytes) -> bytes:
    return field.replace(b"\\040", b" ").replace(b"\\012", b"\n").replace(b"\\011", b"\t").replace(b"\\134", b"\\")


def test_unique_ids_are_those_of_statx() -> None:
    try:
        known = statmount.unique_ids()
    except OSError as missing:
        pytest.skip(str(missing))
    found = mounts_of("self")
    assert known
    for number, unique_id in known.items():
        assert found[number].unique_id == unique_id


def test_an_overlay_under_a_covered_mount_point() -> None:
    for name in ("l1", "l2", "m", "box"):
        os.mkdir(name)
    os.mkdir("box/m")
    mountapi.mount(b"t", b"box/m", b"overlay", 0, b"lowerdir=l1:l2")
    stat = os.stat("box/m")
    mountapi.mount(b"cover", b"box", b"tmpfs")
    device = os.major(stat.st_dev), os.minor(stat.st_dev)
    with closing(os.open("/proc/self/ns/mnt", os.O_RDONLY)) as fd, Introspector() as introspector:
        (mount,) = (mount for mount in introspector.mounts(fd) if mount.device == device)
        assert (mount.filesystem, mount.mountpoint, mount.root) == (b"overlay", b"/box/m", b"/")
        (facts,) = introspector.overlays([mount.superblock])
        with closing(os.open("/tmp", os.O_PATH)) as sources:
            assert facts.layers[0].directory.superblock == introspector.superblock_of(sources)
    assert [layer.directory.path for layer in facts.layers] == [b"/l1", b"/l2"]


def test_another_namespace_and_what_is_locked_there() -> None:
    os.mkdir("t")
    mountapi.mount(b"t", b"t", b"tmpfs")
    reader, writer = os.pipe()
    done_read, done_write = os.pipe()
    child = os.fork()
    if not child:
        namespaces.unshare(namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWNS)
        mountapi.mount(b"x", b"/tmp/t", b"tmpfs")
        os.write(writer, b"m")
        os.read(done_read, 1)
        os._exit(0)
    os.read(reader, 1)
    there = mounts_of(child)
    os.write(done_write, b"m")
    os.waitpid(child, 0)
    mine = mounts_of("self")
    assert not there.keys() & mine.keys()
    assert {mount.superblock for mount in mine.values()} <= {mount.superblock for mount in there.values()}
    locked = 0x800000  # MNT_LOCKED (include/linux/mount.h)
    assert any(mount.flags & locked for mount in there.values())
    assert not any(mount.flags & locked for mount in mine.values() if mount.filesystem == b"tmpfs")


def test_a_thousand_mounts_that_come_and_go() -> None:
    before = len(mounts_of("self"))
    for index in range(1000):
        os.mkdir(f"p{index}")
        mountapi.mount(b"t", f"p{index}".encode(), b"ramfs")
    with closing(os.open("/proc/self/ns/mnt", os.O_RDONLY)) as fd, Introspector() as introspector:
        assert len(introspector.mounts(fd)) == before + 1000
        for index in range(0, 1000, 2):
            unmount(f"p{index}".encode())
        assert len(introspector.mounts(fd)) == before + 500


def test_what_is_no_mount_namespace() -> None:
    with (
        closing(mountapi.open_tree(AT_FDCWD, b"/tmp", mountapi.OPEN_TREE_CLONE)) as tree,
        closing(os.open("/proc/self/ns/user", os.O_RDONLY)) as user,
        Introspector() as introspector,
    ):
        for fd in (tree, user):
            with pytest.raises(Inconsistent, match="not of a mount namespace"):
                introspector.mounts(fd)
