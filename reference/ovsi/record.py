"""Frozen records with declared fields: what a frozen keyword dataclass is, without importing `dataclasses`.

The standard module imports `inspect` and `re`, which costs more than a whole dump of 500 layers (docs/decisions/0002).
Type checkers see an ordinary frozen dataclass through `dataclass_transform`. At run time a record is a tuple: a dump of
500 layers makes 6,000 of them, and a tuple takes a quarter of the time and memory of an object with a dictionary.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers take this name as true; `typing` itself stays unimported
if TYPE_CHECKING:
    from typing import Any, Self, TypeVar, dataclass_transform

    _Made = TypeVar("_Made", bound="Record")

    def field(_index: int, _doc: str | None) -> Any: ...

    class _Tuple:  # whose methods nobody calls, so that fields may have their names
        def __new__(cls, _values: object) -> Self: ...
        def __iter__(self) -> Any: ...

    def unchecked(kind: type[_Made], values: tuple[Any, ...]) -> _Made:
        """A record of these values, one for each field in the order of declaration, without any check.

        For those of which there are thousands: it takes a tenth of the constructor's time.
        """

else:
    from _collections import _tuplegetter as field  # what named tuples are made with

    _Tuple = tuple
    unchecked = tuple.__new__

    def dataclass_transform(**_options: object):
        return lambda decorated: decorated


_PLACES = [field(index, None) for index in range(40)]  # as many as a record may have


@dataclass_transform(frozen_default=True, kw_only_default=False, eq_default=True)
class Record(_Tuple):
    """Base of immutable records: annotate the fields in the class body, give defaults by assignment.

    Fields are positional or keyword arguments in the order of declaration, a base's first. Defaults are shared
    between instances, so they must be immutable. Equality and hash are by type and field values.
    Raises TypeError for a missing, unknown or repeated argument, AttributeError on assignment.
    """

    _fields: tuple[str, ...] = ()
    _defaults: dict[str, Any] = {}

    def __init_subclass__(cls) -> None:
        known, fields = cls.__dict__, cls._fields
        own = tuple([name for name in cls.__annotations__ if name[0] != "_"])
        cls._defaults = cls._defaults | {name: known[name] for name in own if name in known}
        for index, name in enumerate(own, len(fields)):
            setattr(cls, name, _PLACES[index])
        cls._fields = fields + own

    def __new__(cls, *values: Any, **named: Any) -> Self:
        if not named and len(values) == len(cls._fields):
            return unchecked(cls, values)
        if values:
            given = dict(zip(cls._fields, values, strict=False))
            if len(values) > len(given) or not given.keys().isdisjoint(named):
                raise TypeError(f"{cls.__name__}: more values than fields, or a field given twice")
            named |= given
        state = cls._defaults | named
        try:
            if len(state) == len(cls._fields):
                return unchecked(cls, map(state.__getitem__, cls._fields))  # type: ignore[arg-type]  # any iterable
        except KeyError:
            pass
        wrong = sorted(state.keys() ^ set(cls._fields))
        raise TypeError(f"{cls.__name__}: missing or unknown: {', '.join(wrong)}")

    def __getnewargs__(self) -> tuple[Any, ...]:
        """What copies are made of (`copy`, `pickle`): the values one by one, not a tuple of them."""
        return tuple(self)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} is frozen")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and tuple(self) == tuple(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((type(self), tuple(self)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.fields().items())
        return f"{type(self).__name__}({shown})"

    def fields(self) -> dict[str, Any]:
        """Names and values."""
        return dict(zip(self._fields, self, strict=True))

    def replace(self, **changes: Any) -> Self:
        """The same record with some fields changed."""
        return type(self)(**(self.fields() | changes))
