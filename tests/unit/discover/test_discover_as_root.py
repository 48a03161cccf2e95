"""Every state and every kind of source, on real overlays, with introspection and cross-checked without it."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from itertools import count, islice

import pytest
from ovsi.discover.location import Locator
from ovsi.dump import EVERY_OVERLAY, RUNGS, at_mountpoint, dump, with_mount_id
from ovsi.errors import Refusal
from ovsi.image import model
from ovsi.linux import mountapi, namespaces
from ovsi.linux.mounttable import read_mount_table
from ovsi.linux.syscall import AT_FDCWD, closing

from .stacks import (
    LOCATED,
    Helper,
    agreed,
    bind,
    listing,
    make,
    overlay,
    place_of,
    plain,
    sources,
    states,
    taken,
    tmpfs,
    tried,
    unmount,
)

pytestmark = pytest.mark.as_root

FILES: dict[str, str | None] = {"f": "x", "d": None}


def test_a_plain_overlay_is_located() -> None:
    result = agreed(plain())
    assert states(result) == LOCATED
    assert result.complete
    assert {name: place_of(result, one) for name, one in sources(result).items()} == {
        "upper": b"/tmp/s/u",
        "lower/0": b"/tmp/s/l0",
        "lower/1": b"/tmp/s/l1",
        "work": b"/tmp/s/w",
    }


def test_a_lower_that_the_overlay_itself_covers() -> None:
    make("/tmp/l0", {"a": "0"})
    make("/tmp/l1", {"b": "1"})
    result = agreed(overlay("/tmp/l0", ["/tmp/l0", "/tmp/l1"]))
    assert states(result) == {"lower/0": "covered", "lower/1": "located"}


def test_lazily_unmounted_sources_are_found_below_a_bind_mount_left_elsewhere() -> None:
    tmpfs("/tmp/s")
    where = plain()
    bind("/tmp/s", "/tmp/left")
    unmount("/tmp/s")
    result = agreed(where)
    assert states(result) == LOCATED
    assert place_of(result, sources(result)["work"]) == b"/tmp/left/w"


def test_a_layer_below_a_mount_of_itself_is_found_on_that_mount(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its handle is the same there: the mount tells. Found in a row with others as it is alone."""
    where = plain()
    bind("/tmp/s/l0", "/tmp/s/l0")
    result = agreed(where)
    assert states(result) == LOCATED
    mounts = model.by_id(result.image.mounts)
    location = sources(result)["lower/0"].location
    assert location is not None
    assert mounts[location.mount or ""].mount_point == b"/tmp/s/l0"
    monkeypatch.setattr(Locator, "load", lambda *_: None)
    assert sources(taken(where)) == sources(result)


def test_overlays_that_share_layers_in_other_places_and_by_other_names() -> None:
    where = plain()
    os.chdir("/tmp/s")
    overlay("/tmp/other", ["l1", "l0"])
    result = taken(EVERY_OVERLAY)
    numbers = {
        model.by_id(result.image.mounts)[one.mounts[0]].mount_point: number
        for number, one in enumerate(result.image.overlays)
    }
    declared = {
        point: [(name, source.declared) for name, source in sources(result, number).items() if "lower" in name]
        for point, number in numbers.items()
    }
    assert declared[where.encode()] == [("lower/0", b"/tmp/s/l0"), ("lower/1", b"/tmp/s/l1")]
    assert declared[b"/tmp/other"] == [("lower/0", b"l1"), ("lower/1", b"l0")]
    told = {(one.overlay, one.source) for one in result.explanations}
    assert {(f"o{numbers[b'/tmp/other']}", name) for name in ("lower/0", "lower/1")} <= told


