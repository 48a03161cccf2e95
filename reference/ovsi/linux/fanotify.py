"""fanotify(7), as far as an ordinary user may use it: who opens a directory, told by its file handle (Linux 5.13)."""

from __future__ import annotations

import os
import struct

from ..record import Record
from . import foreign
from .handles import FileHandle
from .syscall import libc_function

_CLOEXEC, _NONBLOCK, _REPORT_FID = 0x01, 0x02, 0x200
_MARK_ADD, _MARK_ONLYDIR, _MARK_FILESYSTEM = 0x01, 0x08, 0x100
_OPEN, _ONDIR = 0x20, 0x4000_0000
_AT_FDCWD = -100
_BEHIND_ALL, _ROOM = 0x7FFF_FFFF, 512
_READ_SIZE, _MOST_READS = 1 << 16, 64

_EVENT = struct.Struct("=IBBHQii")  # struct fanotify_event_metadata
_INFO = struct.Struct("=BBH8sIi")  # struct fanotify_event_info_fid, with the head of its struct file_handle
_OVERFLOW = 0x4000
_INFO_FID = 1

_init = libc_function("fanotify_init", foreign.c_uint, foreign.c_uint)
_mark = libc_function("fanotify_mark", foreign.c_int, foreign.c_uint, foreign.c_uint64, foreign.c_int, foreign.c_char_p)


class Opening(Record):
    """A directory was opened: its file system's f_fsid and its handle, and whether by this very process."""

    fsid: bytes
    handle: FileHandle
    own: bool


class OpenWatch:
    """Watches directories for being opened. Close it.

    Raises OSError: ENOSYS or EINVAL where this kernel does not serve, EPERM where the caller may not, EMFILE.
    """

    def __init__(self) -> None:
        self.fd = _init(_CLOEXEC | _NONBLOCK | _REPORT_FID, os.O_RDONLY)

    def close(self) -> None:
        """Let go of all marks."""
        os.close(self.fd)

    def add(self, fd: int) -> None:
        """Watch the directory that `fd` (O_PATH is enough) is open on.

        Raises OSError: ENODEV, EOPNOTSUPP, EXDEV where its file system gives no handle or no ID, ENOSPC beyond a limit.
        """
        self._mark(_MARK_ONLYDIR, fd)

    def add_file_system(self, fd: int) -> None:
        """Watch all directories of the file system that `fd` (O_PATH is enough) is open on.

        Raises OSError: EPERM to who has no CAP_SYS_ADMIN over it (in a user namespace of its owner since Linux 6.16),
        EXDEV below a btrfs subvolume, others as `add`.
        """
        self._mark(_MARK_FILESYSTEM, fd)

    def _mark(self, what: int, fd: int) -> None:
        _mark(self.fd, _MARK_ADD | what, _OPEN | _ONDIR, _AT_FDCWD, b"/proc/self/fd/%d" % fd)

    def take(self) -> list[Opening] | None:
        """What was opened since the last time, in order; None where events are lost, of another form or without end."""
        found: list[Opening] = []
        for _ in range(_MOST_READS):
            try:
                data = os.read(self.fd, _READ_SIZE)
            except BlockingIOError:
                return found
            at = 0
            while at < len(data):
                length, _version, _reserved, head, mask, _fd, pid = _EVENT.unpack_from(data, at)
                if mask & _OVERFLOW or length < head + _INFO.size:
                    return None
                kind, _pad, _length, fsid, size, handle_type = _INFO.unpack_from(data, at + head)
                if kind != _INFO_FID:
                    return None
                begin = at + head + _INFO.size
                handle = FileHandle(handle_type, data[begin : begin + size])
                found.append(Opening(fsid, handle, pid == os.getpid()))
                at += length
        return None  # others open faster than this can be read


_getdents64 = libc_function("getdents64", foreign.c_int, foreign.c_void_p, foreign.c_ulong)


def begin_listing(fd: int) -> None:
    """Let the kernel list a directory from behind its last entry on: it gets ready, and comes to none.

    Raises OSError: ENOSYS with a C library that does not have the call.
    """
    os.lseek(fd, _BEHIND_ALL, os.SEEK_SET)
    _getdents64(fd, foreign.create_string_buffer(_ROOM), _ROOM)
