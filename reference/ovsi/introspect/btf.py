"""BTF: where the members of the kernel's structures are (Documentation/bpf/btf.rst).

A vmlinux describes 126,000 types, of which some thirty matter here. Names are found by searching the bytes. A hit
may be chance, so it counts only where a record really begins; that is known from walking the records from the
first one on, which is also how a type is found by its number. The walk goes only as far as someone asks.
"""

from __future__ import annotations

import mmap
import os
import struct

from .shape import LIST, POINTER, STRUCTURE, WORD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Data = bytes | mmap.mmap

_MAGIC = 0xEB9F
_header = struct.Struct("=HBBIIIII")

PTR, ARRAY, STRUCT, UNION, ENUM = 2, 3, 4, 5, 6
_INT, _TYPEDEF, _VOLATILE, _CONST, _RESTRICT, _FLOAT, _TYPE_TAG, _ENUM64 = 1, 8, 9, 10, 11, 16, 18, 19
_SIZED = (_INT, STRUCT, UNION, ENUM, _FLOAT, _ENUM64)
_MODIFIERS = (_TYPEDEF, _VOLATILE, _CONST, _RESTRICT, _TYPE_TAG)
_KINDS = 20  # kinds 0 to 19 are known
_FIXED = {_INT: 1, ARRAY: 3, 14: 1, 17: 1}  # words that follow a record's three, by kind: VAR and DECL_TAG are 14, 17
_REPEATED = {STRUCT: 3, UNION: 3, ENUM: 2, 13: 2, 15: 3, _ENUM64: 3}  # times the record's count: FUNC_PROTO, DATASEC

_MEMBERS = {_INT: WORD, ENUM: WORD, _ENUM64: WORD, PTR: POINTER, STRUCT: STRUCTURE, UNION: STRUCTURE, ARRAY: LIST}

_KIND, _COUNT = 0x7F, 0xFFFFFF  # of `info`; the upper bits of both are unused (zero) in older kernels
_NEAR = 1 << 15  # related structures stand close together: look there first
_BESIDE = 1 << 12
_MAX_NESTING = 16
_STRETCH = 64  # marks that the walk goes on by at a time
_STRIDE = 16  # one record in so many is remembered: more cost memory, fewer cost steps from there


class BtfError(Exception):
    """The bytes are not BTF, or of a newer form than this reader knows."""


