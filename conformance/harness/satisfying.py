"""Whether a document satisfies a schema, told quickly: a schema becomes functions, once.

An independent judge (jsonschema) says what is wrong with a document that does not. It is a hundred times slower, and
nearly every document satisfies its schema. Only the words that the project's schemas use are known; where another
comes up there is no quick way, so nothing is passed by a word that was not understood.
"""

import re
from collections.abc import Callable
from typing import Any

Json = Any
Check = Callable[[Json], bool]
_SAYS_NOTHING = frozenset({"$schema", "$id", "$defs", "title", "description", "format", "then"})
"""`format` is an annotation (JSON Schema 2020-12, Validation, 7.2); `then` goes with its `if`."""


class Unknown(Exception):  # noqa: N818 - no error: the slow way is left
    """A word of JSON Schema that is not known here."""


def compiled(schema: Json) -> Check:
    """A function that says whether a value satisfies `schema`; raises Unknown where it can't be made."""
    return _Compiler(schema).check(schema)


class _Compiler:
    def __init__(self, root: Json) -> None:
        self.root = root
        self.made: dict[str, Check] = {}

    def check(self, schema: Json) -> Check:
        if isinstance(schema, bool):
            return lambda value: schema
        checks = [self.of_word(schema, word) for word in schema if word not in _SAYS_NOTHING]
        if len(checks) == 1:
            return checks[0]
        return lambda value: all(check(value) for check in checks)

    def of_word(self, schema: Json, word: str) -> Check:
        make = getattr(self, f"_{word.lower().removeprefix('$')}", None)
        if make is None or (word == "if" and "else" in schema):
            raise Unknown(word)
        made: Check = make(schema[word], schema)
        return made

    # Any value

    def _ref(self, pointer: str, _: Json) -> Check:
        if not pointer.startswith("#/$defs/"):
            raise Unknown(pointer)
        name = pointer.removeprefix("#/$defs/")
        if name not in self.made:
            self.made[name] = lambda value: self.made[name](value)  # meanwhile: it may contain itself
            self.made[name] = self.check(self.root["$defs"][name])
        return self.made[name]

    def _type(self, names: str | list[str], _: Json) -> Check:
        kinds = {_KINDS[name] for name in ([names] if isinstance(names, str) else names)}
        whole = int in kinds  # and 1.0 is a whole number
        if float in kinds:
            kinds.add(int)
        return lambda value: type(value) in kinds or (whole and type(value) is float and value.is_integer())

    def _const(self, wanted: Json, _: Json) -> Check:
        return self._enum([wanted], _)

    def _enum(self, wanted: list[Json], _: Json) -> Check:
        if not all(type(each) in (str, bool) for each in wanted):
            raise Unknown("a number, an array or an object as constant")
        return lambda value: any(type(value) is type(each) and value == each for each in wanted)

    def _allof(self, schemas: list[Json], _: Json) -> Check:
        checks = [self.check(each) for each in schemas]
        return lambda value: all(check(value) for check in checks)

    def _oneof(self, schemas: list[Json], _: Json) -> Check:
        checks = [self.check(each) for each in schemas]
        return lambda value: sum(check(value) for check in checks) == 1

    def _if(self, condition: Json, schema: Json) -> Check:
        met, then = self.check(condition), self.check(schema.get("then", True))
        return lambda value: not met(value) or then(value)

    # Of one type: what is of another type is not spoken of

    def _pattern(self, pattern: str, _: Json) -> Check:
        search = re.compile(pattern).search
        return lambda value: type(value) is not str or search(value) is not None

    def _minlength(self, least: int, _: Json) -> Check:
        return lambda value: type(value) is not str or len(value) >= least

    def _minimum(self, least: int, _: Json) -> Check:
        return lambda value: type(value) not in (int, float) or value >= least

    def _maximum(self, most: int, _: Json) -> Check:
        return lambda value: type(value) not in (int, float) or value <= most

    def _minitems(self, least: int, _: Json) -> Check:
        return lambda value: type(value) is not list or len(value) >= least

    def _maxitems(self, most: int, _: Json) -> Check:
        return lambda value: type(value) is not list or len(value) <= most

    def _uniqueitems(self, wanted: bool, _: Json) -> Check:
        return lambda value: not wanted or type(value) is not list or len(set(map(_key, value))) == len(value)

    def _items(self, schema: Json, _: Json) -> Check:
        check = self.check(schema)
        return lambda value: type(value) is not list or all(check(each) for each in value)

    def _required(self, names: list[str], _: Json) -> Check:
        wanted = frozenset(names)
        return lambda value: type(value) is not dict or wanted <= value.keys()

    def _maxproperties(self, most: int, _: Json) -> Check:
        return lambda value: type(value) is not dict or len(value) <= most

    def _properties(self, schemas: dict[str, Json], _: Json) -> Check:
        checks = {name: self.check(each) for name, each in schemas.items()}
        return lambda value: (
            type(value) is not dict or all(checks[name](each) for name, each in value.items() if name in checks)
        )

    def _additionalproperties(self, schema: Json, beside: Json) -> Check:
        check, known = self.check(schema), frozenset(beside.get("properties", ()))
        return lambda value: (
            type(value) is not dict or all(check(each) for name, each in value.items() if name not in known)
        )


_KINDS: dict[str, type] = {
    "null": type(None),
    "boolean": bool,
    "integer": int,
    "number": float,
    "string": str,
    "array": list,
    "object": dict,
}


def _key(value: Json) -> object:
    """What is equal for equal values: 1 and 1.0 are, 1 and true are not."""
    if type(value) is dict:
        return frozenset((name, _key(each)) for name, each in value.items())
    if type(value) is list:
        return tuple(map(_key, value))
    return (bool, value) if type(value) is bool else value
