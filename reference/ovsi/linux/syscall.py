"""How this package calls the kernel: libc's functions, `syscall` by number, `ioctl`, and errors that name the call.

Every failure is an OSError with the kernel's errno and the name of the call in its text. EINTR is
retried, so a Python signal handler runs in between and may raise. Paths are bytes; a NUL in one is a
ValueError, for the kernel would read a shorter path than the one given.
"""

from __future__ import annotations

import errno
import os

from . import foreign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Argument = int | bytes | foreign.Array[foreign.c_char] | None

AT_FDCWD = -100
AT_SYMLINK_NOFOLLOW = 0x100
AT_SYMLINK_FOLLOW = 0x400
AT_NO_AUTOMOUNT = 0x800
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000

_syscall = foreign.libc["syscall"]
_syscall.argtypes = (foreign.c_long,) + (foreign.c_void_p,) * 6  # c_void_p takes integers, bytes, buffers and None
_syscall.restype = foreign.c_long
_PADDING = (0, 0, 0, 0, 0, 0)

_IS_32_BIT = foreign.sizeof(foreign.c_void_p) == 4
_MACHINE = os.uname().machine
_COMMON_BASE = {"alpha": 110, "mips": 4000, "mips64": 4000 if _IS_32_BIT else 5000}
"""Calls from 424 on have one number everywhere, but for the architectures that add a base to it."""
_BPF = {
    "x86_64": 357 if _IS_32_BIT else 321,
    "aarch64": 386 if _IS_32_BIT else 280,
    "riscv64": 280,
    "riscv32": 280,
    "loongarch64": 280,
    "i686": 357,
    "i586": 357,
    "armv6l": 386,
    "armv7l": 386,
    "armv8l": 386,
    "ppc64le": 361,
    "ppc64": 361,
    "s390x": 351,
    "sparc64": 349,
    "alpha": 515,
}
NUMBER_OF_BPF: int | None = _BPF.get(_MACHINE)
"""The number of bpf(2) here, None on an unknown architecture (arch/*/kernel/syscalls/syscall.tbl)."""


def common(number: int) -> int:
    """The number here of a call that is `number` (424 or more) in the table that all architectures share."""
    return number + _COMMON_BASE.get(_MACHINE, 0)


def error(code: int, name: str, path: bytes | None = None) -> OSError:
    """An OSError of the fitting subclass: `[Errno 2] openat2: No such file or directory: b'/x'`."""
    text = f"{name}: {os.strerror(code)}"
    return OSError(code, text) if path is None else OSError(code, text, path)


def syscall(name: str, number: int | None, *arguments: Argument, path: bytes | None = None, retry: bool = True) -> int:
    """The result of a system call, which is never negative; `path` only serves the error's text.

    Raises OSError; ENOSYS too where the number is not known (None). `retry=False` leaves EINTR to the caller.
    """
    if number is None:
        raise error(errno.ENOSYS, f"{name} (its number is not known on {_MACHINE})", path)
    while True:
        result: int = _syscall(number, *arguments, *_PADDING[len(arguments) :])
        if result >= 0:
            return result
        code = foreign.get_errno()
        if code != errno.EINTR or not retry:
            raise error(code, name, path)


quiet_syscall: Callable[..., int] = _syscall
"""A system call for hot places: its number and six arguments; -1 where it fails for whatever reason, EINTR too.

A path in it has no NUL.
"""


def libc_function(name: str, *argument_types: Any) -> Callable[..., int]:
    """A function of libc as one that raises OSError: ENOSYS where this libc does not have it.

    The result takes the arguments of `argument_types`, and `path=` for the error's text.
    """
    try:
        function = foreign.libc[name]
    except AttributeError:

        def absent(*_arguments: object, path: bytes | None = None) -> int:
            raise error(errno.ENOSYS, f"{name} (not in this C library)", path)

        return absent
    function.argtypes = argument_types
    function.restype = foreign.c_int

    def call(*arguments: Any, path: bytes | None = None) -> int:
        while True:
            result: int = function(*arguments)
            if result >= 0:
                return result
            code = foreign.get_errno()
            if code != errno.EINTR:
                raise error(code, name, path)

    return call


def quiet_function(name: str) -> Callable[..., int]:
    """A function of libc for hot places: -1 where it fails for whatever reason, or where this libc does not have it.

    Its arguments go as they are: numbers that fit an int, bytes, buffers.
    """
    try:
        function: Callable[..., int] = foreign.libc[name]
    except AttributeError:
        return lambda *_arguments: -1
    return function


def text(value: bytes) -> bytes:
    """The same bytes, for a call that takes a NUL-terminated string. Raises ValueError for a NUL inside."""
    if b"\0" in value:
        raise ValueError(f"NUL byte in {value!r}")
    return value


_ODD_IOCTLS = _MACHINE.startswith(("alpha", "mips", "ppc", "sparc"))


def ioctl_number(read: bool, write: bool, kind: int, number: int, size: int) -> int:
    """What the C macros _IO, _IOR, _IOW and _IOWR make (include/uapi/asm-generic/ioctl.h)."""
    direction = ((2 * read + 4 * write) or 1) << 29 if _ODD_IOCTLS else (2 * read + write) << 30
    return direction | size << 16 | kind << 8 | number


_ioctl = libc_function("ioctl", foreign.c_int, foreign.c_ulong, foreign.c_void_p)


def ioctl(name: str, fd: int, request: int, argument: Argument = None) -> int:
    """ioctl(2); the OSError of a failure names the request."""
    try:
        return _ioctl(fd, request, argument)
    except OSError as failure:
        raise error(failure.errno or 0, f"ioctl {name}") from None


class closing:  # noqa: N801 - named as its kind is in the standard library
    """`with closing(os.open(...)) as fd:` closes the descriptor at the end."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __enter__(self) -> int:
        return self.fd

    def __exit__(self, *_exception: object) -> None:
        os.close(self.fd)