class Btf:
    """The types of one BTF file; those of a module go on where its base ends (split BTF)."""

    def __init__(self, data: Data, base: Btf | None = None) -> None:
        """Raises BtfError where the header does not fit the data."""
        if len(data) < _header.size:
            raise BtfError(f"{len(data)} bytes are no BTF")
        magic, version, _flags, header, types, types_size, strings, strings_size = _header.unpack_from(data)
        if magic != _MAGIC or version != 1:
            raise BtfError(f"magic {magic:#x}, version {version}: not BTF of this machine")
        self._data = data
        self._types = header + types
        self._types_end = self._types + types_size
        self._strings: int = header + strings
        self._strings_end: int = self._strings + strings_size
        if max(self._types_end, self._strings_end) > len(data) or self._types % 4 or types_size % 4 or not strings_size:
            raise BtfError("the header's sections do not fit the file")
        self._words = memoryview(data)[self._types : self._types_end].cast("I")
        self._base = base
        self._first_string = base._string_count() if base else 0
        self._first_id: int | None = None if base else 1
        self._marks = [1]  # where every _STRIDE-th record is: the index of its second word
        self._walked = 0  # records before the last mark, or before the end once that is reached
        self._ended = False
        self._structs: dict[int, Struct] = {}
        self._sizes: dict[int, int | None] = {}
        self._steps = _Steps()
        self._near_string = self._strings
        self._found: dict[int, int] = {0: self._types}  # where the records were whose names have these offsets

    def close(self) -> None:
        """Lets go of the file; what was found stays true."""
        self._words.release()
        if not isinstance(self._data, bytes):
            self._data.close()

    def structs(self, name: bytes) -> Iterator[Struct]:
        """The structures (or unions) of this name, those of the base not among them: mostly one, or none."""
        offset = self._string_offset(name)
        if offset is None:
            return
        for info in self._records_with(offset, (STRUCT, UNION)):
            yield self._struct(info)

    def likely_struct(self, name: bytes) -> Struct | None:
        """What looks like the structure of this name in every respect, without the proof that a record begins there.

        That proof is a walk over all records before it. Here three or more members that have names and lie in order,
        inside the structure, have to do.
        """
        offset = self._string_offset(name)
        for index in () if offset is None else self._indices_of(offset):
            info = index + 1
            if info < len(self._words) and self._looks_like_struct(info):
                self._found[offset or 0] = self._types + 4 * index
                return self._struct(info)
        return None

    def _looks_like_struct(self, info: int) -> bool:
        words = self._words
        count, end = words[info] & _COUNT, 8 * words[info + 1]
        if words[info] >> 24 != STRUCT or count < 3 or info + 2 + 3 * count > len(words):  # nor any bit field
            return False
        places = [words[at] for at in range(info + 4, info + 2 + 3 * count, 3)]
        if places != sorted(set(places)) or places[0] or places[-1] >= end:
            return False
        try:
            return all(self.name(words[at]) for at in range(info + 2, info + 2 + 3 * count, 3))
        except BtfError:
            return False

    def enumerators(self, name: bytes) -> dict[bytes, int]:
        """Names and values (as unsigned 32 bits) of the enum in which `name` is; empty where there is none."""
        offset = self._string_offset(name)
        if offset is None:
            return {}
        words = self._words
        for index in self._indices_of(offset):
            for info in range(index - 2, max(index - 130, 0), -2):
                if words[info] >> 24 & _KIND == ENUM and (found := self._enumerators(info, index, name)):
                    self._found[offset] = self._types + 4 * info
                    return found
        return {}

    def _enumerators(self, info: int, index: int, name: bytes) -> dict[bytes, int]:
        """The enum whose second word is here, if it is one, and has one of this name there.

        It is one without further proof where as many names as it should have begin like `name`.
        """
        words = self._words
        end = info + 2 + 2 * (words[info] & _COUNT)
        if not index < end <= len(words):
            return {}
        try:
            found = {self.name(words[at]): words[at + 1] for at in range(info + 2, end, 2)}
        except BtfError:
            return {}
        prefix = name[: name.rfind(b"_") + 1]
        alike = len(found) > 1 and prefix and all(other.startswith(prefix) for other in found)
        return found if alike or self._is_record(info) else {}

    def name(self, offset: int) -> bytes:
        """The string at an offset as records hold it. Raises BtfError where no string begins there."""
        if offset < self._first_string:
            assert self._base is not None
            return self._base.name(offset)
        start = self._strings + offset - self._first_string
        if start >= self._strings_end or (offset and self._data[start - 1]):
            raise BtfError(f"no string begins at {offset}")
        end = self._data.find(b"\0", start, self._strings_end)
        if end < 0:
            raise BtfError(f"the string at {offset} does not end")
        return self._data[start:end]

    def size_of(self, type_id: int) -> int | None:
        """Size in bytes of a type, 8 of a pointer; None of what has no size."""
        if type_id not in self._sizes:
            self._sizes[type_id] = self._size(type_id)
        return self._sizes[type_id]

    def _size(self, type_id: int) -> int | None:
        owner, info = self.resolve(type_id)
        kind = owner._words[info] >> 24 & _KIND
        if kind == PTR:
            return 8
        if kind == ARRAY:
            count = owner._words[info + 4]
            element = self.size_of(owner._words[info + 2])
            return None if element is None else count * element
        size: int = owner._words[info + 1]
        return size if kind in _SIZED else None

    def struct_of(self, type_id: int) -> Struct | None:
        """The structure or union of this number, through typedefs and qualifiers."""
        owner, info = self.resolve(type_id)
        return owner._struct(info) if owner._words[info] >> 24 & _KIND in (STRUCT, UNION) else None

    def _struct(self, info: int) -> Struct:
        if info not in self._structs:
            self._structs[info] = Struct(self, info)
        return self._structs[info]

    def resolve(self, type_id: int) -> tuple[Btf, int]:
        """A type without its typedefs and qualifiers: whose it is, and the index of its second word."""
        for _ in range(_MAX_NESTING):
            owner, info = self._record(type_id)
            if owner._words[info] >> 24 & _KIND not in _MODIFIERS:
                return owner, info
            type_id = owner._words[info + 1]
        raise BtfError(f"type {type_id} is nested too deeply")

    def _record(self, type_id: int) -> tuple[Btf, int]:
        if self._base is not None:
            if self._first_id is None:
                self._first_id = self._base.count() + 1
            if type_id < self._first_id:
                return self._base._record(type_id)
        index = type_id - (self._first_id or 1)
        if index < 0:
            raise BtfError("type 0 is void")
        while index >= self._walked and not self._ended:
            self._walk()
        if index >= self._walked:
            raise BtfError(f"there is no type {type_id}")
        at = self._marks[index // _STRIDE]
        for _ in range(index % _STRIDE):
            at = self._after(at)
        return self, self._whole(at)

    def count(self) -> int:
        """The number of types, those of the base included."""
        while not self._ended:
            self._walk()
        return self._walked + (self._base.count() if self._base else 0)

    def _is_record(self, info: int) -> bool:
        """Whether a record's second word is at this index: certain, for it is reached from the first record on."""
        marks = self._marks
        while marks[-1] < info and not self._ended:
            self._walk()
        low, high = 0, len(marks)
        while high - low > 1:
            middle = (low + high) // 2
            if marks[middle] <= info:
                low = middle
            else:
                high = middle
        at = marks[low]
        while at < info:
            at = self._after(at)
        return at == info == self._whole(at)

    def _whole(self, at: int) -> int:
        """The same index. Raises BtfError where the record there reaches beyond the section."""
        if at >= len(self._words) or self._after(at) > len(self._words) + 1:
            raise BtfError("a record reaches beyond the section")
        return at

    def _after(self, at: int) -> int:
        """The second word of the record that follows one."""
        return at + self._steps[self._words[at]]

    def _walk(self) -> None:
        """Goes on by a thousand records, to the end at most."""
        data, steps, marks, at = self._words, self._steps, self._marks, self._marks[-1]
        stretch = range(_STRIDE)
        append = marks.append
        try:
            for _ in range(_STRETCH):
                for _ in stretch:
                    at += steps[data[at]]
                append(at)
        except IndexError:
            self._finish(marks[-1])
        self._walked = max(self._walked, (len(marks) - 1) * _STRIDE)

    def _finish(self, at: int) -> None:
        """Counts the records after the last mark. Raises BtfError where the last one does not end the section."""
        self._walked = (len(self._marks) - 1) * _STRIDE
        while at < len(self._words):
            at = self._after(at)
            self._walked += 1
        if at != len(self._words) + 1:
            raise BtfError("the last record does not end with the section")
        self._ended = True

    def _records_with(self, offset: int, kinds: tuple[int, ...]) -> Iterator[int]:
        words = self._words
        for index in self._indices_of(offset):
            info = index + 1
            if info < len(words) and words[info] >> 24 & _KIND in kinds and self._is_record(info):
                self._found[offset] = self._types + 4 * index
                yield info

    def _indices_of(self, word: int) -> Iterator[int]:
        """Where the offset of a string stands among the types.

        Types and strings are written side by side, so it is looked for first where a neighbour's record was found.
        """
        needle = struct.pack("=I", word)
        for start, end in (*self._nearby(word), (self._types, self._types_end)):
            at = self._data.find(needle, start, end)
            while at >= 0:
                if (at - self._types) % 4 == 0:
                    yield (at - self._types) // 4
                at = self._data.find(needle, at + 1, end)

    def _nearby(self, word: int) -> Iterator[tuple[int, int]]:
        """Where among the types a string's offset may be: beside its neighbour's, or at the same share."""
        known = min(self._found, key=lambda known: abs(known - word))
        places = [(self._found[known], _BESIDE), (self._found[known], _NEAR)]
        if abs(known - word) > _NEAR and word >= self._first_string:
            share = (word - self._first_string) / (self._strings_end - self._strings)
            places = [(self._types + int(share * (self._types_end - self._types)), 4 * _NEAR)]
        for middle, distance in places:
            yield max(middle - distance, self._types), min(middle + distance, self._types_end)

    def _string_offset(self, name: bytes) -> int | None:
        needle = b"\0%s\0" % name
        if self._base is not None:
            known: int | None = self._base._string_offset(name)
            if known is not None:
                return known
        middle, first, last = self._near_string, self._strings, self._strings_end
        near = [(max(middle - distance, first), min(middle + distance, last)) for distance in (_BESIDE, _NEAR)]
        for start, end in (*near, (first, last)):
            at: int = self._data.find(needle, start, end)
            if at >= 0:
                self._near_string = at
                return at + 1 - self._strings + self._first_string
        return None

    def _string_count(self) -> int:
        return self._strings_end - self._strings + self._first_string


def _step(info: int) -> int:
    """How many words a record has, from its second one."""
    kind = info >> 24 & _KIND
    if not 0 < kind < _KINDS:
        raise BtfError(f"kind {kind} of a record is not known")
    return 3 + _FIXED.get(kind, 0) + _REPEATED.get(kind, 0) * (info & _COUNT)


class _Steps(dict[int, int]):
    """By a record's second word how far the next record's second word is."""

    def __missing__(self, info: int) -> int:
        step = self[info] = _step(info)
        return step


class Struct:
    """A structure or union: its size in bytes and its members."""

    def __init__(self, btf: Btf, info: int) -> None:
        self._btf = btf
        words = btf._words
        self.size = words[info + 1]
        self._bitfields = words[info] >> 31 == 1
        self._named: dict[bytes, tuple[int, int]] = {}
        self._nameless: list[tuple[int, int]] = []
        for at in range(info + 2, info + 2 + 3 * (words[info] & _COUNT), 3):
            place = (words[at + 2], words[at + 1])
            if words[at]:
                self._named[btf.name(words[at])] = place
            else:
                self._nameless.append(place)

    def find(self, path: str) -> Place | None:
        """Where a member is, also one in an anonymous member; `a.b` is member b of structure member a.

        None where there is no such member. Raises BtfError for a bit field.
        """
        first, _, rest = path.partition(".")
        found = self._member(first.encode(), 0)
        if found is None or not rest:
            return found
        inner = self._btf.struct_of(found.type_id)
        place = inner.find(rest) if inner else None
        return None if place is None else Place(found.offset + place.offset, place.type_id, place.owner)

    def _member(self, name: bytes, depth: int) -> Place | None:
        if name in self._named:
            return Place(self._byte(*self._named[name]), self._named[name][1], self._btf)
        if depth == _MAX_NESTING:
            raise BtfError("structures are nested too deeply")
        for bits, type_id in self._nameless:
            inner = self._btf.struct_of(type_id)
            place = inner._member(name, depth + 1) if inner else None
            if place is not None:
                return Place(self._byte(bits, type_id) + place.offset, place.type_id, place.owner)
        return None

    def _byte(self, bits: int, type_id: int) -> int:
        if self._bitfields:
            if bits >> 24:
                raise BtfError(f"a member of type {type_id} is a bit field")
            bits &= 0xFFFFFF
        offset, odd = divmod(bits, 8)
        if odd or offset > self.size:
            raise BtfError(f"a member of type {type_id} is at bit {bits} of {self.size} bytes")
        return offset


class Place:
    """Where a member is in its structure (in bytes), and its type's number in `owner`."""

    def __init__(self, offset: int, type_id: int, owner: Btf) -> None:
        self.offset = offset
        self.type_id = type_id
        self.owner = owner

    @property
    def size(self) -> int | None:
        """Bytes that the member takes, None where its type has no size."""
        return self.owner.size_of(self.type_id)

    @property
    def kind(self) -> int:
        """What it is: a WORD, a POINTER, a STRUCTURE or a LIST; 0 for what is none of them."""
        owner, info = self.owner.resolve(self.type_id)
        return _MEMBERS.get(owner._words[info] >> 24 & _KIND, 0)


def open_btf(path: bytes, base: Btf | None = None) -> tuple[Btf, int]:
    """A BTF file of the kernel's (`/sys/kernel/btf/vmlinux`) and a descriptor of it, which the caller closes.

    Raises OSError, BtfError.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(fd).st_size
        try:
            data: Data = mmap.mmap(fd, size, mmap.MAP_PRIVATE, mmap.PROT_READ)
        except (OSError, ValueError):  # before Linux 6.16 such files can't be mapped
            data = _read(fd)
        try:
            return Btf(data, base), fd
        except BtfError:
            if not isinstance(data, bytes):
                data.close()
            raise
    except BaseException:
        os.close(fd)
        raise


def _read(fd: int) -> bytes:
    pieces = []
    while piece := os.read(fd, 1 << 20):
        pieces.append(piece)
    return b"".join(pieces)
