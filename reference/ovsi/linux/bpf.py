"""bpf(2) by hand, as much as it takes to run one's own few instructions: maps, types, programs, running them.

Layouts are of union bpf_attr, include/uapi/linux/bpf.h; instructions of the kernel's
Documentation/bpf/standardization/instruction-set.rst. Programs of type SYSCALL need Linux 5.14; before, one of type
RAW_TRACEPOINT that is attached nowhere can be run in the same way (5.10).
"""

from __future__ import annotations

import errno
import struct
import sys

from . import foreign
from .syscall import NUMBER_OF_BPF, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable, Sequence

    Attempt = Callable[[int, int, foreign.Array[foreign.c_char] | None], int]
else:
    import _signal  # what `signal` wraps, without its enumerations

_MAP_CREATE, _PROG_LOAD, _PROG_RUN, _BTF_LOAD = 0, 5, 10, 18
_MAP_TYPE_ARRAY = 2
_MAP_MMAPABLE = 1 << 10
_PROG_TYPES = ((31, 1 << 4), (17, 0))  # SYSCALL, which may sleep (BPF_F_SLEEPABLE); RAW_TRACEPOINT
_LOG_SIZE = 1 << 16
_STATISTICS = ("processed ", "verification time", "stack depth", "insns processed")  # end a verifier's log
_LICENSE = b"GPL\0"  # the kernel's memory-reading helpers are open to GPL-compatible programs only

_CREATE_ATTRIBUTES = struct.Struct("=5I")
_LOAD_ATTRIBUTES = struct.Struct("=IIQQIIQII24x2IQI24xIQQI4x")
_LOAD_PLAIN = 48  # bytes of them that matter without types: older kernels know no more, or mind none of the rest
_BTF_ATTRIBUTES = struct.Struct("=QQ4I")
_RUN_ATTRIBUTES = struct.Struct("=IIIIQQIIIIQQIIII")
_FUNCTION = struct.Struct("=II")
_INSTRUCTION = struct.Struct("=BBhi")
_WIDE_INSTRUCTION = struct.Struct("=BBhiBBhi")
_RELOCATION_SIZE = 16  # struct bpf_core_relo

# Opcodes, by what they do (dst, src: registers r0 to r10).
MOVE = 0xBF  # dst = src
MOVE_NUMBER = 0xB7  # dst = immediate
ADD = 0x0F  # dst += src
ADD_NUMBER = 0x07  # dst += immediate
MULTIPLY = 0x2F  # dst *= src
AND_NUMBER = 0x57  # dst &= immediate
SHIFT_LEFT_NUMBER = 0x67  # dst <<= immediate
LOAD_32 = 0x61  # dst = *(u32 *)(src + offset)
LOAD_64 = 0x79  # dst = *(u64 *)(src + offset)
STORE_32 = 0x63  # *(u32 *)(dst + offset) = src
STORE_64 = 0x7B  # *(u64 *)(dst + offset) = src
JUMP = 0x05  # to the offset-th instruction after the next one
JUMP_IF_EQUAL = 0x1D  # if dst == src
JUMP_IF_NUMBER = 0x15  # if dst == immediate
JUMP_IF_NEGATIVE = 0xC5  # if dst < immediate, which should be 0, as signed numbers
CALL = 0x85  # r0 = helper number `immediate` (r1, …, r5)
EXIT = 0x95  # return r0
_LOAD_WIDE = 0x18
_MAP_VALUE = 2
_FUNCTION_ADDRESS = 4

HELPER_GET_CURRENT_TASK = 35
HELPER_PROBE_READ_KERNEL = 113
HELPER_PROBE_READ_KERNEL_STRING = 115
HELPER_LOOP = 181  # Linux 5.17


def instruction(opcode: int, dst: int = 0, src: int = 0, offset: int = 0, immediate: int = 0) -> bytes:
    """One instruction, eight bytes."""
    return _INSTRUCTION.pack(opcode, registers(dst, src), offset, immediate)


def instructions(numbers: Sequence[int]) -> bytes:
    """Many instructions, of four numbers each: opcode, registers, offset, immediate."""
    return struct.pack("=" + len(numbers) // 4 * "BBhi", *numbers)


def load_map_value(dst: int, map_fd: int, offset: int = 0) -> bytes:
    """dst = address of the first value of an array map, plus an offset; takes the place of two instructions."""
    return _WIDE_INSTRUCTION.pack(_LOAD_WIDE, registers(dst, _MAP_VALUE), 0, map_fd, 0, 0, 0, offset)


def load_function(dst: int, distance: int) -> bytes:
    """dst = a function of the program, so many instructions after the next one; takes the place of two instructions."""
    return _WIDE_INSTRUCTION.pack(_LOAD_WIDE, registers(dst, _FUNCTION_ADDRESS), 0, distance, 0, 0, 0, 0)


def registers(dst: int, src: int) -> int:
    """The byte of an instruction that names its registers."""
    return src << 4 | dst if sys.byteorder == "little" else dst << 4 | src


def _bpf(command: int, name: str, attributes: bytes) -> int:
    buffer = foreign.create_string_buffer(attributes, len(attributes))
    return syscall(f"bpf {name}", NUMBER_OF_BPF, command, buffer, len(attributes))


def _bpf_in_memory(command: int, name: str, attributes: bytes) -> int:
    """The same for a call that counted as locked memory before Linux 5.11: once more with that limit lifted."""
    try:
        return _bpf(command, name, attributes)
    except PermissionError as refused:
        try:
            import resource

            limits = resource.getrlimit(resource.RLIMIT_MEMLOCK)
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        except (ImportError, OSError, ValueError):
            raise refused from None
    try:
        return _bpf(command, name, attributes)
    finally:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, limits)


