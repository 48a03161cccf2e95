"""Sources on file systems of block devices, and ID-mapped ones."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from ovsi.discover.evidence import OPENING
from ovsi.linux import idmap, mountapi
from ovsi.linux.namespaces import IdRange
from ovsi.linux.syscall import AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE, closing

from .stacks import Helper, agreed, make, overlay, place_of, sources, states, taken, tmpfs, unmount

pytestmark = pytest.mark.as_root

MEGABYTES = {"ext4": 32, "xfs": 320, "btrfs": 128}


def run(*words: str) -> str:
    if shutil.which(words[0]) is None:
        pytest.skip(f"needs {words[0]}")
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode and words[0] == "losetup":
        pytest.skip(f"no loop device here: {done.stdout.strip()}")
    assert done.returncode == 0, f"{' '.join(words)}: {done.stdout.strip()}"
    return done.stdout.strip()


def attach(image: str, kind: str, target: str) -> str:
    """Mount an image file; the loop device goes with its last user."""
    os.makedirs(target, exist_ok=True)
    device = run("losetup", "--find", "--show", image)
    try:
        options = "nouuid" if kind == "xfs" else ""
        mountapi.mount(device.encode(), target.encode(), kind.encode(), 0, options.encode())
    except OSError as failure:
        pytest.skip(f"{kind}: {failure}")
    finally:
        run("losetup", "--detach", device)
    return target


def formatted(kind: str, target: str) -> str:
    image = f"/tmp/{kind}.img"
    with open(image, "wb") as file:
        file.truncate(MEGABYTES[kind] << 20)
    run(f"mkfs.{kind}", "-q", image)
    return attach(image, kind, target)


@pytest.mark.parametrize("kind", ["tmpfs", "ext4", "xfs", "btrfs"])
def test_a_removed_upper_is_not_said_to_have_a_path(kind: str) -> None:
    """The kernel opens it all the same, tells its handle, opens that, and shows a path that ends in ` (deleted)`."""
    base = tmpfs("/tmp/s") if kind == "tmpfs" else formatted(kind, "/tmp/s")
    for name in ("l0", "u", "w"):
        make(f"{base}/{name}")
    where = overlay("/tmp/m", [f"{base}/l0"], f"{base}/u", f"{base}/w")
    os.rmdir(f"{base}/u")
    make(f"{base}/u (deleted)")
    for without in ([], ["introspection"]):
        upper = sources(taken(where, without=without))["upper"]
        assert upper.path is None
        assert upper.location is None
        assert upper.state == "deleted" if upper.assurance == "proved" else without, upper


@pytest.mark.parametrize("kind", ["ext4", "btrfs"])
def test_through_a_process_that_holds_what_is_mounted_nowhere(kind: str) -> None:
    """st_dev of what is held is not s_dev on btrfs."""
    base = formatted(kind, "/tmp/s")
    for name in ("deep/l0", "deep/u", "deep/w"):
        make(f"{base}/{name}")
    where = overlay("/tmp/m", [f"{base}/deep/l0"], f"{base}/deep/u", f"{base}/deep/w")
    with Helper(lambda: os.chdir(f"{base}/deep")) as helper:
        unmount(base)
        result = taken(where)
        assert set(states(result).values()) == {"detached"}
        lower = sources(result)["lower/0"].location
        assert lower is not None
        assert lower.process is not None
        assert (lower.path, lower.process.pid) == (b"/l0", helper.pid)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs"])
def test_on_a_block_device_mounted_and_mounted_nowhere(kind: str) -> None:
    base = formatted(kind, "/tmp/s")
    make(f"{base}/l0", {"f": "0", "only0": "x"})
    make(f"{base}/l1", {"f": "1", "only1": "x"})
    make(f"{base}/u", {"uf": "u"})
    make(f"{base}/w")
    where = overlay("/tmp/m", [f"{base}/l0", f"{base}/l1"], f"{base}/u", f"{base}/w")
    result = agreed(where)
    assert set(states(result).values()) == {"located"}
    assert result.image.filesystems[1].stability == "filesystem"
    assert result.image.filesystems[1].uuid
    lower = sources(taken(where, without=["introspection"]))["lower/1"]
    assert lower.assurance == "proved"
    assert lower.method in ("file-identifier", OPENING), "the latter where a test beside hides a disk of this type"
    known = {name: one.identity for name, one in sources(result).items()}
    unmount(base)
    after = agreed(where)
    assert set(states(after).values()) == {"unmounted"}
    for name, one in sources(after).items():
        before = known[name]
        assert before is not None
        assert one.identity is not None
        assert before.handle is not None
        assert one.identity.handle is not None
        assert one.identity.handle.bytes == before.handle.bytes, "put together as the kernel does it"
        assert one.identity.handle.made_by == "producer"


def test_a_clone_of_the_disk_does_not_deceive() -> None:
    base = formatted("ext4", "/tmp/s")
    make(f"{base}/l0", {"f": "0", "d": None})
    make(f"{base}/u", {"uf": "u"})
    make(f"{base}/w")
    where = overlay("/tmp/m", [f"{base}/l0"], f"{base}/u", f"{base}/w")
    run("sync", "-f", base)
    Path("/tmp/clone.img").write_bytes(Path("/tmp/ext4.img").read_bytes())
    attach("/tmp/clone.img", "ext4", "/tmp/clone")
    result = agreed(where)
    assert set(states(result).values()) == {"located"}
    assert place_of(result, sources(result)["upper"]) == b"/tmp/s/u"
    opened = taken(where, without=["introspection"])
    assert {one.method for one in sources(opened).values()} == {OPENING, None}
    assert place_of(opened, sources(opened)["upper"]) == b"/tmp/s/u"
    blind = taken(where, without=["introspection", OPENING])
    assert "proved" not in {one.assurance for one in sources(blind).values()}
    unmount(base)
    result = agreed(where)
    assert set(states(result).values()) == {"unmounted"}
    assert "proved" not in {one.assurance for one in sources(taken(where, without=["introspection"])).values()}


def test_a_clone_of_the_disk_does_not_deceive_where_sysfs_does_not_list_disks() -> None:
    base = formatted("ext4", "/tmp/s")
    make(f"{base}/l0", {"f": "0"})
    make(f"{base}/u", {"uf": "u"})
    make(f"{base}/w")
    run("sync", "-f", base)
    Path("/tmp/clone.img").write_bytes(Path("/tmp/ext4.img").read_bytes())
    where = overlay("/tmp/m", [f"{base}/l0"], f"{base}/u", f"{base}/w")
    unmount(base)
    attach("/tmp/clone.img", "ext4", base)
    tmpfs("/sys")
    for made in ("/sys", "/sys/fs/ext4/features", "/sys/fs/ext4/loop0"):
        make(made)
        assert "proved" not in {one.assurance for one in sources(taken(where)).values()}


@pytest.mark.parametrize("kind", ["ext4", "btrfs"])
def test_a_directory_with_the_old_contents_in_the_place_of_the_old_does_not_deceive(kind: str) -> None:
    """The overlay shows entries that it looked up before from where they are now. It opens what it is made of.

    A btrfs is not watched as a whole: there only the candidate is seen not to be opened.
    """
    base = formatted(kind, "/tmp/s")
    make(f"{base}/l0", {"f": "0", "d": None})
    make(f"{base}/u", {"uf": "u"})
    make(f"{base}/w")
    where = overlay("/tmp/m", [f"{base}/l0"], f"{base}/u", f"{base}/w")
    kept = [os.open(f"{where}/{name}", os.O_RDONLY) for name in os.listdir(where)]
    os.rename(f"{base}/l0", f"{base}/real")
    make(f"{base}/l0")
    for name in ("f", "d"):
        os.rename(f"{base}/real/{name}", f"{base}/l0/{name}")
    result = taken(where, without=["introspection"])
    lower = sources(result)["lower/0"]
    found = ("proved", b"/tmp/s/real") if kind == "ext4" else ("none", None)
    assert (lower.assurance, place_of(result, lower), lower.candidate) == (*found, None)
    assert len(kept) == 3


def test_a_snapshot_of_a_subvolume_does_not_deceive() -> None:
    base = formatted("btrfs", "/tmp/s")
    run("btrfs", "subvolume", "create", f"{base}/real")
    make(f"{base}/real/l0", {"f": "0", "d": None})
    run("btrfs", "subvolume", "create", f"{base}/upper")
    make(f"{base}/work")
    run("btrfs", "subvolume", "snapshot", f"{base}/real", f"{base}/snapshot")
    where = overlay("/tmp/m", [f"{base}/real/l0", f"{base}/snapshot"], f"{base}/upper", f"{base}/work")
    result = agreed(where)
    assert set(states(result).values()) == {"located"}
    subvolumes = {name: one.identity.subvolume for name, one in sources(result).items() if one.identity}
    assert subvolumes["lower/0"] != subvolumes["lower/1"]
    os.rename(f"{base}/real", f"{base}/moved")
    os.rename(f"{base}/snapshot", f"{base}/real")
    result = agreed(where)
    assert place_of(result, sources(result)["lower/0"]) == b"/tmp/s/moved/l0"
    assert place_of(result, sources(result)["lower/1"]) == b"/tmp/s/real"


@pytest.mark.parametrize("kind", ["squashfs", "erofs"])
def test_read_only_file_systems(kind: str) -> None:
    make("/tmp/tree/l0", {"f": "0", "d": None})
    make("/tmp/tree/l1", {"f": "1", "e": None})
    make("/tmp/image")
    if kind == "squashfs":
        run("mksquashfs", "/tmp/tree", "/tmp/image/i", "-quiet", "-no-progress")
    else:
        run("mkfs.erofs", "/tmp/image/i", "/tmp/tree")
    base = attach("/tmp/image/i", kind, "/tmp/s")
    result = agreed(overlay("/tmp/m", [f"{base}/l0", f"{base}/l1"]))
    assert states(result) == {"lower/0": "located", "lower/1": "located"}
    assert all(one.identity and one.identity.generation is None for one in sources(result).values())


def test_an_id_mapped_layer_whose_mount_is_gone() -> None:
    make("/tmp/l0", {"f": "0"})
    make("/tmp/l1", {"g": "1"})
    with closing(mountapi.open_tree(AT_FDCWD, b"/tmp/l0", mountapi.OPEN_TREE_CLONE | AT_RECURSIVE)) as tree:
        maps = (IdRange(0, 100000, 65536),)
        with closing(idmap.user_namespace(maps, maps)) as namespace:
            flags = AT_EMPTY_PATH
            mountapi.mount_setattr(tree, b"", flags, set_=mountapi.MOUNT_ATTR_IDMAP, userns_fd=namespace)
        os.mkdir("/tmp/mapped")
        mountapi.move_mount(tree, b"", AT_FDCWD, b"/tmp/mapped", mountapi.MOVE_MOUNT_F_EMPTY_PATH)
    where = overlay("/tmp/m", ["/tmp/mapped", "/tmp/l1"])
    unmount("/tmp/mapped")
    result = agreed(where)
    assert states(result) == {"lower/0": "located", "lower/1": "located"}
    found = sources(result)["lower/0"]
    assert place_of(result, found) == b"/tmp/l0"
    assert found.idmap is not None
    assert [(one.inside, one.outside, one.count) for one in found.idmap.uid_map] == [(0, 100000, 65536)]
    assert sources(result)["lower/1"].idmap is None
    blind = sources(taken(where, without=["introspection"]))["lower/0"]
    assert blind.idmap is None
    assert "idmap" in dict(blind.missing)


def test_layers_on_two_tmpfs() -> None:
    tmpfs("/tmp/one")
    tmpfs("/tmp/two")
    make("/tmp/one/l0", {"a": "0", "d": None})
    make("/tmp/two/u", {"uf": "u"})
    make("/tmp/two/w")
    where = overlay("/tmp/m", ["/tmp/one/l0"], "/tmp/two/u", "/tmp/two/w", ",xino=on")
    result = agreed(where)
    assert set(states(result).values()) == {"located"}
    assert sources(taken(where, without=["introspection"]))["lower/0"].assurance == "proved"