def test_sources_that_are_mounted_nowhere() -> None:
    tmpfs("/tmp/s")
    where = plain()
    unmount("/tmp/s")
    make("/tmp/s/l0", FILES)
    result = agreed(where)
    assert set(states(result).values()) == {"unmounted"}
    assert not result.complete
    for one in sources(result).values():
        assert one.identity is not None
        assert one.identity.handle is not None
        assert one.identity.handle.made_by == "producer"
        assert one.path is not None
        assert one.reason


def test_a_mount_that_shows_another_part_only() -> None:
    tmpfs("/tmp/s")
    make("/tmp/s/other")
    where = plain()
    bind("/tmp/s/other", "/tmp/left")
    unmount("/tmp/s")
    result = agreed(where)
    assert {one.state for one in sources(result).values()} == {"unknown"}
    assert {one.assurance for one in sources(result).values()} == {"proved"}


def test_a_deleted_directory() -> None:
    where = plain()
    os.rename("/tmp/s/l1", "/tmp/s/gone")
    for name in ("f", "only1"):
        os.unlink(f"/tmp/s/gone/{name}")
    os.rmdir("/tmp/s/gone/d")
    os.rmdir("/tmp/s/gone")
    make("/tmp/s/l1", {"f": "1", "d": None, "only1": "x"})
    result = agreed(where)
    assert states(result) == LOCATED | {"lower/1": "deleted"}
    assert sources(result)["lower/1"].path is None


def test_renamed_and_moved() -> None:
    where = plain()
    make("/tmp/elsewhere")
    os.rename("/tmp/s", "/tmp/elsewhere/t")
    result = agreed(where)
    assert states(result) == LOCATED
    assert place_of(result, sources(result)["upper"]) == b"/tmp/elsewhere/t/u"


def test_relative_names_and_a_decoy_in_a_cwd() -> None:
    for base in ("/tmp/s", "/tmp/decoy"):
        make(f"{base}/l0", {"a": "0"})
        make(f"{base}/l1", {"b": "1"})
        make(f"{base}/u")
        make(f"{base}/w")
    os.chdir("/tmp/s")
    overlay("/tmp/m", ["l0", "l1"], "u", "w")
    os.chdir("/tmp")
    with Helper(lambda: os.chdir("/tmp/decoy")):
        result = agreed("/tmp/m")
        assert states(result) == LOCATED
        assert place_of(result, sources(result)["lower/0"]) == b"/tmp/s/l0"
        blind = taken("/tmp/m", without=set(RUNGS) - {"option-string"})
        assert all(one.candidate is None for one in sources(blind).values()) or set(states(blind).values()) == {
            "consistent"
        }


def test_elsewhere() -> None:
    """The overlay came here by a bind of a process in another namespace; its sources are mounted there only."""

    def enter() -> None:
        namespaces.unshare(namespaces.CLONE_NEWNS)

    tmpfs("/tmp/s")
    where = plain()
    with Helper(enter) as helper:
        unmount("/tmp/s")
        result = agreed(where)
        assert set(states(result).values()) == {"elsewhere"}
        assert result.complete
        mounts = [mount for mount in result.image.mounts if mount.namespace is not None]
        assert [mount.namespace.inode for mount in mounts if mount.namespace] == [
            os.stat(f"/proc/{helper.pid}/ns/mnt").st_ino
        ]


def test_detached_through_a_cwd() -> None:
    tmpfs("/tmp/s")
    where = plain("/tmp/s/deep/er")
    with Helper(lambda: os.chdir("/tmp/s/deep")) as helper:
        unmount("/tmp/s")
        result = agreed(where)
        assert set(states(result).values()) == {"detached"}
        assert not result.complete
        upper = sources(result)["upper"]
        assert upper.location is not None
        assert upper.location.process is not None
        assert upper.location.process.pid == helper.pid
        assert upper.location.process.through == "cwd"
        assert upper.location.path == b"/er/u"


