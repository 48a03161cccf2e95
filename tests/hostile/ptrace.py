"""ptrace(2) by ctypes: what a tracer of system calls needs, on x86_64 and aarch64; Linux 5.3 or newer."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from dataclasses import dataclass

from .system import LIBC, checked

TRACEME, POKEUSER, CONT, SYSCALL, DETACH = 0, 6, 7, 24, 17
SETOPTIONS, GETEVENTMSG = 0x4200, 0x4201
GETREGSET, SETREGSET = 0x4204, 0x4205
GET_SYSCALL_INFO = 0x420E

O_TRACESYSGOOD = 1
O_TRACEFORK, O_TRACEVFORK, O_TRACECLONE, O_TRACEEXEC = 1 << 1, 1 << 2, 1 << 3, 1 << 4
O_EXITKILL = 1 << 20
EVENT_FORK, EVENT_VFORK, EVENT_CLONE = 1, 2, 3
WALL = 0x40000000
"""__WALL of waitpid(2): children of every kind."""

_INFO = ctypes.create_string_buffer(88)
_ENTRY, _EXIT = 1, 2

_X86_RAX, _X86_ORIG_RAX = 10 * 8, 15 * 8
_NT_PRSTATUS, _NT_ARM_SYSTEM_CALL = 1, 0x404
_ARM_REGISTERS = 34 * 8

_ptrace = LIBC.ptrace
_ptrace.restype = ctypes.c_long
_ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


class _Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


@dataclass(frozen=True)
class Entry:
    """A call about to be made."""

    number: int
    arguments: tuple[int, ...]


@dataclass(frozen=True)
class Exit:
    """A call that returned; negative: an errno."""

    result: int


def ptrace(request: int, pid: int, address: int | None = None, data: int | None = None) -> int:
    """One request. Raises OSError: ESRCH where the task is not stopped, or gone."""
    return checked(_ptrace(request, pid, address, data), f"ptrace {request:#x}")


def trace_me() -> None:
    """Be traced by the parent from now on."""
    ptrace(TRACEME, 0)


def event_message(pid: int) -> int:
    """The process ID that a fork, vfork or clone event is about."""
    message = ctypes.c_ulong()
    ptrace(GETEVENTMSG, pid, None, ctypes.addressof(message))
    return message.value


def call_info(pid: int) -> Entry | Exit | None:
    """What a system call stop is about; None where the task is stopped elsewhere."""
    ptrace(GET_SYSCALL_INFO, pid, len(_INFO), ctypes.addressof(_INFO))
    kind = _INFO.raw[0]
    if kind == _ENTRY:
        number, *arguments = struct.unpack_from("=7Q", _INFO, 24)
        return Entry(number, tuple(arguments))
    if kind == _EXIT:
        return Exit(struct.unpack_from("=q", _INFO, 24)[0])
    return None


def skip_call(pid: int) -> None:
    """At an entry: the kernel makes no call."""
    if platform.machine() == "x86_64":
        ptrace(POKEUSER, pid, _X86_ORIG_RAX, ctypes.c_ulong(-1).value)
    else:
        number = ctypes.c_int(-1)
        vector = _Vector(ctypes.addressof(number), ctypes.sizeof(number))
        ptrace(SETREGSET, pid, _NT_ARM_SYSTEM_CALL, ctypes.addressof(vector))


def set_result(pid: int, result: int) -> None:
    """At an exit: what the program sees."""
    if platform.machine() == "x86_64":
        ptrace(POKEUSER, pid, _X86_RAX, ctypes.c_ulong(result).value)
        return
    registers = ctypes.create_string_buffer(_ARM_REGISTERS)
    vector = _Vector(ctypes.addressof(registers), _ARM_REGISTERS)
    ptrace(GETREGSET, pid, _NT_PRSTATUS, ctypes.addressof(vector))
    struct.pack_into("=q", registers, 0, result)
    ptrace(SETREGSET, pid, _NT_PRSTATUS, ctypes.addressof(vector))


def string_at(pid: int, address: int, most: int = 4096) -> bytes:
    """The NUL-terminated bytes there, as far as they can be read."""
    found = b""
    try:
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            while len(found) < most and b"\0" not in found:
                memory.seek(address + len(found))
                found += memory.read(4096 - (address + len(found)) % 4096)
    except (OSError, OverflowError, ValueError):
        pass
    return found.split(b"\0")[0][:most]


def name_of_process(pid: int) -> str:
    """Its command name, for people."""
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except OSError:
        return "ended"


def kill(pid: int, number: int = 9) -> None:
    """Send a signal; a process that is gone is fine."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
