"""What this package uses of `ctypes`, by the same names, from the extension module that `ctypes` itself wraps.

Importing `ctypes` makes some fifty types and imports `types` and `struct` for that: a tenth of a bare interpreter's
start, paid by every command. Here are the eight types that system calls take.
"""

from __future__ import annotations

from _ctypes import (
    FUNCFLAG_CDECL,
    FUNCFLAG_USE_ERRNO,
    RTLD_LOCAL,
    CFuncPtr,
    addressof,
    byref,
    dlopen,
    get_errno,
    sizeof,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ctypes import Array as Array
    from ctypes import (
        c_char,
        c_char_p,
        c_int,
        c_long,
        c_uint,
        c_uint64,
        c_ulong,
        c_void_p,
    )
    from typing import Any
else:
    from _ctypes import _SimpleCData

    class c_char(_SimpleCData):  # noqa: N801 - these are known by such names
        _type_ = "c"

    class c_int(_SimpleCData):  # noqa: N801 - as above
        _type_ = "i"

    class c_uint(_SimpleCData):  # noqa: N801 - as above
        _type_ = "I"

    class c_long(_SimpleCData):  # noqa: N801 - as above
        _type_ = "l"

    class c_ulong(_SimpleCData):  # noqa: N801 - as above
        _type_ = "L"

    class c_uint64(_SimpleCData):  # noqa: N801 - as above
        _type_ = "Q"

    class c_char_p(_SimpleCData):  # noqa: N801 - as above
        _type_ = "z"

    class c_void_p(_SimpleCData):  # noqa: N801 - as above
        _type_ = "P"


__all__ = [
    "addressof",
    "byref",
    "c_char",
    "c_char_p",
    "c_int",
    "c_long",
    "c_uint",
    "c_uint64",
    "c_ulong",
    "c_void_p",
    "create_string_buffer",
    "get_errno",
    "libc",
    "shared_buffer",
    "sizeof",
]


def create_string_buffer(init: bytes | int, size: int = 0) -> Array[c_char]:
    """So many zero bytes, or `size` bytes (of one more than its own) that begin with these."""
    if isinstance(init, int):
        return (c_char * init)()
    buffer = (c_char * (size or len(init) + 1))()
    buffer.value = init
    return buffer


def shared_buffer(size: int) -> tuple[bytearray, Array[c_char]]:
    """So many zero bytes as Python has them and as a call takes them."""
    data = bytearray(size)
    return data, (c_char * size).from_buffer(data)


class _Function(CFuncPtr):
    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
    _restype_ = c_int


class _Libc:
    """The C library that this process runs with; the errno of a call is kept for `get_errno`."""

    def __init__(self) -> None:
        self._handle = dlopen(None, RTLD_LOCAL)  # type: ignore[arg-type]  # None: this very process

    def __getitem__(self, name: str) -> Any:
        """A function. Raises AttributeError where there is none of the name."""
        return _Function((name, self))  # type: ignore[arg-type]  # takes what has a handle


libc = _Libc()
