"""Each call on the running kernel: its result, and the errno and name in its failure."""

from __future__ import annotations

import errno
import os
import re
import select
import stat
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from ovsi.linux import files, handles, idmap, mountapi, namespaces, statmount, syscall
from ovsi.linux.files import read_file
from ovsi.linux.mounttable import read_mount_table
from ovsi.linux.namespaces import IdRange
from ovsi.linux.syscall import AT_EMPTY_PATH, AT_FDCWD, closing

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY

pytestmark = pytest.mark.sandboxed


@contextmanager
def needing(what: str, *codes: int) -> Iterator[None]:
    """Skip the test if what follows fails with one of these errnos, as it does on a kernel without the ability."""
    try:
        yield
    except OSError as error:
        if error.errno not in codes:
            raise
        pytest.skip(f"no {what} here: {error}")


@contextmanager
def tolerating(code: int) -> Iterator[None]:
    """What follows may fail with this errno, as on a kernel without the ability, and in no other way."""
    try:
        yield
    except OSError as error:
        if error.errno != code:
            raise


def new_tmpfs(*options: tuple[bytes, bytes]) -> int:
    with closing(mountapi.fsopen(b"tmpfs")) as context:
        for key, value in options:
            mountapi.set_string(context, key, value)
        mountapi.create(context)
        return mountapi.fsmount(context)


def attach(detached: int, path: bytes) -> None:
    os.makedirs(path, exist_ok=True)
    mountapi.move_mount(detached, b"", AT_FDCWD, path, mountapi.MOVE_MOUNT_F_EMPTY_PATH)


def mount_line(path: bytes) -> bytes:
    lines = read_file(b"/proc/self/mountinfo").split(b"\n")
    return next(line for line in reversed(lines) if b" " + path + b" " in line)


def test_errors_keep_errno_and_name_the_call_and_path() -> None:
    with pytest.raises(FileNotFoundError, match=r"openat2: No such file.*nothing") as caught:
        files.openat2(AT_FDCWD, b"/nothing", os.O_RDONLY)
    assert caught.value.errno == errno.ENOENT
    with pytest.raises(OSError, match=r"fsopen: No such device.*no-such-fs"):
        mountapi.fsopen(b"no-such-fs")
    with pytest.raises(OSError, match="umount2: Invalid argument"):
        mountapi.umount2(b"/tmp/../proc/self")
    with pytest.raises(OSError, match="its number is not known") as unknown:
        syscall.syscall("bpf", None)
    assert unknown.value.errno == errno.ENOSYS
    with pytest.raises(OSError, match="no_such_function") as absent:
        syscall.libc_function("no_such_function")()
    assert absent.value.errno == errno.ENOSYS
    with pytest.raises(OSError, match="ioctl FS_IOC_GETFSUUID"):
        files.file_system_uuid(os.open("/proc", DIRECTORY))


def test_a_nul_byte_never_shortens_a_path() -> None:
    for call in (
        lambda: files.openat2(AT_FDCWD, b"/tmp\0x", os.O_RDONLY),
        lambda: mountapi.mount(None, b"/tmp\0x"),
        lambda: mountapi.umount2(b"/tmp\0x"),
        lambda: mountapi.open_tree(AT_FDCWD, b"/tmp\0x"),
        lambda: handles.name_to_handle_at(AT_FDCWD, b"/tmp\0x"),
    ):
        with pytest.raises(ValueError, match="NUL"):
            call()


def test_a_mount_by_the_new_calls() -> None:
    detached = new_tmpfs((b"size", b"8k"), (b"source", b"new one"))
    attach(detached, b"/tmp/m")
    line = mount_line(b"/tmp/m")
    assert b"new\\040one" in line
    assert b"size=8k" in line
    with needing("mount_setattr", errno.ENOSYS):
        attributes = mountapi.MOUNT_ATTR_NOSUID | mountapi.MOUNT_ATTR_RDONLY
        mountapi.mount_setattr(detached, b"", AT_EMPTY_PATH, set_=attributes)
    assert b" ro,nosuid," in mount_line(b"/tmp/m")
    mountapi.mount_setattr(
        detached, b"", AT_EMPTY_PATH, clear=mountapi.MOUNT_ATTR_RDONLY, propagation=mountapi.MS_SHARED
    )
    assert re.search(rb" rw,nosuid,\S+ shared:\d+ ", mount_line(b"/tmp/m"))
    with closing(mountapi.fspick(AT_FDCWD, b"/tmp/m")) as context:
        mountapi.set_string(context, b"size", b"16k")
        mountapi.reconfigure(context)
    assert b"size=16k" in mount_line(b"/tmp/m")
    tree = mountapi.open_tree(AT_FDCWD, b"/tmp/m", mountapi.OPEN_TREE_CLONE)
    attach(tree, b"/tmp/copy")
    mountapi.umount2(b"/tmp/copy", mountapi.MNT_DETACH)
    for fd in (detached, tree):
        assert not os.get_inheritable(fd)