def array_map(value_size: int, entries: int = 1) -> int:
    """A descriptor of an array map that mmap(2) takes. Raises OSError: EPERM without CAP_BPF."""
    attributes = _CREATE_ATTRIBUTES.pack(_MAP_TYPE_ARRAY, 4, value_size, entries, _MAP_MMAPABLE)
    return _bpf_in_memory(_MAP_CREATE, "BPF_MAP_CREATE", attributes)


def load_types(types: bytes) -> int:
    """A descriptor of the types (BTF) that a program speaks of. Raises OSError: EINVAL for what is malformed."""
    data = foreign.create_string_buffer(types, len(types))
    return _bpf(_BTF_LOAD, "BPF_BTF_LOAD", _BTF_ATTRIBUTES.pack(foreign.addressof(data), 0, len(types), 0, 0, 0))


def load(
    program: bytes,
    types_fd: int | None = None,
    functions: Sequence[tuple[int, int]] = (),
    relocations: Sequence[int] = (),
) -> int:
    """A descriptor of a program that can be run and need not be attached to anything.

    `functions` holds first instruction and type of each function, `relocations` four numbers each: byte offset of the
    instruction, type, access string, kind. Both are in terms of `types_fd`; the kernel applies them to its own types
    (Linux 5.17).

    Raises OSError: EPERM without CAP_BPF and CAP_PERFMON, EINVAL where the kernel does not know what is asked for;
    EACCES where its verifier refuses the program, which is then tried again for the verifier's reason.
    """
    code = foreign.create_string_buffer(program, len(program))
    license_name = foreign.create_string_buffer(_LICENSE)
    info = b"".join(_FUNCTION.pack(*function) for function in functions)
    info_buffer = foreign.create_string_buffer(info, len(info))
    places = struct.pack(f"={len(relocations)}I", *relocations)
    relocation_buffer = foreign.create_string_buffer(places, len(places))

    def attempt(prog_type: int, flags: int, log: foreign.Array[foreign.c_char] | None) -> int:
        attributes = _LOAD_ATTRIBUTES.pack(
            prog_type,
            len(program) // 8,
            foreign.addressof(code),
            foreign.addressof(license_name),
            1 if log else 0,
            len(log) if log else 0,
            foreign.addressof(log) if log else 0,
            0,
            flags,
            types_fd or 0,
            _FUNCTION.size if info else 0,
            foreign.addressof(info_buffer) if info else 0,
            len(functions),
            len(places) // _RELOCATION_SIZE,
            0,
            foreign.addressof(relocation_buffer) if places else 0,
            _RELOCATION_SIZE if places else 0,
        )
        size = _LOAD_PLAIN if types_fd is None else len(attributes)
        return _bpf_in_memory(_PROG_LOAD, "BPF_PROG_LOAD", attributes[:size])

    try:
        return _first_that_loads(attempt)
    except OSError as failure:
        if failure.errno != errno.EAGAIN:
            raise
    # A signal came while the verifier was at work, as a profiler's timer sends them all the time.
    before = _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
    try:
        return _first_that_loads(attempt)
    finally:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, before)


def _first_that_loads(attempt: Attempt) -> int:
    """By the first type that this kernel knows; where none loads, the failure tells the verifier's reason."""
    failure = None
    for prog_type, flags in _PROG_TYPES:
        try:
            return attempt(prog_type, flags, None)
        except OSError as error:
            if error.errno in (errno.EPERM, errno.ENOSYS):
                raise
            if failure is None or error.errno != errno.EINVAL:
                failure = prog_type, flags
            if error.errno != errno.EINVAL:
                break
    assert failure
    log = foreign.create_string_buffer(_LOG_SIZE)
    try:
        return attempt(*failure, log)
    except OSError as reason:
        said = _verdict(log.value.decode(errors="replace"))
        raise OSError(reason.errno, f"{reason.strerror}: {said}" if said else reason.strerror) from None


def _verdict(log: str) -> str:
    """The line in which the verifier says what is wrong, empty where there is none.

    The instructions above it show addresses of the kernel to who may load programs, and statistics follow.
    """
    for line in reversed(log.splitlines()):
        if line.strip() and not line.startswith(_STATISTICS) and not line.partition(":")[0].isdigit():
            return line.strip() if "0xffff" not in line else ""
    return ""


class Runner:
    """A loaded program with the buffers that running it takes, made once for many runs."""

    def __init__(self, program_fd: int, context_size: int) -> None:
        self.context = foreign.create_string_buffer(context_size)
        """What the program reads and writes, at r1 on entry."""
        attributes = _RUN_ATTRIBUTES.pack(
            program_fd, 0, 0, 0, 0, 0, 0, 0, context_size, 0, foreign.addressof(self.context), 0, 0, 0, 0, 0
        )
        self._attributes = foreign.create_string_buffer(attributes, len(attributes))

    def run(self) -> None:
        """Run the program once on `context`. Raises OSError."""
        syscall("bpf BPF_PROG_RUN", NUMBER_OF_BPF, _PROG_RUN, self._attributes, len(self._attributes))
