"""bpf(2) by hand, as much as it takes to run one's own few instructions: maps, programs of type SYSCALL, running.

Layouts are of union bpf_attr, include/uapi/linux/bpf.h; instructions of the kernel's
Documentation/bpf/standardization/instruction-set.rst. Programs of type SYSCALL need Linux 5.14.
"""

from __future__ import annotations

import ctypes
import errno
import struct
import sys

from .syscall import NUMBER_OF_BPF, syscall

_MAP_CREATE, _PROG_LOAD, _PROG_RUN = 0, 5, 10
_MAP_TYPE_ARRAY = 2
_MAP_MMAPABLE = 1 << 10
_PROG_TYPE_SYSCALL = 31
_PROG_SLEEPABLE = 1 << 4
_LOG_SIZE = 1 << 16
_LICENSE = b"GPL\0"  # the kernel's memory-reading helpers are open to GPL-compatible programs only

_CREATE_ATTRIBUTES = struct.Struct("=5I")
_LOAD_ATTRIBUTES = struct.Struct("=IIQQIIQII")
_RUN_ATTRIBUTES = struct.Struct("=IIIIQQIIIIQQIIII")

# Opcodes, by what they do (dst, src: registers r0 to r10).
MOVE = 0xBF  # dst = src
MOVE_NUMBER = 0xB7  # dst = immediate
ADD = 0x0F  # dst += src
ADD_NUMBER = 0x07  # dst += immediate
AND_NUMBER = 0x57  # dst &= immediate
LOAD_32 = 0x61  # dst = *(u32 *)(src + offset)
LOAD_64 = 0x79  # dst = *(u64 *)(src + offset)
STORE_32 = 0x63  # *(u32 *)(dst + offset) = src
STORE_64 = 0x7B  # *(u64 *)(dst + offset) = src
CALL = 0x85  # r0 = helper number `immediate` (r1, …, r5)
EXIT = 0x95  # return r0
_LOAD_WIDE = 0x18
_MAP_VALUE = 2

HELPER_GET_CURRENT_TASK = 35
HELPER_PROBE_READ_KERNEL = 113


def instruction(opcode: int, dst: int = 0, src: int = 0, offset: int = 0, immediate: int = 0) -> bytes:
    """One instruction, eight bytes."""
    return struct.pack("=BBhi", opcode, _registers(dst, src), offset, immediate)


def load_map_value(dst: int, map_fd: int, offset: int = 0) -> bytes:
    """dst = address of the first value of an array map, plus an offset; takes the place of two instructions."""
    return struct.pack("=BBhiBBhi", _LOAD_WIDE, _registers(dst, _MAP_VALUE), 0, map_fd, 0, 0, 0, offset)


def _registers(dst: int, src: int) -> int:
    return src << 4 | dst if sys.byteorder == "little" else dst << 4 | src


def _bpf(command: int, name: str, attributes: bytes) -> int:
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    return syscall(f"bpf {name}", NUMBER_OF_BPF, command, buffer, len(attributes))


def array_map(value_size: int, entries: int = 1) -> int:
    """A descriptor of an array map that mmap(2) takes. Raises OSError: EPERM without CAP_BPF."""
    attributes = _CREATE_ATTRIBUTES.pack(_MAP_TYPE_ARRAY, 4, value_size, entries, _MAP_MMAPABLE)
    return _bpf(_MAP_CREATE, "BPF_MAP_CREATE", attributes)


def load(program: bytes) -> int:
    """A descriptor of a program of type SYSCALL, which may sleep.

    Raises OSError: EPERM without CAP_BPF and CAP_PERFMON, EINVAL where the kernel does not know the type;
    EACCES where its verifier refuses the program, which is then tried again for the verifier's reason.
    """
    try:
        return _load(program, None)
    except OSError as failure:
        if failure.errno in (errno.EPERM, errno.ENOSYS):
            raise
        log = ctypes.create_string_buffer(_LOG_SIZE)
        try:
            return _load(program, log)
        except OSError as reason:
            said = log.value.decode(errors="replace").strip()
            raise OSError(reason.errno, f"{reason.strerror}: {said}" if said else reason.strerror) from None


def _load(program: bytes, log: ctypes.Array[ctypes.c_char] | None) -> int:
    code = ctypes.create_string_buffer(program, len(program))
    license_name = ctypes.create_string_buffer(_LICENSE)
    attributes = _LOAD_ATTRIBUTES.pack(
        _PROG_TYPE_SYSCALL,
        len(program) // 8,
        ctypes.addressof(code),
        ctypes.addressof(license_name),
        1 if log else 0,
        len(log) if log else 0,
        ctypes.addressof(log) if log else 0,
        0,
        _PROG_SLEEPABLE,
    )
    return _bpf(_PROG_LOAD, "BPF_PROG_LOAD", attributes)


class Runner:
    """A program of type SYSCALL with the buffers that running it takes, made once for many runs."""

    def __init__(self, program_fd: int, context_size: int) -> None:
        self.context = ctypes.create_string_buffer(context_size)
        """What the program reads and writes, at r1 on entry."""
        attributes = _RUN_ATTRIBUTES.pack(
            program_fd, 0, 0, 0, 0, 0, 0, 0, context_size, 0, ctypes.addressof(self.context), 0, 0, 0, 0, 0
        )
        self._attributes = ctypes.create_string_buffer(attributes, len(attributes))

    def run(self) -> None:
        """Run the program once on `context`. Raises OSError."""
        syscall("bpf BPF_PROG_RUN", NUMBER_OF_BPF, _PROG_RUN, self._attributes, len(self._attributes))