def test_the_log_of_a_context_says_why() -> None:
    with closing(mountapi.fsopen(b"tmpfs")) as context:
        assert mountapi.read_log(context) == ()
        with pytest.raises(OSError, match="fsconfig size: Invalid argument"):
            mountapi.set_string(context, b"size", b"no number")
        (line,) = mountapi.read_log(context)
        assert line.startswith(b"e ")
        assert b"size" in line
        assert mountapi.read_log(context) == ()
        with pytest.raises(OSError, match="fsconfig nothing: Invalid argument"):
            mountapi.set_flag(context, b"nothing")
        with pytest.raises(OSError, match="fsconfig nothing"):
            mountapi.set_binary(context, b"nothing", b"a\0b")


def test_objects_as_parameters() -> None:
    for name in ("low", "low2", "up", "work"):
        os.mkdir(f"/tmp/{name}")
    with closing(mountapi.fsopen(b"overlay")) as context:
        with closing(os.open("/tmp/low", os.O_PATH)) as low, tolerating(errno.EINVAL):
            mountapi.set_fd(context, b"lowerdir+", low)
        with needing("lowerdir+", errno.EINVAL):
            mountapi.set_string(context, b"lowerdir+", b"/tmp/low2")
        mountapi.set_string(context, b"upperdir", b"/tmp/up")
        mountapi.set_string(context, b"workdir", b"/tmp/work")
        mountapi.set_flag(context, b"userxattr")
        mountapi.create(context)
        attach(mountapi.fsmount(context), b"/tmp/m")
    assert b"upperdir=/tmp/up" in mount_line(b"/tmp/m")


def test_mount_data_beyond_a_page_is_refused_here() -> None:
    with pytest.raises(ValueError, match="one page"):
        mountapi.mount(b"x", b"/tmp", b"tmpfs", 0, b"size=8k," * 4096)


def test_openat2_keeps_to_its_rules() -> None:
    os.makedirs("/tmp/a/b")
    os.symlink("/etc", "/tmp/a/out")
    with closing(os.open("/tmp/a", os.O_PATH)) as base:
        for path in (b"out", b"..", b"/etc"):
            with pytest.raises(OSError, match="openat2") as caught:
                files.openat2(base, path, os.O_PATH, resolve=files.RESOLVE_BENEATH)
            assert caught.value.errno == errno.EXDEV
        with closing(files.openat2(base, b"b", os.O_PATH, resolve=files.RESOLVE_BENEATH)) as fd:
            assert files.path_of_fd(fd) == b"/tmp/a/b"
            assert not os.get_inheritable(fd)
    created = files.openat2(AT_FDCWD, b"/tmp/file", os.O_WRONLY | os.O_CREAT, mode=0o640)
    assert stat.S_IMODE(os.fstat(created).st_mode) == 0o640 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_statx_agrees_with_stat() -> None:
    with open("/tmp/file", "wb") as file:
        file.write(b"x" * 1234)
    os.utime("/tmp/file", ns=(-1_500_000_001, 2_000_000_003))
    os.link("/tmp/file", "/tmp/second")
    wanted = os.stat("/tmp/file")
    got = files.statx(AT_FDCWD, b"/tmp/file")
    assert got.device == f"{os.major(wanted.st_dev)}:{os.minor(wanted.st_dev)}"
    assert (got.inode, got.mode, got.links, got.size) == (wanted.st_ino, wanted.st_mode, 2, 1234)
    assert (got.uid, got.gid) == (0, 0)
    assert (got.accessed, got.modified, got.changed) == (-1_500_000_001, 2_000_000_003, wanted.st_ctime_ns)
    assert not got.mount_root
    with closing(os.open("/tmp", os.O_PATH)) as fd:
        root = files.stat_of_fd(fd)
        assert root.mount_root
        assert (root.mount_id is None) != (root.unique_mount_id is None)
        old = files.statx(fd, b"", AT_EMPTY_PATH, files.STATX_MNT_ID)
        assert old.mount_id == files.mount_id_of_fd(fd)
        assert old.unique_mount_id is None
    null = files.statx(AT_FDCWD, b"/dev/null")
    assert null.special_device == "1:3"


def test_fstatfs_agrees_with_statvfs() -> None:
    with closing(os.open("/tmp", os.O_PATH)) as fd:
        got, wanted = files.fstatfs(fd), os.fstatvfs(fd)
    assert got.type == 0x01021994
    assert got.name_max == wanted.f_namemax
    assert got.flags & os.ST_NOSUID == wanted.f_flag & os.ST_NOSUID
    assert len(got.fsid) == 8
    assert int.from_bytes(got.fsid[:4], "little") == wanted.f_fsid & 0xFFFF_FFFF
    with closing(os.open("/proc", os.O_PATH)) as fd:
        assert files.fstatfs(fd).type == 0x9FA0


