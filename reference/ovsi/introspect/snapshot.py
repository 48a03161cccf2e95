"""What was read in one go: each structure once, all of it read again before any of it is believed."""

from __future__ import annotations

import struct

from .errors import Inconsistent, KernelReadError
from .memory import CHUNK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, TypeVar

    from .memory import Memory
    from .shape import Row, View

    Result = TypeVar("Result")

_ATTEMPTS = 5
_STRING_PIECE = 64
_STRING_LIMIT = 1 << 20
_PAGE = 4096


def consistently(memory: Memory, walk: Callable[[Snapshot], Result]) -> Result:
    """The result of a walk whose every byte was read twice and had not changed.

    Raises Inconsistent where that failed in each of a few attempts, KernelReadError where an address stayed bad.
    """
    last: Inconsistent | KernelReadError
    for _ in range(_ATTEMPTS):
        snapshot = Snapshot(memory)
        try:
            result = walk(snapshot)
            snapshot.confirm()
        except (Inconsistent, KernelReadError) as failure:
            last = failure
        else:
            return result
    raise last


class Snapshot:
    """Structures by their addresses, as of one moment, if `confirm` agrees."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._known: dict[View[Any], dict[int, Any]] = {}
        self._structures: list[tuple[View[Any], list[int], bytes]] = []
        self._chunks: list[tuple[Sequence[int], Sequence[int], str, list[bytes]]] = []

    def rows(self, view: View[Row], addresses: Iterable[int]) -> dict[int, Row]:
        """All known structures of a shape by address, those asked for among them. Raises KernelReadError."""
        known: dict[int, Row] = self._known.setdefault(view, {})
        missing = [address for address in dict.fromkeys(addresses) if address not in known]
        if missing:
            data = self._memory.structures(view, missing)
            self._structures.append((view, missing, data))
            known.update(zip(missing, view.rows(data), strict=True))
        return known

    def row(self, view: View[Row], address: int) -> Row:
        """One structure. Raises KernelReadError."""
        return self.rows(view, (address,))[address]

    def array(self, view: View[Row], address: int, count: int) -> list[Row]:
        """An array of structures. Raises KernelReadError."""
        addresses = range(address, address + count * view.size, view.size)
        known = self.rows(view, addresses)
        return [known[element] for element in addresses]

    def bytes_at(self, addresses: Sequence[int], lengths: Sequence[int], what: str) -> list[bytes]:
        """A few bytes at each address. Raises KernelReadError."""
        chunks = self._memory.chunks(addresses, lengths, what)
        self._chunks.append((addresses, lengths, what, chunks))
        return chunks

    def numbers(self, address: int, count: int, what: str) -> tuple[int, ...]:
        """An array of numbers of 32 bits. Raises KernelReadError."""
        end = address + 4 * count
        starts = range(address, end, CHUNK)
        data = b"".join(self.bytes_at(starts, [min(CHUNK, end - start) for start in starts], what))
        return struct.unpack(f"={count}I", data)

    def strings(self, addresses: Sequence[int], what: str) -> list[bytes]:
        """NUL-terminated strings. No read crosses into a page that the string may not reach.

        Raises KernelReadError; Inconsistent for one that does not end.
        """
        strings = [b""] * len(addresses)
        left = list(range(len(addresses)))
        while left:
            starts = [addresses[index] + len(strings[index]) for index in left]
            pieces = self.bytes_at(starts, [min(_STRING_PIECE, _PAGE - start % _PAGE) for start in starts], what)
            going_on = []
            for index, piece in zip(left, pieces, strict=True):
                text, end, _ = piece.partition(b"\0")
                strings[index] = strings[index] + text if strings[index] else text
                if not end:
                    going_on.append(index)
                    if len(strings[index]) > _STRING_LIMIT:
                        raise Inconsistent(f"{what} at {addresses[index]:#x} does not end")
            left = going_on
        return strings

    def confirm(self) -> None:
        """Reads everything again. Raises Inconsistent where anything changed, KernelReadError where it is gone."""
        for view, addresses, before in self._structures:
            data = self._memory.structures(view, addresses)
            # What lies between the wanted members may change: use counts and the like.
            if data != before and [row.settled() for row in view.rows(data)] != [
                row.settled() for row in view.rows(before)
            ]:
                raise Inconsistent(f"a struct {view.name} changed while it was read")
        for places, lengths, what, chunks in self._chunks:
            if self._memory.chunks(places, lengths, what) != chunks:
                raise Inconsistent(f"{what} changed while it was read")
