"""Every layer of real overlays, where mountinfo has names at best."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable

import pytest
from ovsi.introspect.errors import Inconsistent
from ovsi.introspect.facts import DATA, LOWER, UPPER, DirectoryFacts, OverlayFacts
from ovsi.introspect.introspector import Introspector
from ovsi.linux import idmap, mountapi, namespaces
from ovsi.linux.files import btrfs_subvolume, generation
from ovsi.linux.namespaces import IdRange
from ovsi.linux.syscall import AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE, closing

from tests.support.unmounting import unmount

pytestmark = pytest.mark.on_real_mounts


class Truth:
    """What stat(2) said of a directory before anything happened to it."""

    def __init__(self, path: str) -> None:
        with closing(os.open(path, os.O_RDONLY | os.O_DIRECTORY)) as fd:
            stat = os.fstat(fd)
            self.inode = stat.st_ino
            self.device = os.major(stat.st_dev), os.minor(stat.st_dev)
            try:
                self.generation: int | None = generation(fd)
            except OSError:  # tmpfs has no FS_IOC_GETVERSION
                self.generation = None

    def check(self, found: DirectoryFacts, path: str | None, deleted: bool = False) -> None:
        assert found.inode == self.inode
        assert found.device == self.device
        assert self.generation in (None, found.generation)
        assert found.path == (None if path is None else path.encode())
        assert found.deleted is deleted


def directories(*paths: str) -> list[Truth]:
    for path in paths:
        os.makedirs(path, exist_ok=True)
    return [Truth(path) for path in paths]


def overlay(
    target: str, lowers: Iterable[str], upper: str | None = None, work: str | None = None, more: str = ""
) -> None:
    """One string where it fits in a page, as mount(8) does it."""
    os.makedirs(target, exist_ok=True)
    options = f"lowerdir={':'.join(lowers)}" + (f",upperdir={upper},workdir={work}" if upper else "") + more
    mountapi.mount(b"test", target.encode(), b"overlay", 0, options.encode())


def introspect(path: str) -> OverlayFacts:
    with closing(os.open(path, os.O_PATH)) as fd, Introspector() as introspector:
        return introspector.overlay_of(fd)


def test_layers_with_their_roles_and_the_workdir() -> None:
    upper, work, first, second = directories("u", "w", "deep/er/l1", "l2")
    overlay("m", ("deep/er/l1", "l2"), "u", "w")
    facts = introspect("m")
    assert [layer.role for layer in facts.layers] == [UPPER, LOWER, LOWER]
    upper.check(facts.layers[0].directory, "/u")
    first.check(facts.layers[1].directory, "/deep/er/l1")
    second.check(facts.layers[2].directory, "/l2")
    assert facts.work
    work.check(facts.work, "/w")
    assert facts.layers[0].directory.filesystem == b"tmpfs"
    assert [layer.declared for layer in facts.layers] in ([b"u", b"deep/er/l1", b"l2"], [b"u", None, None])
    assert facts.workdir == b"w"
    stat = os.stat("m")
    assert facts.device == (os.major(stat.st_dev), os.minor(stat.st_dev))
    assert (facts.layers[1].uid_map, facts.layers[1].gid_map) == (None, None)


def test_without_an_upper() -> None:
    one, two = directories("1", "2")
    overlay("m", ("1", "2"))
    facts = introspect("m")
    assert [layer.role for layer in facts.layers] == [LOWER, LOWER]
    assert facts.work is None
    one.check(facts.layers[0].directory, "/1")
    two.check(facts.layers[1].directory, "/2")


def test_names_are_bytes() -> None:
    names = ["a:b", "c,d", "e\\f", "\udcff\n ", "x" * 255]
    truths = directories(*names)
    os.mkdir("m")
    escaped = [name.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,") for name in names]
    mountapi.mount(b"t", b"m", b"overlay", 0, os.fsencode(f"lowerdir={':'.join(escaped)}"))
    for truth, name, layer in zip(truths, names, introspect("m").layers, strict=True):
        assert layer.directory.path == b"/" + os.fsencode(name)
        assert layer.directory.inode == truth.inode


def test_sources_unmounted_lazily() -> None:
    truths = []
    for name in ("s1", "s2"):
        os.mkdir(name)
        mountapi.mount(b"source", name.encode(), b"tmpfs")
        truths += directories(f"{name}/a/b")
    overlay("m", ("s1/a/b", "s2/a/b"))
    for name in ("s1", "s2"):
        mountapi.umount2(name.encode(), mountapi.MNT_DETACH)
        os.rmdir(name)
    for truth, layer in zip(truths, introspect("m").layers, strict=True):
        truth.check(layer.directory, "/a/b")
    assert truths[0].device != truths[1].device


def test_deleted_and_renamed_layers() -> None:
    gone, moved, over, kept = directories("gone", "old/moved", "over", "kept")
    overlay("m", ("gone", "old/moved", "over", "kept"))
    os.rmdir("gone")
    os.mkdir("gone")  # a decoy
    os.rename("old", "new")
    os.mkdir("other")
    os.rename("other", "over")
    layers = [layer.directory for layer in introspect("m").layers]
    gone.check(layers[0], "/gone", deleted=True)
    moved.check(layers[1], "/new/moved")
    over.check(layers[2], "/over", deleted=True)
    kept.check(layers[3], "/kept")


@pytest.mark.parametrize("filesystem", ["tmpfs", "ext4"])  # kernels had ID-mapped mounts of the latter long before
def test_id_mapped_layers_whose_mount_is_gone(filesystem: str) -> None:
    if filesystem == "ext4":
        _image("disk", ["mkfs.ext4", "-q", "-F"], 16 << 20)
        _mount_image("disk", "ext4")
        os.chdir("on-disk")
    directories("plain", "one", "many")
    one = (IdRange(0, 100000, 65536),)
    many = tuple(IdRange(10 * index, 200000 + 20 * index, 5) for index in range(40))
    for name, ranges in (("one", one), ("many", many)):
        with (
            closing(idmap.user_namespace(ranges, ranges[:3])) as namespace,
            closing(mountapi.open_tree(AT_FDCWD, name.encode(), mountapi.OPEN_TREE_CLONE)) as tree,
        ):
            try:
                mountapi.mount_setattr(tree, b"", AT_EMPTY_PATH, set_=mountapi.MOUNT_ATTR_IDMAP, userns_fd=namespace)
            except OSError as missing:
                pytest.skip(f"no ID-mapped mounts of {filesystem} here: {missing}")
            os.mkdir(f"{name}-mapped")
            mountapi.move_mount(tree, b"", AT_FDCWD, f"{name}-mapped".encode(), mountapi.MOVE_MOUNT_F_EMPTY_PATH)
    overlay("m", ("one-mapped", "plain", "many-mapped"))
    for name in ("one-mapped", "many-mapped"):
        mountapi.umount2(name.encode(), mountapi.MNT_DETACH)
    layers = introspect("m").layers
    assert [layer.directory.path for layer in layers] == [b"/one", b"/plain", b"/many"]
    assert (layers[0].uid_map, layers[0].gid_map) == (one, one)
    assert (layers[1].uid_map, layers[1].gid_map) == (None, None)
    assert (layers[2].uid_map, layers[2].gid_map) == (many, many[:3])


def test_five_hundred_layers() -> None:
    names = [f"d{index}" for index in range(500)]
    truths = directories(*names)
    overlay("m", names)
    layers = introspect("m").layers
    assert len(layers) == 500
    for truth, name, layer in zip(truths, names, layers, strict=True):
        truth.check(layer.directory, f"/{name}")


def test_a_layer_deeper_than_a_path_may_be_long() -> None:
    top = os.open("/tmp", os.O_RDONLY)
    for _ in range(150):
        os.mkdir("n" * 100)
        os.chdir("n" * 100)
    os.mkdir("lower")
    os.mkdir("second")
    inode = os.stat("lower").st_ino
    directories("/tmp/m")
    mountapi.mount(b"t", b"/tmp/m", b"overlay", 0, b"lowerdir=lower:second")
    os.fchdir(top)
    found = introspect("m").layers[0].directory
    assert found.path == (b"/" + b"n" * 100) * 150 + b"/lower"
    assert found.inode == inode


def test_an_overlay_as_a_layer_of_another_one() -> None:
    inner_upper, _, _, other = directories("u", "w", "l", "other")
    overlay("inner", ("l",), "u", "w")
    os.mkdir("inner/sub")
    overlay("outer", ("inner/sub", "other"))
    inner = os.stat("inner")
    mountapi.umount2(b"inner", mountapi.MNT_DETACH)
    with closing(os.open("outer", os.O_PATH)) as fd, Introspector() as introspector:
        outer = introspector.overlay_of(fd)
        nested = outer.layers[0].directory
        assert nested.filesystem == b"overlay"
        assert nested.path == b"/sub"
        assert nested.device == (os.major(inner.st_dev), os.minor(inner.st_dev))
        (found,) = introspector.overlays([nested.superblock])
        inner_upper.check(found.layers[0].directory, "/u")
        other.check(outer.layers[1].directory, "/other")
        assert {outer.superblock, found.superblock} <= set(introspector.same_type(outer.superblock))


def test_data_only_layers() -> None:
    directories("l", "d1", "d2")
    os.mkdir("m")
    try:
        mountapi.mount(b"t", b"m", b"overlay", 0, b"metacopy=on,lowerdir=l::d1::d2")
    except OSError as missing:
        pytest.skip(f"no data-only layers here: {missing}")
    facts = introspect("m")
    assert [layer.role for layer in facts.layers] == [LOWER, DATA, DATA]
    assert [layer.directory.path for layer in facts.layers] == [b"/l", b"/d1", b"/d2"]
    assert dict(facts.options)["metacopy"] == "on"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("index=on,redirect_dir=on", {"index": "on", "redirect_dir": "on"}),
        ("redirect_dir=nofollow,xino=on", {"redirect_dir": "nofollow", "xino": "on"}),
        ("nfs_export=on,index=on", {"nfs_export": "on", "index": "on"}),
        ("userxattr,uuid=null", {"userxattr": "on", "uuid": "null"}),
        ("default_permissions,xino=off", {"default_permissions": "on", "xino": "off"}),
        ("volatile", {"volatile": "on", "fsync": "volatile"}),
        ("metacopy=on,verity=on", {"metacopy": "on", "verity": "on"}),
    ],
)
def test_options_in_effect(given: str, expected: dict[str, str]) -> None:
    directories("u", "w", "l")
    try:
        overlay("m", ("l",), "u", "w", f",{given}")
    except OSError as missing:
        pytest.skip(f"{given}: {missing}")
    options = dict(introspect("m").options)
    known = {name: value for name, value in expected.items() if name in options}
    assert known
    assert {name: options[name] for name in known} == known


def test_whose_an_overlay_is() -> None:
    directories("u", "w", "l")
    ready_read, ready_write = os.pipe()
    done_read, done_write = os.pipe()
    child = os.fork()
    if not child:
        os.setgroups([7, 4_000_000_000, 1000])
        namespaces.unshare(namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWNS)
        os.write(ready_write, b"m")
        os.read(done_read, 1)
        os.setresgid(5, 5, 5)
        os.setresuid(0, 0, 0)
        overlay("m", ("l",), more=":u,userxattr")
        os.write(ready_write, b"m")
        os.read(done_read, 1)
        os._exit(0)
    os.read(ready_read, 1)
    for kind in ("uid", "gid"):
        with open(f"/proc/{child}/{kind}_map", "w") as file:
            file.write("0 300000 1000\n5000 0 1\n")
    os.write(done_write, b"m")
    os.read(ready_read, 1)
    inum = os.stat(f"/proc/{child}/ns/user").st_ino
    facts = introspect(f"/proc/{child}/root/tmp/m")
    os.write(done_write, b"m")
    os.waitpid(child, 0)
    owner = facts.user_namespace
    assert (owner.inum, owner.level, owner.owner) == (inum, 1, 0)
    assert owner.uid_map == (IdRange(0, 300000, 1000), IdRange(5000, 0, 1))
    assert owner.parent
    assert owner.parent.inum == os.stat("/proc/self/ns/user").st_ino
    assert owner.parent.parent is None
    assert facts.creator.user_namespace == owner
    assert (facts.creator.uid, facts.creator.fsgid) == (300000, 300005)
    assert facts.creator.groups == (7, 1000, 4_000_000_000)
    assert dict(facts.options)["userxattr"] == "on"


def test_what_is_no_overlay_is_refused() -> None:
    with Introspector() as introspector, closing(os.open("/tmp", os.O_PATH)) as fd:
        with pytest.raises(Inconsistent, match="not of an overlay"):
            introspector.overlay_of(fd)
        with pytest.raises(Inconsistent, match="not open"):
            introspector.overlay_of(1000)


def test_one_introspector_sees_what_changes() -> None:
    directories("l1", "l2")
    overlay("m", ("l1", "l2"))
    with Introspector() as introspector, closing(os.open("m", os.O_PATH)) as fd:
        for name in ("x", "y", "z"):
            os.rename("l1" if name == "x" else chr(ord(name) - 1), name)
            assert introspector.overlay_of(fd).layers[0].directory.path == f"/{name}".encode()


def _image(name: str, maker: list[str], size: int) -> None:
    if not shutil.which(maker[0]):
        pytest.skip(f"no {maker[0]} here")
    with open(name, "wb") as file:
        file.truncate(size)
    subprocess.run([*maker, name], check=True, capture_output=True)


def _mount_image(name: str, filesystem: str) -> None:
    os.mkdir(f"on-{name}")
    done = subprocess.run(["mount", "-o", "loop", "-t", filesystem, name, f"on-{name}"], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"{filesystem}: {done.stderr.strip()}")


@pytest.mark.parametrize(
    ("filesystem", "maker", "size"),
    [
        ("ext4", ["mkfs.ext4", "-q", "-F", "-U", "11111111-2222-3333-4444-555555555555"], 16 << 20),
        ("xfs", ["mkfs.xfs", "-q", "-m", "uuid=11111111-2222-3333-4444-555555555555"], 320 << 20),
    ],
)
def test_layers_on_disks(filesystem: str, maker: list[str], size: int) -> None:
    _image("disk", maker, size)
    _mount_image("disk", filesystem)
    truths = directories("on-disk/a/l1", "on-disk/l2")
    overlay("m", ("on-disk/a/l1", "on-disk/l2"))
    mountapi.umount2(b"on-disk", mountapi.MNT_DETACH)
    layers = [layer.directory for layer in introspect("m").layers]
    truths[0].check(layers[0], "/a/l1")
    truths[1].check(layers[1], "/l2")
    assert {layer.filesystem for layer in layers} == {filesystem.encode()}
    assert layers[0].uuid.hex() == "11111111222233334444555555555555"
    assert layers[0].subvolume is None


def test_btrfs_subvolumes_and_snapshots_are_told_apart() -> None:
    _image("disk", ["mkfs.btrfs", "-q"], 128 << 20)
    _mount_image("disk", "btrfs")
    subprocess.run(["btrfs", "subvolume", "create", "on-disk/one"], check=True, capture_output=True)
    os.mkdir("on-disk/one/d")
    subprocess.run(["btrfs", "subvolume", "snapshot", "on-disk/one", "on-disk/two"], check=True, capture_output=True)
    ids = []
    for name in ("one", "two"):
        with closing(os.open(f"on-disk/{name}/d", os.O_RDONLY)) as fd:
            ids.append(btrfs_subvolume(fd))
    inodes = [os.stat(f"on-disk/{name}/d").st_ino for name in ("one", "two")]
    assert inodes[0] == inodes[1]
    os.mkdir("on-disk/plain")
    plain = os.stat("on-disk/plain").st_ino
    overlay("m", ("on-disk/two/d", "on-disk/one/d", "on-disk/plain"))
    layers = [layer.directory for layer in introspect("m").layers]
    assert [layer.path for layer in layers] == [b"/two/d", b"/one/d", b"/plain"]
    assert [layer.subvolume for layer in layers] == [ids[1], ids[0], 5]
    assert [layer.inode for layer in layers] == [*inodes, plain]
    assert len({layer.device for layer in layers}) == 1


def test_layers_below_a_bind_mount_and_an_overlay_that_is_attached_nowhere() -> None:
    directories("far/away/l", "far/away/k", "bound")
    mountapi.mount(b"far/away", b"bound", None, mountapi.MS_BIND)
    overlay("m", ("bound/l", "bound/k"))
    assert [layer.directory.path for layer in introspect("m").layers] == [b"/far/away/l", b"/far/away/k"]
    with closing(mountapi.open_tree(AT_FDCWD, b"m", mountapi.OPEN_TREE_CLONE | AT_RECURSIVE)) as tree:
        unmount(b"m")
        with Introspector() as introspector:  # attached nowhere
            assert len(introspector.overlay_of(tree).layers) == 2