def test_nothing_is_looked_up_in_an_overlay_that_a_process_holds() -> None:
    """The first lookup of a merged directory writes to the upper, whosever that is."""
    tmpfs("/tmp/s")
    where = plain()
    for name in ("u/u", "u/l0", "l/u", "l/l0", "w"):
        make(f"/tmp/b/{name}")
    overlay("/tmp/other", ["/tmp/b/l"], "/tmp/b/u", "/tmp/b/w")
    with Helper(lambda: os.chdir("/tmp/other")):
        unmount("/tmp/other")
        unmount("/tmp/s")
        assert set(states(taken(where)).values()) == {"unmounted"}
    assert os.listxattr("/tmp/b/u/u") == os.listxattr("/tmp/b/u/l0") == []


@pytest.mark.parametrize("stands", ["", "x", "sub", "sub/c"])
def test_only_the_way_to_a_source_is_looked_up_in_an_overlay_that_a_process_holds(stands: str) -> None:
    """Other directories there end in the same names, and are merged ones that nobody looked at yet."""
    for name in ("l/sub/c", "l/x/c", "l/c", "u/x/c", "u/c", "w", "empty"):
        make(f"/tmp/i/{name}")
    overlay("/tmp/inner", ["/tmp/i/l"], "/tmp/i/u", "/tmp/i/w")
    overlay("/tmp/m", ["/tmp/inner/sub/c", "/tmp/i/empty"])
    with Helper(lambda: os.chdir(f"/tmp/inner/{stands}")):
        unmount("/tmp/inner")
        before = listing("/tmp/i/u")
        result = taken("/tmp/m")
        assert listing("/tmp/i/u") == before
    lower = sources(result)["lower/0"]
    assert lower.state == ("unmounted" if stands == "x" else "detached")
    if lower.location is not None:
        assert lower.location.path == (b"/sub/c"[len(stands) + bool(stands) :] or b"/")


def test_an_overlay_as_a_layer_mounted_and_not() -> None:
    make("/tmp/a", {"a": "a"})
    make("/tmp/b", {"b": "b"})
    make("/tmp/c", {"c": "c"})
    overlay("/tmp/inner", ["/tmp/a", "/tmp/b"])
    overlay("/tmp/m", ["/tmp/inner", "/tmp/c"])
    result = agreed("/tmp/m")
    assert states(result) == {"lower/0": "located", "lower/1": "located"}
    assert len(result.image.overlays) == 2
    assert states(result, 1) == {"lower/0": "located", "lower/1": "located"}
    assert len(result.image.overlays[1].mounts) == 1
    unmount("/tmp/inner")
    result = agreed("/tmp/m")
    assert states(result) == {"lower/0": "unmounted", "lower/1": "located"}
    assert states(result, 1) == {"lower/0": "located", "lower/1": "located"}
    assert result.image.overlays[1].mounts == ()


def test_backslashes_of_a_path_that_was_given_by_descriptor() -> None:
    """Which of them are overlay's escapes shows in the whole path, not in its last component alone."""
    make("/tmp/m")
    context = mountapi.fsopen(b"overlay")
    try:
        for name in ("lowerdir+", "upperdir", "workdir"):
            with closing(os.open(make(f"/tmp/a\\040/{name}"), os.O_PATH)) as fd:
                mountapi.set_fd(context, name.encode(), fd)
    except OSError as failure:
        pytest.skip(f"needs layers by descriptor: {failure}")
    mountapi.create(context)
    mountapi.move_mount(mountapi.fsmount(context), b"", AT_FDCWD, b"/tmp/m", mountapi.MOVE_MOUNT_F_EMPTY_PATH)
    declared = {name: one.declared for name, one in sources(taken("/tmp/m")).items()}
    assert declared["upper"] == b"/tmp/a\\040/upperdir"
    assert declared["work"] == b"/tmp/a\\040/workdir"


def test_data_only_layers() -> None:
    make("/tmp/a", {"a": "a"})
    make("/tmp/d0", {"x": "x"})
    make("/tmp/d1", {"y": "y"})
    result = agreed(overlay("/tmp/m", ["/tmp/a", "", "/tmp/d0", "", "/tmp/d1"]))
    assert states(result) == {"lower/0": "located", "data/0": "located", "data/1": "located"}


