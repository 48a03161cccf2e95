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
_SHORT = 64  # bytes with the NUL: most names fit
_STRING_LIMIT = 1 << 20


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
        self._structures: list[tuple[View[Any], Sequence[int], bytes]] = []
        self._arrays: list[tuple[View[Any], list[int], int, bytes]] = []
        self._strings: list[tuple[Sequence[int], int, str, list[bytes]]] = []
        self._spans: list[tuple[int, str, bytes]] = []

    def rows(self, view: View[Row], addresses: Iterable[int]) -> dict[int, Row]:
        """All known structures of a shape by address, those asked for among them. Raises KernelReadError."""
        known: dict[int, Row] = self._known.setdefault(view, {})
        wanted = dict.fromkeys(addresses)
        missing = [address for address in wanted if address not in known] if known else list(wanted)
        if missing:
            data = self._memory.structures(view, missing)
            self._structures.append((view, missing, data))
            known.update(zip(missing, view.rows(data), strict=True))
        return known

    def values(self, view: View[Row], addresses: Sequence[int]) -> Iterable[tuple[Any, ...]]:
        """Structures as plain tuples, by `View.values`, in the order of the addresses; known ones are read again.

        Raises KernelReadError.
        """
        data = self._memory.structures(view, addresses)
        self._structures.append((view, addresses, data))
        return view.values(data)

    def row(self, view: View[Row], address: int) -> Row:
        """One structure. Raises KernelReadError."""
        known: dict[int, Row] = self._known.setdefault(view, {})
        row = known.get(address)
        if row is None:
            data = self._memory.structures(view, (address,))
            self._structures.append((view, (address,), data))
            row = known[address] = view.rows(data)[0]
        return row

    def array(self, view: View[Row], address: int, count: int) -> list[Row]:
        """An array of structures. Raises KernelReadError."""
        return self.arrays(view, [address], count)[0]

    def arrays(self, view: View[Row], addresses: list[int], count: int) -> list[list[Row]]:
        """Arrays of equally many structures. Raises KernelReadError."""
        if not count:
            return [[] for _ in addresses]
        data = b"".join(self._memory.spans(addresses, count * view.size, view.name))
        self._arrays.append((view, addresses, count, data))
        rows = view.elements(data)
        return [rows[first : first + count] for first in range(0, len(rows), count)]

    def numbers(self, address: int, count: int, what: str) -> tuple[int, ...]:
        """An array of numbers of 32 bits. Raises KernelReadError."""
        (data,) = self._memory.spans([address], 4 * count, what)
        self._spans.append((address, what, data))
        return struct.unpack(f"={count}I", data)

    def strings(self, addresses: Sequence[int], what: str) -> list[bytes]:
        """NUL-terminated strings. Raises KernelReadError; Inconsistent for one that does not end."""
        strings = self._pieces(addresses, _SHORT, what)
        for index, string in enumerate(strings):
            if len(string) == _SHORT - 1:
                strings[index] = self._long_string(addresses[index], what)
        return strings

    def _pieces(self, addresses: Sequence[int], size: int, what: str) -> list[bytes]:
        strings = self._memory.strings(addresses, size, what)
        self._strings.append((addresses, size, what, strings[:]))
        return strings

    def _long_string(self, address: int, what: str) -> bytes:
        string = b""
        while len(string) < _STRING_LIMIT:
            (piece,) = self._pieces((address + len(string),), CHUNK, what)
            string += piece
            if len(piece) < CHUNK - 1:
                return string
        raise Inconsistent(f"{what} does not end")

    def confirm(self) -> None:
        """Reads everything again. Raises Inconsistent where anything changed, KernelReadError where it is gone."""
        memory = self._memory
        # What lies between the wanted members may change: use counts and the like.
        for view, addresses, before in self._structures:
            data = memory.structures(view, addresses)
            if data != before and _settled(view.rows(data)) != _settled(view.rows(before)):
                raise Inconsistent(f"a struct {view.name} changed while it was read")
        for view, addresses, count, before in self._arrays:
            data = b"".join(memory.spans(addresses, count * view.size, view.name))
            if data != before and _settled(view.elements(data)) != _settled(view.elements(before)):
                raise Inconsistent(f"a struct {view.name} changed while it was read")
        for places, size, what, strings in self._strings:
            if memory.strings(places, size, what) != strings:
                raise Inconsistent(f"{what} changed while it was read")
        for address, what, data in self._spans:
            if memory.spans([address], len(data), what) != [data]:
                raise Inconsistent(f"{what} changed while it was read")


def _settled(rows: Iterable[Row]) -> list[object]:
    return [row.settled() for row in rows]
