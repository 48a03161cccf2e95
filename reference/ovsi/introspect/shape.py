"""Structures declared by the members that are wanted of them, and how they become readable on this kernel.

A class says what is wanted; BTF says where it is and how large. Resolved, it reads as a tuple whose attributes are
the members: one `iter_unpack` turns the bytes of any number of structures into rows.
"""

from __future__ import annotations

import struct
from _operator import itemgetter

from ..record import field
from .errors import IntrospectionUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, Generic, TypeAlias, TypeVar

    from .btf import Btf, Place, Struct
    from .relocation import Place as RelocatedPlace
    from .relocation import Relocated

    Found: TypeAlias = Struct | Relocated
    Where: TypeAlias = Place | RelocatedPlace

    Row = TypeVar("Row", bound="Shape")

    class _OfRows(Generic[Row]):
        pass

    class _Tuple:  # a tuple whose methods nobody calls, so that members may have their names
        def __init__(self, values: Iterable[object]) -> None: ...
        def __iter__(self) -> Iterator[object]: ...

else:
    Row = object
    _Tuple = tuple

    class _OfRows:
        def __class_getitem__(cls, _row: object) -> type:
            return cls


_INTEGERS = {1: "B", 2: "H", 4: "I", 8: "Q"}
_NUMBER, _BYTES, _OFFSET = range(3)
WORD, POINTER, STRUCTURE, LIST = 1, 2, 3, 4
"""What a member is in the kernel: an integer, a pointer, a structure or union, an array of these."""
SPAN_LIMIT = 4096
"""How many bytes lie between the first and the last wanted member at most."""


class Member:
    """A wanted member: the paths at which kernels have had it, the first that exists and is of its kind counts."""

    def __init__(self, paths: tuple[str, ...], kind: int, optional: bool, local: int) -> None:
        self.paths = paths
        self.kind = kind
        self.optional = optional
        self.local = local


def number(*paths: str, optional: bool = False, kind: int = WORD) -> Any:
    """An integer, a pointer, or a structure as small, as an unsigned number."""
    return Member(paths, _NUMBER, optional, kind)


def pointer(*paths: str, optional: bool = False) -> Any:
    """A pointer, as a number."""
    return Member(paths, _NUMBER, optional, POINTER)


def raw(*paths: str, optional: bool = False, kind: int = STRUCTURE) -> Any:
    """The bytes of an array or structure."""
    return Member(paths, _BYTES, optional, kind)


def offset(*paths: str, optional: bool = False, kind: int = STRUCTURE) -> Any:
    """Not what the member holds, but where it begins in its structure, in bytes."""
    return Member(paths, _OFFSET, optional, kind)


class Shape(_Tuple):
    """Base of declared structures; a row of this kernel's is an instance of a resolved subclass.

    `structure` is the kernel's name; the members are class attributes made by `number`, `raw`, `offset`.
    An optional member that this kernel does not have is None. Declared in the kernel's order, they need no subclass.
    """

    __slots__ = ()
    structure = b""
    part_of = ""
    """A member of another structure that is such a one, as `structure.member`: see `relocation`."""
    apart = False
    """The kernel's loader is not asked for it; see where it is set."""
    certain = True
    """Every kernel that has the structure has each member that is not optional and has one path only."""
    members: dict[str, Member] = {}
    order: list[str] = []
    """Those that are read, as declared."""

    def settled(self) -> object:
        """What has to be the same when it is read again."""
        return tuple(self)

    def __init_subclass__(cls, *, resolved: bool = False) -> None:
        if not resolved:
            cls.members = cls.members | {name: value for name, value in cls.__dict__.items() if type(value) is Member}
            cls.order = [name for name, member in cls.members.items() if member.kind != _OFFSET]
            for index, name in enumerate(cls.order):
                setattr(cls, name, field(index, None))
            _declared.setdefault(cls.__module__, []).append(cls)


_declared: dict[str, list[type[Shape]]] = {}  # by their modules


def beside(shape: type[Shape]) -> list[type[Shape]]:
    """The shapes of the module in which this one is declared."""
    return _declared[shape.__module__]