def test_the_choice_among_mounts_is_the_shallowest_then_the_oldest() -> None:
    where = plain()
    bind("/tmp/s", "/tmp/deeper/and/deeper")
    result = agreed(where)
    assert place_of(result, sources(result)["lower/0"]) == b"/tmp/s/l0"


def test_one_superblock_in_many_places_and_a_bind_of_a_subdirectory() -> None:
    where = plain()
    bind(where, "/tmp/again")
    bind(f"{where}/d", "/tmp/part")
    result = agreed("/tmp/part")
    assert len(result.image.overlays) == 1
    mounts = result.image.overlays[0].mounts
    assert len(mounts) == 3
    assert result.image.mounts[0].mount_point == b"/tmp/part"
    assert result.image.mounts[0].root == b"/d"
    assert states(result) == LOCATED


def test_a_covered_mount_point_is_reached_by_its_id() -> None:
    where = plain()
    table = read_mount_table()
    (mount,) = table.by_mount_point(where.encode())
    tmpfs(where)
    with pytest.raises(Refusal) as refusal:
        taken(where)
    assert refusal.value.code == "not-an-overlay"
    assert states(taken(with_mount_id(mount.mount_id))) == LOCATED


def test_another_process_with_a_root_of_its_own() -> None:
    def enter() -> None:
        namespaces.unshare(namespaces.CLONE_NEWNS)
        mountapi.mount(None, b"/", None, mountapi.MS_REC | mountapi.MS_PRIVATE)
        tmpfs("/tmp/jail")
        make("/tmp/jail/l0", {"a": "0"})
        make("/tmp/jail/l1", {"b": "1"})
        make("/tmp/jail/u")
        make("/tmp/jail/w")
        os.chdir("/tmp/jail")
        overlay("m", ["l0", "l1"], "u", "w")
        os.chroot("/tmp/jail")

    with Helper(enter) as helper:
        result = agreed("/m", pid=helper.pid)
        assert states(result) == LOCATED
        assert place_of(result, sources(result)["upper"]) == b"/u"
        assert result.image.mounts[0].mount_point == b"/m"
        assert agreed(EVERY_OVERLAY, pid=helper.pid).complete


def test_a_source_outside_of_the_root_of_the_process() -> None:
    """Its file system is mounted in the dumped namespace, though the process has no path to it."""
    tmpfs("/tmp/outside")
    tmpfs("/tmp/jail")
    os.mkdir("/tmp/jail/m")
    for name in ("l0", "l1"):
        make(f"/tmp/outside/{name}", FILES)
    overlay("/tmp/jail/m", ["/tmp/outside/l0", "/tmp/outside/l1"])
    with Helper(lambda: os.chroot("/tmp/jail")) as helper:
        result = taken("/m", pid=helper.pid)
    for one in sources(result).values():
        assert (one.state, one.location) == ("unknown", None)
        assert "outside of the root directory of the process" in (one.reason or "")


def test_a_path_longer_than_a_lookup_takes() -> None:
    os.mkdir("/tmp/m")
    for _ in range(20):
        os.mkdir("d" * 250)
        os.chdir("d" * 250)
    for name in ("l0", "l1", "u", "w"):
        make(name, FILES)
    mountapi.mount(b"test", b"/tmp/m", b"overlay", 0, b"lowerdir=l0:l1,upperdir=u,workdir=w")
    result = dump(None, at_mountpoint(b"/tmp/m"))
    assert states(result) == LOCATED
    for name, one in zip(("u", "l0", "l1", "w"), sources(result).values(), strict=True):
        assert one.identity is not None
        assert one.identity.inode == os.stat(name).st_ino


