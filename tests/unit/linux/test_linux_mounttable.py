"""The mount table: of real namespaces, and what covers what."""

from __future__ import annotations

import os
import select
from collections.abc import Callable

import pytest
from ovsi.linux import mountapi, namespaces, statmount
from ovsi.linux.files import mount_id_of_fd
from ovsi.linux.mountinfo import Mount, parse
from ovsi.linux.mounttable import MountTable, read_mount_table

from tests.support.unmounting import unmount

pytestmark = pytest.mark.sandboxed


def tmpfs(path: bytes, source: bytes = b"x") -> None:
    os.makedirs(path, exist_ok=True)
    mountapi.mount(source, path, b"tmpfs")


def sources(mounts: list[Mount]) -> list[bytes]:
    return [mount.source for mount in mounts]


def hidden(table: MountTable) -> list[bytes]:
    return [
        mount.source for mount in table.entries if mount.mount_point.startswith(b"/tmp/") and not table.visible(mount)
    ]


def top(table: MountTable, path: bytes) -> bytes | None:
    mount = table.topmost(path)
    return mount.source if mount else None


def test_names_of_any_bytes() -> None:
    point, source = b'/tmp/a b\n\t\\c,d#"\xff:=', b"s \\#\n\xfe,"
    tmpfs(point, source)
    table = read_mount_table()
    (mount,) = table.by_mount_point(point)
    assert mount.source == source
    assert table.topmost(point) is mount
    status = table.status(mount)
    if status is not None:
        assert (status.mount_point, status.source, status.device) == (point, source, mount.device)
        assert (status.mount_id, status.parent_id) == (mount.mount_id, mount.parent_id)
        assert table.by_unique_id(mount.unique_id or 0) is mount


def test_indexes() -> None:
    tmpfs(b"/tmp/a")
    os.mkdir("/tmp/a/sub")
    os.mkdir("/tmp/b")
    mountapi.mount(b"/tmp/a/sub", b"/tmp/b", None, mountapi.MS_BIND)
    table = read_mount_table()
    first, second = table.by_device(table.by_mount_point(b"/tmp/a")[0].device)
    assert (first.root, second.root) == (b"/", b"/sub")
    assert table.by_mount_id(second.mount_id) is second
    assert table.by_mount_id(0) is None
    assert second in table.children(table.by_mount_point(b"/tmp")[-1])
    assert table.path_through(second, b"/sub/x") == b"/tmp/b/x"
    assert table.path_through(second, b"/sub") == b"/tmp/b"
    assert table.path_through(second, b"/subway") is None
    assert table.path_through(first, b"/sub/x") == b"/tmp/a/sub/x"
    assert table.path_through(first, b"/") == b"/tmp/a"


def test_root_of_a_deleted_directory() -> None:
    os.mkdir("/tmp/gone")
    os.mkdir("/tmp/b")
    mountapi.mount(b"/tmp/gone", b"/tmp/b", None, mountapi.MS_BIND)
    os.rmdir("/tmp/gone")
    table = read_mount_table()
    mount = table.topmost(b"/tmp/b")
    assert mount is not None
    assert (mount.root, mount.root_deleted) == (b"/gone", True)
    assert table.path_through(mount, b"/gone") is None


def test_stacked_mounts() -> None:
    for name in (b"one", b"two", b"three"):
        tmpfs(b"/tmp/p", name)
    table = read_mount_table()
    assert sources(table.stack_at(b"/tmp/p")) == [b"one", b"two", b"three"]
    assert top(table, b"/tmp/p") == b"three"
    assert hidden(table) == [b"one", b"two"]
    assert table.path_through(table.stack_at(b"/tmp/p")[1], b"/x") is None


def test_mounted_beneath() -> None:
    tmpfs(b"/tmp/p", b"upper")
    context = mountapi.fsopen(b"tmpfs")
    mountapi.set_string(context, b"source", b"lower")
    mountapi.create(context)
    detached = mountapi.fsmount(context)
    try:
        flags = mountapi.MOVE_MOUNT_F_EMPTY_PATH | mountapi.MOVE_MOUNT_BENEATH
        mountapi.move_mount(detached, b"", -100, b"/tmp/p", flags)
    except OSError as error:
        pytest.skip(f"no MOVE_MOUNT_BENEATH here: {error}")
    table = read_mount_table()
    assert sources(table.stack_at(b"/tmp/p")) == [b"lower", b"upper"]
    assert top(table, b"/tmp/p") == b"upper"