class View(_OfRows[Row]):
    """A shape on this kernel: which bytes to read of a structure, and how they become a row."""

    def __init__(self, shape: type[Row], found: Found) -> None:
        """Raises _Misfit where the structure lacks a member that is not optional."""
        read: list[tuple[int, int, str, str]] = []  # offset, size, format, name
        settled: dict[str, object] = {}  # members that are not read
        for name, member in shape.members.items():
            place = _place(found, member)
            if place is None:
                if not member.optional:
                    raise _Misfit(name)
                settled[name] = None
            elif member.kind == _OFFSET:
                settled[name] = place.offset
            else:
                read.append((place.offset, *_format(place, member, name), name))
        read.sort()
        self.shape = shape
        self.name = shape.structure.decode()
        self.size = found.size
        """Bytes of the whole structure, as its array's stride."""
        self.start = read[0][0] if read else 0
        self.sizes = {name: size for _, size, _, name in read}
        """Bytes of each member that is read, by its attribute's name."""
        layout, at = ["="], self.start
        for where, size, code, name in read:
            if where < at or where + size > found.size:
                raise IntrospectionUnavailable("layout", f"{name} of struct {self.name} overlaps another member")
            layout.append(f"{where - at}x{code}")
            at = where + size
        self.length = at - self.start
        """Bytes to read, from `start` on."""
        if self.length > SPAN_LIMIT:
            raise IntrospectionUnavailable("layout", f"struct {self.name} spans {self.length} bytes")
        self.row: type[Row] = shape
        if settled or list(self.sizes) != shape.order:
            places = {name: field(index, None) for index, name in enumerate(self.sizes)}
            self.row = type(shape.__name__, (shape,), {"__slots__": (), **places, **settled}, resolved=True)
        self._format = "".join(layout)
        self._unpack = struct.Struct(self._format).iter_unpack
        self._in_order = self.row is shape

    def rows(self, data: bytes) -> list[Row]:
        """The rows of structures whose wanted bytes follow each other."""
        return list(map(self.row, self._unpack(data)))

    def values(self, data: bytes) -> Iterable[tuple[Any, ...]]:
        """The same as plain tuples in the order of declaration, for hot places: of a shape with nothing optional."""
        values = self._unpack(data)
        return values if self._in_order else map(self.columns(*self.shape.order), values)

    def columns(self, *names: str) -> Callable[[Any], tuple[Any, ...]]:
        """A function that takes several members, each of which is read, out of a row at once."""
        order = list(self.sizes)
        getter: Callable[[Any], tuple[Any, ...]] = itemgetter(*map(order.index, names))
        return getter

    def elements(self, data: bytes) -> list[Row]:
        """The rows of whole structures that follow each other."""
        rest = self.size - self.start - self.length
        whole = struct.Struct(f"={self.start}x{self._format[1:]}{rest}x")
        return list(map(self.row, whole.iter_unpack(data)))


class _Misfit(Exception):  # noqa: N818 - never leaves this module
    """A structure of the right name that lacks a member."""


def resolve(shape: type[Row], sources: Iterable[Btf]) -> View[Row]:
    """The view of a shape by the first BTF that has such a structure with all the members that are not optional.

    Raises IntrospectionUnavailable where there is none, BtfError for malformed BTF.
    """
    name = shape.structure.decode()
    missing = f"there is no struct {name}"
    for btf in sources:
        for found in btf.structs(shape.structure):
            try:
                return View(shape, found)
            except _Misfit as misfit:
                missing = f"struct {name} has nothing that serves as {misfit}"
    raise IntrospectionUnavailable("layout", missing)


def fitting(shape: type[Row], found: Found) -> View[Row] | None:
    """The view of a shape by one structure; None where that lacks a member that is not optional."""
    try:
        return View(shape, found)
    except _Misfit:
        return None


def _place(found: Found, member: Member) -> Where | None:
    """The member by the first path that leads to one; a number only to what holds a number of that kind: what is a
    number on one kernel is a string on another (`redirect_mode`)."""
    for path in member.paths:
        place = found.find(path)
        if place is not None and (member.kind != _NUMBER or place.kind in (None, member.local)):
            return place
    return None


def _format(place: Where, member: Member, name: str) -> tuple[int, str]:
    size = 8 if member.local == POINTER else place.size
    if size is None or (member.kind == _NUMBER and size not in _INTEGERS):
        raise _Misfit(name)
    return size, _INTEGERS[size] if member.kind == _NUMBER else f"{size}s"