def test_files_of_any_length_are_read_whole() -> None:
    content = os.urandom(1_000_003)
    with open("/tmp/file", "wb") as file:
        file.write(content)
    assert read_file(b"/tmp/file") == content
    with closing(os.open("/tmp", os.O_PATH)) as fd:
        assert read_file(b"file", fd) == content


def test_handles_identify_an_object_and_open_it() -> None:
    os.mkdir("/tmp/d")
    handle, mount_id = handles.name_to_handle_at(AT_FDCWD, b"/tmp/d")
    with closing(os.open("/tmp/d", os.O_PATH)) as fd:
        assert handles.handle_of_fd(fd) == handle
        assert mount_id == files.mount_id_of_fd(fd)
        with tolerating(errno.EINVAL):
            unique = handles.name_to_handle_at(fd, b"", AT_EMPTY_PATH | handles.AT_HANDLE_MNT_ID_UNIQUE)[1]
            assert unique == files.stat_of_fd(fd).unique_mount_id
    with closing(os.open("/tmp", DIRECTORY)) as anchor:
        with tolerating(errno.EPERM), closing(handles.open_by_handle_at(anchor, handle, DIRECTORY)) as opened:
            assert os.path.samestat(os.fstat(opened), os.stat("/tmp/d"))
        os.rmdir("/tmp/d")
        with pytest.raises(OSError, match="open_by_handle_at") as caught:
            handles.open_by_handle_at(anchor, handle, DIRECTORY)
        assert caught.value.errno in (errno.ESTALE, errno.EPERM)
    with pytest.raises(OSError, match="name_to_handle_at: Operation not supported"):
        handles.name_to_handle_at(AT_FDCWD, b"/proc/self/status")


def test_ioctls_say_when_they_do_not_apply() -> None:
    with closing(os.open("/tmp", DIRECTORY)) as fd:
        with pytest.raises(OSError, match="BTRFS_IOC_INO_LOOKUP") as caught:
            files.btrfs_subvolume(fd)
        assert caught.value.errno == errno.ENOTTY
        with tolerating(errno.ENOTTY):
            assert len(files.file_system_uuid(fd)) == 16


def test_namespaces_and_their_relations() -> None:
    with closing(namespaces.open_process(None)) as me:
        with (
            closing(namespaces.open_process(os.getppid())) as parent,
            pytest.raises(PermissionError, match=r"stat: .*ns/mnt"),
        ):
            namespaces.namespace_inode(parent, "mnt")  # of a process outside
        mount_namespace = namespaces.open_namespace(me, "mnt")
        owner = namespaces.owning_user_namespace(mount_namespace)
        assert os.fstat(owner).st_ino == namespaces.namespace_inode(me, "user")
        assert namespaces.namespace_type(mount_namespace) == namespaces.CLONE_NEWNS
        assert namespaces.namespace_type(owner) == namespaces.CLONE_NEWUSER
        assert namespaces.owner_uid(owner) == 0
        with pytest.raises(PermissionError, match="NS_GET_PARENT"):
            namespaces.parent_namespace(owner)
        ((inside, _outside, count),) = [(r.inside, r.outside, r.count) for r in namespaces.read_id_map(me, "uid")]
        assert (inside, count) == (0, 1)
        namespaces.unshare(namespaces.CLONE_NEWNS)
        changed = namespaces.namespace_inode(me, "mnt")
        assert changed != os.fstat(mount_namespace).st_ino
        namespaces.setns(mount_namespace, namespaces.CLONE_NEWNS)
        assert namespaces.namespace_inode(me, "mnt") == os.fstat(mount_namespace).st_ino
        with tolerating(errno.ENOTTY):
            assert namespaces.mount_namespace_id(mount_namespace) > 0


def test_a_process_descriptor_means_one_process() -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    process = namespaces.open_process(child)
    with closing(namespaces.open_process(None)) as me:
        assert namespaces.process_start_time(process) >= namespaces.process_start_time(me)
    with closing(namespaces.pidfd_open(child)) as pidfd:
        os.close(writer)
        os.waitid(os.P_PIDFD, pidfd, os.WEXITED)
    with pytest.raises(ProcessLookupError):
        namespaces.process_start_time(process)
    with pytest.raises(ProcessLookupError, match=str(child)):
        namespaces.open_process(child)


