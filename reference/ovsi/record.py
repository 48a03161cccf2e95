"""Frozen records with declared fields: what a frozen keyword dataclass is, without importing `dataclasses`.

The standard module imports `inspect` and `re`, which costs more than a whole dump of 500 layers (docs/decisions/0002).
Type checkers see an ordinary frozen dataclass through `dataclass_transform`.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers take this name as true; `typing` itself stays unimported
if TYPE_CHECKING:
    from typing import Any, Self, TypeVar, dataclass_transform

    _Made = TypeVar("_Made", bound="Record")
else:

    def dataclass_transform(**_options: object):
        return lambda decorated: decorated


@dataclass_transform(frozen_default=True, kw_only_default=False, eq_default=True)
class Record:
    """Base of immutable records: annotate the fields in the class body, give defaults by assignment.

    Fields are positional or keyword arguments in the order of declaration. Defaults are shared
    between instances, so they must be immutable. Equality and hash are by type and field values.
    Raises TypeError for a missing, unknown or repeated argument, AttributeError on assignment.
    """

    _fields: tuple[str, ...] = ()
    _names: frozenset[str] = frozenset()
    _defaults: dict[str, Any] = {}

    def __init_subclass__(cls) -> None:
        own = tuple(name for name in cls.__annotations__ if name[0] != "_")
        cls._fields = cls._fields + own
        cls._names = frozenset(cls._fields)
        cls._defaults = cls._defaults | {name: cls.__dict__[name] for name in own if name in cls.__dict__}

    def __init__(self, *values: Any, **named: Any) -> None:
        state = self.__dict__
        state.update(self._defaults)
        if values:
            given = dict(zip(self._fields, values, strict=False))
            if len(values) > len(given) or not given.keys().isdisjoint(named):
                raise TypeError(f"{type(self).__name__}: more values than fields, or a field given twice")
            state.update(given)
        state.update(named)
        if state.keys() != self._names:
            wrong = sorted(state.keys() ^ self._names)
            raise TypeError(f"{type(self).__name__}: missing or unknown: {', '.join(wrong)}")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} is frozen")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), tuple(self.__dict__[name] for name in self._fields)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self._fields)
        return f"{type(self).__name__}({shown})"

    def replace(self, **changes: Any) -> Self:
        """The same record with some fields changed."""
        return type(self)(**(self.__dict__ | changes))


_new, _set = object.__new__, object.__setattr__


def unchecked(kind: type[_Made], fields: dict[str, Any]) -> _Made:
    """A record that takes `fields`, which must be all of its own, without its constructor's checks.

    For those of which a dump makes thousands: it takes a third of the time.
    """
    made = _new(kind)
    _set(made, "__dict__", fields)
    return made