@pytest.mark.parametrize("may_have_more", [False, True])
def test_more_namespaces_than_descriptors_are_usual(may_have_more: bool) -> None:
    """Where the limit can't be raised it is said, and nothing is left out."""
    tmpfs("/tmp/s")
    where = plain()

    def leave() -> None:
        namespaces.unshare(namespaces.CLONE_NEWNS)
        unmount("/tmp/s")

    with contextlib.ExitStack() as stack:
        for _ in range(12):
            stack.enter_context(Helper(leave))
        stack.enter_context(Helper(lambda: namespaces.unshare(namespaces.CLONE_NEWNS)))
        unmount("/tmp/s")
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        used = set(map(int, os.listdir("/proc/self/fd")))
        few = next(islice((number for number in count() if number not in used), 20, None))  # twenty are left
        resource.setrlimit(resource.RLIMIT_NOFILE, (few, most if may_have_more else few))
        if may_have_more:
            assert set(states(taken(where)).values()) == {"elsewhere"}
        else:
            with pytest.raises(OSError, match="Too many open files"):
                taken(where)


@pytest.mark.parametrize("more", ["", ",redirect_dir=on", ",index=on,nfs_export=on", ",metacopy=on", ",userxattr"])
def test_a_dump_leaves_no_trace(more: str) -> None:
    make("/tmp/s/u/d")
    make("/tmp/s/u/deep", {"x": "x"})
    where = plain(more=more)
    os.rename(f"{where}/only0", f"{where}/d/moved")
    before, table = listing("/tmp/s"), read_mount_table().entries
    for without in ((), ("introspection",), ("introspection", "file-identifier")):
        taken(where, without=without)
    assert listing("/tmp/s") == before
    assert read_mount_table().entries == table


def test_refusals() -> None:
    for where, code in (
        ("/tmp", "not-an-overlay"),
        ("/tmp/none", "no-such-mount"),
        ("/tmp/../proc/none", "no-such-mount"),
    ):
        with pytest.raises(Refusal) as refusal:
            taken(where)
        assert refusal.value.code == code
    with pytest.raises(Refusal) as refusal:
        taken(EVERY_OVERLAY)
    assert refusal.value.code == "no-overlay"
    with pytest.raises(Refusal) as refusal:
        taken("/tmp", pid=2**22 - 1)
    assert refusal.value.code == "no-such-process"
    with pytest.raises(Refusal) as refusal:
        taken(with_mount_id(2**31 - 1))
    assert refusal.value.code == "no-such-mount"


def test_a_mount_point_through_a_symbolic_link() -> None:
    plain()
    os.symlink("/tmp/m", "/tmp/link")
    assert states(taken("/tmp/link")) == LOCATED
    assert states(taken("/tmp/./s/../m/")) == LOCATED


def churn(path: str) -> None:
    """Mount and unmount there until killed."""
    while True:
        mountapi.mount(b"churn", path.encode(), b"tmpfs")
        mountapi.umount2(path.encode(), mountapi.MNT_DETACH)


def test_while_mounts_come_and_go() -> None:
    where = plain()
    make("/tmp/churn")
    child = os.fork()
    if child == 0:
        churn("/tmp/churn")
    try:
        for _ in range(20):
            assert states(taken(where)) == LOCATED
            found, code = tried(EVERY_OVERLAY)
            assert code == "changed-meanwhile" if found is None else found.complete
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_while_the_overlay_itself_comes_and_goes() -> None:
    where = plain()
    options = b"lowerdir=/tmp/s/l0:/tmp/s/l1"
    child = os.fork()
    if child == 0:
        while True:
            mountapi.umount2(where.encode(), mountapi.MNT_DETACH)
            mountapi.mount(b"churn", where.encode(), b"overlay", 0, options)
    try:
        for _ in range(50):
            found, code = tried(where)
            if found is None:
                assert code in ("no-such-mount", "not-an-overlay", "changed-meanwhile")
            else:
                assert set(states(found).values()) == {"located"}
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