def test_an_id_mapped_mount() -> None:
    with closing(idmap.user_namespace([IdRange(7, 0, 1)], [IdRange(9, 0, 1)])) as user_namespace:
        detached = new_tmpfs()
        try:
            mountapi.mount_setattr(
                detached, b"", AT_EMPTY_PATH, set_=mountapi.MOUNT_ATTR_IDMAP, userns_fd=user_namespace
            )
        except OSError as error:
            pytest.skip(f"no ID-mapped tmpfs here: {error}")
    attach(detached, b"/tmp/m")
    supported = statmount.probe() or 0
    if not supported & statmount.MNT_UIDMAP:
        pytest.skip("statmount does not tell ID maps here")
    status = statmount.statmount(files.stat_of_fd(detached).unique_mount_id or 0)
    assert status.id_mapped
    assert (status.uid_map, status.gid_map) == ((IdRange(7, 0, 1),), (IdRange(9, 0, 1),))


def test_an_id_map_where_close_range_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that holds the namespace has let go of all that it inherited: a pipe's reader meets its end."""

    def refuse(name: str, *_arguments: object) -> int:
        raise OSError(errno.ENOSYS, name)

    reader, writer = os.pipe()
    seen = []

    def process_of(pid: int) -> int:
        if pid != os.getpid():
            os.close(writer)
            seen.extend(select.select([reader], [], [], 30)[0])
        return namespaces.open_process(pid)

    monkeypatch.setattr(idmap, "syscall", refuse)
    os.close(idmap.user_namespace([IdRange(0, 0, 1)], [IdRange(0, 0, 1)], process_of))
    assert seen == [reader]
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, 0)


def test_an_id_map_that_is_not_allowed() -> None:
    with pytest.raises(PermissionError, match="write of uid_map"):
        idmap.user_namespace([IdRange(0, 5, 1)], [IdRange(0, 0, 1)])
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, 0)  # no process is left


def test_statmount_of_a_mount_without_privilege_over_its_options() -> None:
    supported = statmount.probe()
    if supported is None:
        pytest.skip("no statmount here")
    attach(new_tmpfs((b"size", b"8k")), b"/tmp/m")
    unique = statmount.listmount()[-1]
    status = statmount.statmount(unique)
    assert status.mount_point == b"/tmp/m"
    assert status.fs_type == b"tmpfs"
    assert statmount.unique_ids()[status.mount_id or 0] == unique
    assert status.id_mapped is (False if supported & statmount.MNT_UIDMAP else None)
    few = statmount.statmount(unique, statmount.FS_TYPE)
    assert (few.fs_type, few.mount_point, few.device, few.unique_id) == (b"tmpfs", None, None, None)
    mountapi.umount2(b"/tmp/m", mountapi.MNT_DETACH)
    with pytest.raises(FileNotFoundError, match="statmount"):
        statmount.statmount(unique)


def test_options_are_the_same_from_both_sources() -> None:
    supported = statmount.probe() or 0
    if not supported & statmount.OPT_ARRAY:
        pytest.skip("statmount gives no option array here")
    names = [b"a:b", b"c,d", b"e\\f", b"g h", b"i\nj", b"=k", b'"l', b"\xff"]
    with closing(mountapi.fsopen(b"overlay")) as context:
        for name in [*names, b"last"]:
            path = b"/tmp/" + name
            os.mkdir(path)
            mountapi.set_string(context, b"lowerdir+", path)
        mountapi.create(context)
        attach(mountapi.fsmount(context), b"/tmp/m")
    table = read_mount_table()
    mount = table.topmost(b"/tmp/m")
    assert mount is not None
    status = table.status(mount)
    assert status is not None
    assert status.option_array == mount.options[1:]
    assert status.security_options == ()
    assert sum(option.startswith(b"lowerdir+=") for option in mount.options) == len(names) + 1


def test_statmount_grows_its_buffer() -> None:
    if not (statmount.probe() or 0) & statmount.OPT_ARRAY:
        pytest.skip("statmount gives no option array here")
    with closing(mountapi.fsopen(b"overlay")) as context:
        for number in range(300):
            path = b"/tmp/" + b"%0200d" % number
            os.mkdir(path)
            mountapi.set_string(context, b"lowerdir+", path)
        mountapi.create(context)
        attach(mountapi.fsmount(context), b"/tmp/m")
    status = statmount.statmount(statmount.listmount()[-1])
    assert len([option for option in status.option_array or () if option.startswith(b"lowerdir+=")]) == 300


def test_more_mounts_than_one_batch() -> None:
    if statmount.probe() is None:
        pytest.skip("no listmount here")
    before = statmount.listmount()
    os.mkdir("/tmp/m")
    for _ in range(1100):
        mountapi.mount(b"/tmp", b"/tmp/m", None, mountapi.MS_BIND)
    after = statmount.listmount()
    assert len(after) == len(before) + 1100 == len(set(after))
    assert after[: len(before)] == before
