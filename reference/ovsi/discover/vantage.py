"""From where the sources are looked for: a process's mount namespace, the other ones, and what processes hold."""

from __future__ import annotations

import errno
import os
import select

from ..errors import Refusal, from_oserror
from ..linux.files import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, mount_id_of_fd, openat2
from ..linux.mounttable import MountTable, read_mount_table_of
from ..linux.namespaces import namespace_inode, open_process, process_start_time
from ..linux.syscall import closing
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PLAIN = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
_PATH_MAX = 4096  # with its end (linux/limits.h)
GONE = (errno.ENOENT, errno.ESRCH, errno.EINVAL)


class MountNamespace:
    """A mount namespace as one process in it sees it: its table of mounts, and the root that its paths begin at.

    inode: of the namespace, None where it may not be read. table: read once, at the first use.
    """

    def __init__(self, process: int, pid: int | None) -> None:
        self.process = process
        self.pid = pid
        self.inode: int | None
        try:
            self.inode = namespace_inode(process, "mnt")
        except PermissionError:
            self.inode = None
        self._table: MountTable | None = None
        self._root: int | None = None
        self._watch: int | None = None

    @property
    def table(self) -> MountTable:
        """The mounts below the process's root."""
        if self._table is None:
            self._watch = os.open("mountinfo", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.process)
            self._table = self.read_again()
        return self._table

    def read_again(self) -> MountTable:
        """The mounts as they are now."""
        return read_mount_table_of(self.process, unique_ids=False)

    def changed(self) -> bool:
        """Whether any mount of the namespace came, went or moved since just before the table was read."""
        if self._watch is None:
            return False
        watch = select.poll()  # the kernel counts changes since the open (proc_pid_mountinfo(5))
        watch.register(self._watch, select.POLLPRI)
        return bool(watch.poll(0))

    def close(self) -> None:
        """Close all descriptors; once more does nothing."""
        for fd in (self._watch, self._root, self.process):
            if fd is not None and fd >= 0:
                os.close(fd)
        self._watch = self._root = None
        self.process = -1

    @property
    def root(self) -> int:
        """An O_PATH descriptor of the process's root directory."""
        if self._root is None:
            self._root = os.open("root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.process)
        return self._root

    def open(self, path: bytes, flags: int = _DIRECTORY) -> int:
        """Open what an absolute path means below the root; no symbolic link is followed."""
        return open_plain(self.root, path, _PLAIN, flags)


def open_plain(root: int, path: bytes, resolve: int, flags: int = _DIRECTORY) -> int:
    """Open a path below a directory, however long it is: one too long for a lookup is followed piece by piece."""
    path = path.lstrip(b"/") or b"."
    if len(path) < _PATH_MAX or b".." in path.split(b"/"):
        return openat2(root, path, flags, resolve=resolve)
    at = os.dup(root)
    try:
        while len(path) >= _PATH_MAX:
            end = path.rindex(b"/", 0, _PATH_MAX)
            below = openat2(at, path[:end], _DIRECTORY, resolve=resolve)
            os.close(at)
            at, path = below, path[end + 1 :]
        return openat2(at, path, flags, resolve=resolve)
    finally:
        os.close(at)


class Holder(Record):
    """A process's working directory, root or descriptor that lies on a mount of no known namespace."""

    pid: int
    start_time: int
    through: str
    mount_id: int

    def open(self) -> int:
        """An O_PATH descriptor of what is held. Raises OSError where the process is gone or may not be looked into."""
        return os.open(f"/proc/{self.pid}/{self.through}", os.O_PATH | os.O_CLOEXEC)


class Vantage:
    """The namespace to be dumped, and on demand all others that this process may look into.

    Raises Refusal: no-such-process, permission-denied.
    """

    def __init__(self, pid: int | None, process: int | None = None) -> None:
        self.pid = pid
        self.subject = "this process" if pid is None else f"process {pid}"
        try:
            self.process = open_process(pid) if process is None else process
            self.here = MountNamespace(self.process, os.getpid() if pid is None else pid)
            _ = self.here.table, self.here.root
        except OSError as failure:
            raise self.refusal(failure) from None
        self._others: list[MountNamespace] | None = None
        self._beyond: list[MountNamespace] | None = None
        self._holders: list[Holder] | None = None

    def again(self) -> Vantage:
        """The same process's namespace afresh, in place of this one."""
        process = os.dup(self.process)
        self.close()
        return Vantage(self.pid, process)

    def close(self) -> None:
        """Close all descriptors."""
        for space in (self.here, *(self._others or ()), *(self._beyond or ())):
            space.close()

    def check_process(self) -> None:
        """Raises Refusal: no-such-process where it ended meanwhile."""
        try:
            os.stat("ns/mnt", dir_fd=self.process)
        except PermissionError:
            return
        except OSError as failure:
            raise self.refusal(failure) from None

    def refusal(self, failure: OSError) -> Refusal:
        """A failure to look into the process, as what it means."""
        if self.pid is None and failure.errno in (errno.ENOENT, errno.ESRCH):
            return Refusal(
                "system-call", "/proc does not show this process: none of its PID namespace is mounted", "/proc"
            )
        if self.pid is not None and failure.errno in GONE:
            return Refusal("no-such-process", f"{self.subject} is not there, or ended meanwhile", self.subject)
        return from_oserror(failure, self.subject)

    def others(self) -> list[MountNamespace]:
        """Every other mount namespace with a process that may be looked into; the caller's own first."""
        if self._others is None:
            _allow_many_descriptors()
            found: dict[int, MountNamespace] = {}
            for pid in sorted(_processes(), key=lambda pid: (pid != os.getpid(), pid)):
                namespace = _other_namespace_of(pid, {self.here.inode, *found})
                if namespace is not None and namespace.inode is not None:
                    found[namespace.inode] = namespace
            self._others = list(found.values())
        return self._others

    def beyond(self) -> list[MountNamespace]:
        """The dumped mount namespace as processes see it whose root is another one: more of it, perhaps."""
        if self._beyond is None:
            _allow_many_descriptors()
            self._beyond = []
            roots = {_root_of(self.process)}
            for pid in sorted(_processes(), key=lambda pid: (pid != os.getpid(), pid)):
                namespace = _namespace_with_other_root(pid, self.here.inode, roots)
                if namespace is not None:
                    self._beyond.append(namespace)
        return self._beyond

    def holders(self) -> list[Holder]:
        """What processes hold of mounts that are in none of the known namespaces."""
        if self._holders is None:
            known = {mount.mount_id for space in (self.here, *self.others()) for mount in space.table.entries}
            self._holders = [
                holder
                for pid in sorted(_processes())
                if pid != os.getpid()
                for holder in _held_by(pid)
                if holder.mount_id not in known
            ]
        return self._holders


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _other_namespace_of(pid: int, known: set[int | None]) -> MountNamespace | None:
    try:
        if os.stat(f"/proc/{pid}/ns/mnt").st_ino in known:
            return None
    except OSError:
        return None  # ended, or not to be looked into
    return _namespace_of(pid)


def _namespace_with_other_root(pid: int, inode: int | None, roots: set[object]) -> MountNamespace | None:
    """A process of this mount namespace as it sees it, if its root is none of these, which it is among then."""
    try:
        if os.stat(f"/proc/{pid}/ns/mnt").st_ino != inode:
            return None
        with closing(open_process(pid)) as process:
            root = _root_of(process)
    except OSError:
        return None
    if root in roots:
        return None
    roots.add(root)
    return _namespace_of(pid)


def _root_of(process: int) -> object:
    """What tells the root directory of a process from that of another one."""
    return _mount_of_entry(process, "root"), os.stat("root", dir_fd=process).st_ino


def _namespace_of(pid: int) -> MountNamespace | None:
    """None where the process ended, or may not be looked into. Raises OSError where descriptors run out."""
    namespace = None
    try:
        namespace = MountNamespace(open_process(pid), pid)
        if namespace.table.entries and namespace.root:
            return namespace
    except OSError as failure:
        if failure.errno in (errno.EMFILE, errno.ENFILE):
            raise
    if namespace is not None:
        namespace.close()
    return None


def _allow_many_descriptors() -> None:
    """Namespaces are kept open, and there may be as many as containers, which the usual limit is not made for."""
    import resource

    usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if usual != most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _held_by(pid: int) -> Iterator[Holder]:
    try:
        process = open_process(pid)
    except OSError:
        return
    try:
        start = process_start_time(process)
        for through in _entries_of(process):
            mount_id = _mount_of_entry(process, through)
            if mount_id is not None:
                yield Holder(pid, start, through, mount_id)
    except OSError:
        return
    finally:
        os.close(process)


def _entries_of(process: int) -> list[str]:
    listing = os.open("fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=process)
    try:
        return ["cwd", "root", *(f"fd/{number}" for number in sorted(map(int, os.listdir(listing))))]
    finally:
        os.close(listing)


def _mount_of_entry(process: int, through: str) -> int | None:
    """The mount that an entry of /proc/PID lies on; found without asking its file system for anything."""
    try:
        entry = os.open(through, os.O_PATH | os.O_CLOEXEC, dir_fd=process)
    except OSError:
        return None
    try:
        return mount_id_of_fd(entry)
    except OSError:
        return None
    finally:
        os.close(entry)