def test_a_mount_over_a_directory_above() -> None:
    tmpfs(b"/tmp/d/e/f", b"deep")
    tmpfs(b"/tmp/d/e/f/g", b"deeper")
    tmpfs(b"/tmp/d", b"over")
    table = read_mount_table()
    assert hidden(table) == [b"deep", b"deeper"]
    assert top(table, b"/tmp/d/e/f") is None
    assert table.mount_of(b"/tmp/d/e/f") is table.topmost(b"/tmp/d")
    tmpfs(b"/tmp/d/e/f", b"again")
    table = read_mount_table()
    assert sources(table.stack_at(b"/tmp/d/e/f")) == [b"deep", b"again"]
    assert top(table, b"/tmp/d/e/f") == b"again"
    unmount(b"/tmp/d/e/f")
    unmount(b"/tmp/d")
    assert top(read_mount_table(), b"/tmp/d/e/f/g") == b"deeper"


def test_a_mount_over_the_root_of_the_one_below() -> None:
    tmpfs(b"/tmp/d", b"below")
    tmpfs(b"/tmp/d/e", b"child")
    tmpfs(b"/tmp/d", b"above")
    assert hidden(read_mount_table()) == [b"below", b"child"]


def test_names_that_only_begin_alike_cover_nothing() -> None:
    tmpfs(b"/tmp/d/ef", b"one")
    tmpfs(b"/tmp/d/e", b"two")
    assert hidden(read_mount_table()) == []


def test_every_visible_mount_is_what_a_lookup_finds() -> None:
    for path in (b"/tmp/a/b", b"/tmp/a", b"/tmp/a/b", b"/tmp/a/b/c", b"/tmp/a/b", b"/tmp/e/f", b"/tmp/e"):
        tmpfs(path)
    table = read_mount_table()
    for path in {mount.mount_point for mount in table.entries if mount.mount_point.startswith(b"/tmp")}:
        try:
            fd = os.open(path, os.O_PATH)
        except FileNotFoundError:
            assert table.topmost(path) is None
            continue
        mount = table.mount_of(path)
        assert mount is not None
        assert mount_id_of_fd(fd) == mount.mount_id


def test_below_a_changed_root() -> None:
    tmpfs(b"/tmp/r", b"root")
    tmpfs(b"/tmp/r/a", b"inside")
    os.mkdir("/tmp/r/proc")
    mountapi.mount(b"/proc", b"/tmp/r/proc", None, mountapi.MS_BIND | mountapi.MS_REC)
    os.chroot("/tmp/r")
    table = read_mount_table()
    assert sorted({mount.mount_point for mount in table.entries if mount.source in (b"root", b"inside")}) == [
        b"/",
        b"/a",
    ]
    assert top(table, b"/") == b"root"
    assert top(table, b"/a") == b"inside"
    mountapi.mount(b"over", b"/", b"tmpfs")
    table = read_mount_table()
    assert sources(table.stack_at(b"/")) == [b"root", b"over"]
    # A lookup starts at the process's root and does not step onto what is mounted over it.
    assert top(table, b"/") == b"root"
    assert top(table, b"/a") == b"inside"
    assert os.path.exists("/a")


def test_root_that_is_no_root_of_a_mount() -> None:
    tmpfs(b"/tmp/r", b"root")
    tmpfs(b"/tmp/r/d/a", b"inside")
    os.mkdir("/tmp/r/d/proc")
    mountapi.mount(b"/proc", b"/tmp/r/d/proc", None, mountapi.MS_BIND | mountapi.MS_REC)
    os.chroot("/tmp/r/d")
    mountapi.mount(b"over", b"/", b"tmpfs")
    table = read_mount_table()
    assert table.topmost(b"/") is None
    assert table.mount_of(b"/b") is None
    assert top(table, b"/a") == b"inside"


