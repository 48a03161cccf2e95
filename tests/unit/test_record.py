"""Records behave as frozen dataclasses do."""

import copy
import pickle

import pytest
from ovsi.record import Record


class Point(Record):
    x: int
    y: int = 7


class Named(Point):
    name: str = ""


def test_fields_come_by_position_name_and_default() -> None:
    assert (Point(1).x, Point(1).y, Point(x=1, y=2).y, Point(1, 2).y) == (1, 7, 2, 2)
    assert Named(1, 2, "n").name == Named(x=1, y=2, name="n").name == "n"


@pytest.mark.parametrize(("values", "named"), [((), {}), ((1, 2, 3), {}), ((1,), {"x": 1}), ((1,), {"z": 1})])
def test_a_missing_unknown_or_repeated_field_is_a_type_error(values: tuple[int, ...], named: dict[str, int]) -> None:
    with pytest.raises(TypeError):
        Point(*values, **named)


def test_records_are_frozen_comparable_and_hashable() -> None:
    with pytest.raises(AttributeError):
        Point(1).x = 2  # type: ignore[misc]
    assert Point(1) == Point(1, 7)
    assert Point(1) != Named(1, 7, "n")
    assert hash(Point(1)) == hash(Point(1, 7))
    assert Point(1).replace(y=3) == Point(1, 3)
    assert repr(Point(1)) == "Point(x=1, y=7)"


def test_records_are_copied_as_what_they_are() -> None:
    for one in (Point(1), Named(1, 7, "n")):
        assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one
