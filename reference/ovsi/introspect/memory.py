"""Reads kernel memory through a BPF program that is run, never attached: many addresses a call.

The program and this module share one page-aligned array: a header, the addresses, the lengths of strings, and the
bytes read, one slot of equal size for each address. The helpers bpf_probe_read_kernel and bpf_probe_read_kernel_str
fail cleanly on a bad address (bpf-helpers(7)).
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
import sys

from ..linux import bpf
from ..linux.syscall import closing
from .errors import IntrospectionUnavailable, KernelReadError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .shape import Row, View

CHUNK = 1 << 15
"""Bytes of one read at most."""
_REQUESTS = 1024  # reads in one run; powers of two, for they are masks in the program
_UNROLLED = 64  # in one run where the kernel has no helper that loops: its verifier goes through each of them
_CAPACITY = 128 * 1024

_TASK, _COUNT, _SLOT, _IS_STRING, _DONE, _START = 0, 8, 12, 16, 20, 24
_ADDRESSES = 32
_LENGTHS = _ADDRESSES + 8 * _REQUESTS
_DATA = _LENGTHS + 4 * _REQUESTS
_SIZE = _DATA + _CAPACITY + 2 * CHUNK
_header = struct.Struct("=5I")  # from _COUNT on
_number = struct.Struct("=I")

_LOOP_TYPES = struct.pack(  # int; int (); a function main and another one, of that prototype (struct btf_header first)
    "=HBBIIIII" + "IIII" + "III" * 3 + "13s",
    *(0xEB9F, 1, 0, 24, 0, 52, 52, 13),
    *(1, 1 << 24, 4, 32),
    *(0, 13 << 24, 1),
    *(5, 12 << 24, 2),
    *(5, 12 << 24, 2),
    b"\0int\0main_f\0\0",
)
_FUNCTION = 3


def _read_one(map_fd: int) -> list[bytes]:
    """Serves request r7 and notes how many are done; where it failed, goes on two instructions further."""
    step = bpf.instruction
    return [
        bpf.load_map_value(6, map_fd),
        step(bpf.AND_NUMBER, 7, immediate=_REQUESTS - 1),
        step(bpf.MOVE, 8, 7),
        step(bpf.SHIFT_LEFT_NUMBER, 8, immediate=2),
        step(bpf.MOVE, 3, 6),
        step(bpf.ADD, 3, 8),
        step(bpf.ADD, 3, 8),
        step(bpf.LOAD_64, 3, 3, _ADDRESSES),
        step(bpf.LOAD_32, 4, 6, _START),
        step(bpf.ADD, 3, 4),
        step(bpf.ADD, 8, 6),
        step(bpf.LOAD_32, 2, 6, _SLOT),
        step(bpf.AND_NUMBER, 2, immediate=2 * CHUNK - 1),
        step(bpf.MOVE, 1, 7),
        step(bpf.MULTIPLY, 1, 2),
        step(bpf.AND_NUMBER, 1, immediate=_CAPACITY - 1),
        step(bpf.ADD, 1, 6),
        step(bpf.ADD_NUMBER, 1, immediate=_DATA),
        step(bpf.LOAD_32, 5, 6, _IS_STRING),
        step(bpf.JUMP_IF_NUMBER, 5, 0, 2),
        step(bpf.CALL, immediate=bpf.HELPER_PROBE_READ_KERNEL_STRING),
        step(bpf.JUMP, offset=1),
        step(bpf.CALL, immediate=bpf.HELPER_PROBE_READ_KERNEL),
        step(bpf.JUMP_IF_NEGATIVE, 0, 0, 3 + 2),
        step(bpf.STORE_32, 8, 0, _LENGTHS),
        step(bpf.ADD_NUMBER, 7, immediate=1),
        step(bpf.STORE_32, 6, 7, _DONE),
    ]


def _size_of(program: list[bytes]) -> int:
    return len(b"".join(program)) // 8


def _looping_program(map_fd: int) -> tuple[bytes, int]:
    """One that lets the helper of Linux 5.17 loop, and where the function begins that it calls for each request."""
    step = bpf.instruction
    ending = [step(bpf.MOVE_NUMBER, 0), step(bpf.EXIT)]
    call = [step(bpf.MOVE_NUMBER, 3), step(bpf.MOVE_NUMBER, 4), step(bpf.CALL, immediate=bpf.HELPER_LOOP), *ending]
    main = [
        bpf.load_map_value(6, map_fd),
        step(bpf.CALL, immediate=bpf.HELPER_GET_CURRENT_TASK),
        step(bpf.STORE_64, 6, 0, _TASK),
        step(bpf.LOAD_32, 1, 6, _COUNT),
        bpf.load_function(2, len(call) + 1),
        *call,
    ]
    each = [step(bpf.MOVE, 7, 1), *_read_one(map_fd), *ending]
    failed = [step(bpf.MOVE_NUMBER, 0, immediate=1), step(bpf.EXIT)]
    return b"".join((*main, *each, *failed)), _size_of(main)


def _counting_program(map_fd: int) -> bytes:
    """One that loops by itself, a few times only, for the verifier follows it through each round."""
    step = bpf.instruction
    start = [
        bpf.load_map_value(6, map_fd),
        step(bpf.CALL, immediate=bpf.HELPER_GET_CURRENT_TASK),
        step(bpf.STORE_64, 6, 0, _TASK),
        step(bpf.MOVE_NUMBER, 9),
    ]
    each = [step(bpf.MOVE, 7, 9), *_read_one(map_fd), step(bpf.ADD_NUMBER, 9, immediate=1)]
    round_ = _size_of(each)
    head = [
        step(bpf.LOAD_32, 1, 6, _COUNT),
        step(bpf.JUMP_IF_EQUAL, 9, 1, round_ + 2),
        step(bpf.JUMP_IF_NUMBER, 9, 0, round_ + 1, _UNROLLED),
    ]
    back = step(bpf.JUMP, offset=-(round_ + len(head) + 1))
    return b"".join((*start, *head, *each, back, step(bpf.MOVE_NUMBER, 0), step(bpf.EXIT)))


class Memory:
    """The kernel's memory, as long as it is open; `close` it, or use it in a `with` statement. Not to be forked."""

    def __init__(self) -> None:
        """Raises IntrospectionUnavailable where bpf(2) is missing or not allowed."""
        try:
            with closing(bpf.array_map(_SIZE)) as map_fd:
                self._program, self._requests = _load(map_fd)
                self._shared = mmap.mmap(map_fd, _SIZE)
        except OSError as failure:
            raise IntrospectionUnavailable("bpf", _reason(failure)) from failure
        self._runner = bpf.Runner(self._program, 8)

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing stays behind in the kernel."""
        if not self._shared.closed:
            self._shared.close()
            os.close(self._program)

    @property
    def current_task(self) -> int:
        """The address of the calling thread's struct task_struct."""
        self._run((), 0, "")
        return int.from_bytes(self._shared[_TASK : _TASK + 8], sys.byteorder)

    def structures(self, view: View[Row], addresses: Sequence[int]) -> bytes:
        """The wanted bytes of structures of one shape, for `view.rows`. Raises KernelReadError."""
        return self.pieces(addresses, view.length, view.name, view.start)

    def pieces(self, addresses: Sequence[int], size: int, what: str, start: int = 0) -> bytes:
        """As many bytes from `start` on at each address, CHUNK at most, in one.

        Raises KernelReadError for the first bad one.
        """
        step = min(self._requests, _CAPACITY // size)
        if len(addresses) <= step:
            self._run(addresses, size, what, start)
            return self._shared[_DATA : _DATA + len(addresses) * size]
        return b"".join(
            self.pieces(addresses[first : first + step], size, what, start) for first in range(0, len(addresses), step)
        )

    def strings(self, addresses: Sequence[int], size: int, what: str) -> list[bytes]:
        """The NUL-terminated strings at addresses, at most `size` - 1 bytes of each. Raises KernelReadError."""
        step = min(self._requests, _CAPACITY // size)
        found: list[bytes] = []
        for first in range(0, len(addresses), step):
            some = addresses[first : first + step]
            self._run(some, size, what, is_string=True)
            lengths = struct.unpack_from(f"={len(some)}I", self._shared, _LENGTHS)
            data = self._shared[_DATA : _DATA + len(some) * size]
            found += [data[at : at + length - 1] for at, length in zip(range(0, len(data), size), lengths, strict=True)]
        return found

    def spans(self, addresses: Sequence[int], length: int, what: str) -> list[bytes]:
        """As many bytes at each address, any number. Raises KernelReadError."""
        if length <= CHUNK:
            data = self.pieces(addresses, length, what)
            return [data[first : first + length] for first in range(0, len(data), length)]
        return [self.read(address, length, what) for address in addresses]

    def read(self, address: int, length: int, what: str = "kernel memory") -> bytes:
        """Any number of bytes. Raises KernelReadError."""
        whole, rest = divmod(length, CHUNK)
        starts = range(address, address + whole * CHUNK, CHUNK)
        data = self.pieces(starts, CHUNK, what) if whole else b""
        return data + self.pieces((address + whole * CHUNK,), rest, what) if rest else data

    def _run(self, addresses: Sequence[int], size: int, what: str, start: int = 0, *, is_string: bool = False) -> None:
        """Leaves what is at the addresses in the slots. Raises KernelReadError."""
        count, shared = len(addresses), self._shared
        try:
            struct.pack_into(f"={count}Q", shared, _ADDRESSES, *addresses)
        except struct.error:
            raise KernelReadError(max(addresses, key=abs), 0, what) from None
        _header.pack_into(shared, _COUNT, count, size, is_string, 0, start)
        self._runner.run()
        (done,) = _number.unpack_from(shared, _DONE)
        if done != count:
            raise KernelReadError(addresses[done], size, what)


def _load(map_fd: int) -> tuple[int, int]:
    """The program, and how many requests it serves in one run."""
    try:
        with closing(bpf.load_types(_LOOP_TYPES)) as types:
            program, each = _looping_program(map_fd)
            return bpf.load(program, types, ((0, _FUNCTION), (each, _FUNCTION + 1))), _REQUESTS
    except OSError as failure:
        if failure.errno in (errno.EPERM, errno.ENOSYS):
            raise
    return bpf.load(_counting_program(map_fd)), _UNROLLED


def _reason(failure: OSError) -> str:
    if failure.errno == errno.EPERM:
        return "bpf(2) wants CAP_BPF and CAP_PERFMON in the initial user namespace, and no lockdown"
    if failure.errno == errno.ENOSYS:
        return "this kernel has no bpf(2)"
    return failure.strerror or str(failure)