def test_ten_thousand_deep_answers() -> None:
    line = b"%d %d 0:%d / /s rw - tmpfs t rw\n"
    data = b"1 1 0:1 / / rw - tmpfs t rw\n" + b"".join(line % (i, i - 1, i) for i in range(2, 10_002))
    table = MountTable(parse(data))
    topmost = table.topmost(b"/s")
    assert topmost is not None
    assert topmost.mount_id == 10_001
    assert [mount.mount_id for mount in table.stack_at(b"/s")] == list(range(2, 10_002))


def test_a_circle_of_parents_ends() -> None:
    line = b"%d %d 0:%d / /s%d rw - tmpfs t rw\n"
    table = MountTable(parse(line % (2, 3, 2, 2) + line % (3, 2, 3, 3)))
    assert [table.visible(mount) for mount in table.entries] == [False, False]
    assert table.mount_of(b"/s2/x") is None


def other_process(prepare: Callable[[], None]) -> tuple[int, int]:
    """A process that did something and waits for its end: (pid, a descriptor to close so that it ends)."""
    ready, tell = os.pipe()
    wait, end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(end)
        os.close(ready)
        prepare()
        os.write(tell, b"x")
        os.read(wait, 1)
        os._exit(0)
    os.close(tell)
    os.close(wait)
    assert os.read(ready, 1) == b"x"
    return pid, end


def test_another_mount_namespace() -> None:
    def prepare() -> None:
        namespaces.unshare(namespaces.CLONE_NEWNS)
        tmpfs(b"/tmp/only here", b"there")

    pid, end = other_process(prepare)
    table = read_mount_table(pid)
    mount = table.topmost(b"/tmp/only here")
    assert mount is not None
    assert mount.source == b"there"
    assert table.consistent
    status = table.status(mount)
    if statmount.probe() is not None and table.namespace_id:
        assert status is not None
        assert status.namespace_id == table.namespace_id
        assert all(entry.unique_id for entry in table.entries)
    assert read_mount_table().topmost(b"/tmp/only here") is None
    os.close(end)
    os.waitpid(pid, 0)
    with pytest.raises(ProcessLookupError):
        read_mount_table(pid)


def test_without_unique_ids() -> None:
    assert {mount.unique_id for mount in read_mount_table(unique_ids=False).entries} == {None}


@pytest.mark.parametrize("change", ["mount", "umount", "move", "attributes"])
def test_a_change_while_reading_is_noticed(change: str) -> None:
    tmpfs(b"/tmp/a")
    os.mkdir("/tmp/b")
    fd = os.open("/proc/self/mountinfo", os.O_RDONLY)
    watch = select.poll()
    watch.register(fd, select.POLLPRI)
    assert not watch.poll(0)
    if change == "mount":
        tmpfs(b"/tmp/c")
    elif change == "umount":
        unmount(b"/tmp/a")
    elif change == "move":
        mountapi.mount(b"/tmp/a", b"/tmp/b", None, mountapi.MS_MOVE)
    else:
        mountapi.mount(None, b"/tmp/a", None, mountapi.MS_REMOUNT | mountapi.MS_BIND | mountapi.MS_RDONLY)
    assert watch.poll(0)


def test_a_process_that_has_exited() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(OSError, match=r"ns/mnt|mountinfo"):
        read_mount_table(pid)
    os.waitpid(pid, 0)


def test_a_consistent_table_never_shows_a_moved_mount_twice_or_not_at_all() -> None:
    places = (b"/tmp/x", b"/tmp/y")
    os.mkdir("/tmp/filler")
    for _ in range(300):  # the table is longer than one read of the kernel's buffer
        mountapi.mount(b"/tmp", b"/tmp/filler", None, mountapi.MS_BIND)
    tmpfs(places[0])
    os.mkdir(places[1])
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    child = os.fork()
    if child == 0:
        os.close(writer)
        here, there = places
        while True:
            mountapi.mount(here, there, None, mountapi.MS_MOVE)
            here, there = there, here
            try:
                os.read(reader, 1)
                os._exit(0)
            except BlockingIOError:
                pass
    tables = [read_mount_table(unique_ids=False) for _ in range(100)]
    os.close(writer)
    os.waitpid(child, 0)
    for table in tables:
        if table.consistent:
            assert sum(len(table.by_mount_point(place)) for place in places) == 1
    assert read_mount_table().consistent
