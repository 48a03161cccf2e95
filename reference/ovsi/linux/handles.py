"""File handles: name_to_handle_at(2) and open_by_handle_at(2)."""

from __future__ import annotations

import errno
import os
import struct

from ..record import Record
from . import foreign
from .syscall import AT_EMPTY_PATH, libc_function, quiet_function, text

AT_HANDLE_FID = 0x200
"""A handle that need only identify, not open: more file systems make one (Linux 6.5)."""
AT_HANDLE_MNT_ID_UNIQUE = 0x001
"""Return the 64-bit mount ID (Linux 6.12; EINVAL before)."""
AT_HANDLE_CONNECTABLE = 0x002

_HEADER = struct.Struct("=Ii")
_ANSWER = struct.Struct("=iIi")  # a mount ID, and such a header
_HANDLE_AT = 4
_USUAL_SIZE = 128  # MAX_HANDLE_SZ

_name_to_handle_at = libc_function(
    "name_to_handle_at", foreign.c_int, foreign.c_char_p, foreign.c_void_p, foreign.c_void_p, foreign.c_int
)
_ask_handle = quiet_function("name_to_handle_at")
_open_by_handle_at = libc_function("open_by_handle_at", foreign.c_int, foreign.c_void_p, foreign.c_int)


class FileHandle(Record):
    """A handle as the kernel gives it: meaningful to one file system only. Any type, any length."""

    type: int
    data: bytes


def name_to_handle_at(dirfd: int, path: bytes, flags: int = 0) -> tuple[FileHandle, int]:
    """The handle of the object at `path`, and the ID of the mount it is on (the 64-bit one if flags ask for it).

    Raises OSError: EOPNOTSUPP where the file system makes no handles, EINVAL for a flag this kernel does not know.
    """
    size = _USUAL_SIZE
    while True:
        buffer = foreign.create_string_buffer(_HEADER.pack(size, 0), _HEADER.size + size)
        mount_id = foreign.create_string_buffer(8)
        try:
            _name_to_handle_at(dirfd, text(path), buffer, mount_id, flags, path=path)
        except OSError as failure:
            needed = _HEADER.unpack_from(buffer)[0]
            if failure.errno != errno.EOVERFLOW or needed <= size:
                raise
            size = needed
            continue
        length, kind = _HEADER.unpack_from(buffer)
        layout = "=Q" if flags & AT_HANDLE_MNT_ID_UNIQUE else "=i"
        return FileHandle(kind, buffer.raw[_HEADER.size : _HEADER.size + length]), struct.unpack_from(layout, mount_id)[
            0
        ]


def handle_of_fd(fd: int, flags: int = 0) -> FileHandle:
    """The handle of the object that `fd` (O_PATH is enough) is open on."""
    return name_to_handle_at(fd, b"", flags | AT_EMPTY_PATH)[0]


def open_by_handle_at(mount_fd: int, handle: FileHandle, flags: int) -> int:
    """Open the object of a handle on the file system that `mount_fd` (not O_PATH) is open on.

    Raises OSError: ESTALE where no such object is (any more), EPERM without CAP_DAC_READ_SEARCH over it.
    """
    packed = _HEADER.pack(len(handle.data), handle.type) + handle.data
    return _open_by_handle_at(mount_fd, foreign.create_string_buffer(packed, len(packed)), flags | os.O_CLOEXEC)


class HandleReader:
    """Handles of many objects in a row: as type and bytes, through buffers made once. Not for threads."""

    def __init__(self) -> None:
        # What the kernel leaves there follows each other, so that one comparison tells whether it is as expected.
        self._bytes, buffer = foreign.shared_buffer(_HANDLE_AT + _HEADER.size + _USUAL_SIZE)
        self._mount_id, self._buffer = foreign.byref(buffer), foreign.byref(buffer, _HANDLE_AT)
        _HEADER.pack_into(self._bytes, _HANDLE_AT, _USUAL_SIZE, 0)

    def of_fd(self, fd: int, flags: int = 0) -> tuple[int, bytes]:
        """Raises OSError as `name_to_handle_at`."""
        known = self._bytes
        _HEADER.pack_into(known, _HANDLE_AT, _USUAL_SIZE, 0)
        try:
            _name_to_handle_at(fd, b"", self._buffer, self._mount_id, flags | AT_EMPTY_PATH)
        except OSError as failure:
            if failure.errno != errno.EOVERFLOW:
                raise
            handle = handle_of_fd(fd, flags)
            return handle.type, handle.data
        length, kind = _HEADER.unpack_from(known, _HANDLE_AT)
        begin = _HANDLE_AT + _HEADER.size
        return kind, bytes(known[begin : begin + length])

    def is_of_fd(self, fd: int, handle: FileHandle) -> bool:
        """Whether that is the handle of the object that `fd` is open on. False says nothing where asking fails."""
        kind, data = handle
        expected = _HEADER.pack(len(data), kind) + data
        failed = _ask_handle(fd, b"", self._buffer, self._mount_id, AT_EMPTY_PATH)
        return (not failed and self._bytes[_HANDLE_AT : _HANDLE_AT + len(expected)] == expected) or self._reset()

    def is_of_entry(self, dirfd: int, name: bytes, mount_id: int, handle: FileHandle) -> bool:
        """Whether a directory holds an object of that handle under a name without NUL, and on that mount.

        One system call that opens nothing. A link is not followed; what is mounted there is found. False too where
        anything stands in the way.
        """
        kind, data = handle
        expected = _ANSWER.pack(mount_id, len(data), kind) + data
        # The length that the kernel found there last is room enough for another handle of that length.
        failed = _ask_handle(dirfd, name, self._buffer, self._mount_id, 0)
        return (not failed and self._bytes[: len(expected)] == expected) or self._reset()

    def _reset(self) -> bool:
        """Room for a handle of any usual length again."""
        _HEADER.pack_into(self._bytes, _HANDLE_AT, _USUAL_SIZE, 0)
        return False
