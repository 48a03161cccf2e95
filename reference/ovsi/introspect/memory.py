"""Reads kernel memory through a BPF program that is run, never attached: many addresses a call.

The program and this module share one page-aligned array: a header, the addresses, the lengths, the results, and
the bytes read, packed without gaps. bpf_probe_read_kernel fails cleanly on a bad address (bpf-helpers(7)).
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

REQUESTS = 64
"""Reads in one run of the program. The verifier goes through all of them: more cost more to load than they save."""
CHUNK = 4096
"""Bytes of one read at most."""

_TASK = 0
_ADDRESSES = 8
_LENGTHS = _ADDRESSES + 8 * REQUESTS
_ERRORS = _LENGTHS + 4 * REQUESTS
_DATA = _ERRORS + 4 * REQUESTS
_CAPACITY = 128 * 1024  # a power of two, for it is a mask in the program
_SIZE = _DATA + _CAPACITY + 2 * CHUNK
_NO_ERRORS = bytes(4 * REQUESTS)

_STORE_32 = 0x63  # *(u32 *)(dst + offset) = src
_ADD = 0x0F  # dst += src


def _program(map_fd: int) -> bytes:
    """r6 the array, r9 how many bytes the requests so far were for; unused requests have length 0.

    Neither a loop nor a branch, and the bounds are masks: the verifier takes 7 µs a request so, 23 µs otherwise.
    """
    step = bpf.instruction
    program = [
        bpf.load_map_value(6, map_fd),
        step(bpf.CALL, immediate=bpf.HELPER_GET_CURRENT_TASK),
        step(bpf.STORE_64, 6, 0, _TASK),
        step(bpf.MOVE_NUMBER, 9),
    ]
    for number in range(REQUESTS):
        program += (
            step(bpf.LOAD_32, 2, 6, _LENGTHS + 4 * number),
            step(bpf.AND_NUMBER, 2, immediate=2 * CHUNK - 1),
            step(bpf.AND_NUMBER, 9, immediate=_CAPACITY - 1),
            step(bpf.LOAD_64, 3, 6, _ADDRESSES + 8 * number),
            step(bpf.MOVE, 1, 6),
            step(_ADD, 1, 9),
            step(bpf.ADD_NUMBER, 1, immediate=_DATA),
            step(_ADD, 9, 2),
            step(bpf.CALL, immediate=bpf.HELPER_PROBE_READ_KERNEL),
            step(_STORE_32, 6, 0, _ERRORS + 4 * number),
        )
    return b"".join((*program, step(bpf.MOVE_NUMBER, 0), step(bpf.EXIT)))


class Memory:
    """The kernel's memory, as long as it is open; `close` it, or use it in a `with` statement. Not to be forked."""

    def __init__(self) -> None:
        """Raises IntrospectionUnavailable where bpf(2) is missing or not allowed."""
        try:
            with closing(bpf.array_map(_SIZE)) as map_fd:
                self._program = bpf.load(_program(map_fd))
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
        self._gather((), b"", 0, "")
        return int.from_bytes(self._shared[_TASK : _TASK + 8], sys.byteorder)

    def structures(self, view: View[Row], addresses: Sequence[int]) -> bytes:
        """The wanted bytes of structures of one shape, for `view.rows`. Raises KernelReadError."""
        step, size, start = min(REQUESTS, _CAPACITY // view.length), view.length, view.start
        length = struct.pack("=I", size)
        pieces = []
        for first in range(0, len(addresses), step):
            some = [address + start for address in addresses[first : first + step]]
            pieces.append(self._gather(some, length * len(some), len(some) * size, view.name))
        return b"".join(pieces)

    def chunks(self, addresses: Sequence[int], lengths: Sequence[int], what: str) -> list[bytes]:
        """The bytes at each address, CHUNK at most of each. Raises KernelReadError for the first bad one."""
        chunks: list[bytes] = []
        first, total = 0, len(addresses)
        while first < total:
            last, size = first, 0
            while last < total and last - first < REQUESTS and size < _CAPACITY - CHUNK:
                size += lengths[last]
                last += 1
            some = lengths[first:last]
            data = self._gather(addresses[first:last], struct.pack(f"={len(some)}I", *some), size, what)
            at = 0
            for length in some:
                chunks.append(data[at : at + length])
                at += length
            first = last
        return chunks

    def read(self, address: int, length: int, what: str = "kernel memory") -> bytes:
        """Any number of bytes. Raises KernelReadError."""
        starts = range(address, address + length, CHUNK)
        lengths = [min(CHUNK, address + length - start) for start in starts]
        return b"".join(self.chunks(starts, lengths, what))

    def _gather(self, addresses: Sequence[int], lengths: bytes, size: int, what: str) -> bytes:
        count, shared = len(addresses), self._shared
        try:
            struct.pack_into(f"={count}Q", shared, _ADDRESSES, *addresses)
        except struct.error:
            raise KernelReadError(max(addresses, key=abs), 0, what) from None
        shared[_LENGTHS:_ERRORS] = lengths.ljust(4 * REQUESTS, b"\0")
        self._runner.run()
        errors = shared[_ERRORS : _ERRORS + 4 * count]  # what is not asked for fails, if only for its address
        if errors != _NO_ERRORS[: 4 * count]:
            bad = next(index for index in range(count) if errors[4 * index : 4 * index + 4] != b"\0\0\0\0")
            raise KernelReadError(addresses[bad], struct.unpack_from("=I", lengths, 4 * bad)[0], what)
        return shared[_DATA : _DATA + size]


def _reason(failure: OSError) -> str:
    if failure.errno == errno.EPERM:
        return "bpf(2) wants CAP_BPF and CAP_PERFMON in the initial user namespace, and no lockdown"
    if failure.errno == errno.ENOSYS:
        return "this kernel has no bpf(2)"
    return failure.strerror or str(failure)
