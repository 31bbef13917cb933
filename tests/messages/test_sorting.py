"""The bytes of values have the order of the values, as Python sorts them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from remit.errors import BadValue
from remit.messages.sorting import sort_form


class Size(IntEnum):
    BIG = 30
    SMALL = -4


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


DAY = timedelta(days=1)
MIDDLE = datetime(2026, 1, 1, tzinfo=UTC)


def _moment(apart: timedelta, zone: timezone) -> datetime:
    return (MIDDLE + apart).astimezone(zone)


OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    int: st.one_of(st.integers(), st.sampled_from([0, -1, 1, 255, 256, -255, -256, -257, 2**63, -(2**64)])),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    Decimal: st.one_of(
        st.decimals(allow_nan=False, allow_infinity=False),
        st.sampled_from([Decimal(each) for each in ("-1.23", "-1.2", "1.2", "1.23", "1E+300", "-1E-300", "-0.00")]),
    ),
    datetime: st.builds(_moment, st.timedeltas(-400_000 * DAY, 400_000 * DAY), OFFSETS),
    date: st.dates(),
    UUID: st.uuids(),
    Size: st.sampled_from(Size),
    Colour: st.sampled_from(Colour),
    Literal["b", "a", "ü"]: st.sampled_from(["b", "a", "ü"]),
}


def form_of(kind: Any) -> Callable[[Any], bytes]:
    form = sort_form(inspect.type_info(kind))
    assert form is not None
    return form


def plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


@pytest.mark.parametrize("kind", VALUES, ids=str)
@given(data=st.data())
def test_two_values_compare_as_their_bytes_do(kind: Any, data: st.DataObject) -> None:
    one, other = data.draw(VALUES[kind]), data.draw(VALUES[kind])
    form = form_of(kind)
    first, second = form(one), form(other)
    assert (first < second, first == second) == (plain(one) < plain(other), plain(one) == plain(other))


def test_none_comes_before_every_value() -> None:
    form = form_of(str | None)
    assert sorted(["", "\0", None, "a"], key=form) == [None, "", "\0", "a"]


def test_one_instant_has_one_form() -> None:
    form = form_of(datetime)
    local = datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    assert form(local) == form(local.astimezone(UTC))
    assert form(local) < form(local + timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (str, "a" * 513), (str, "\ud800"), (int, 1 << 1100), (float, float("nan")), (float, float("inf")),
        (Decimal, Decimal("NaN")), (Decimal, Decimal("1" * 600)), (datetime, MIDDLE.replace(tzinfo=None)),
    ],
    ids=str,
)  # fmt: skip
def test_a_value_without_a_form_is_refused(kind: Any, value: Any) -> None:
    with pytest.raises(BadValue):
        form_of(kind)(value)


@pytest.mark.parametrize("kind", [list[str], dict[str, int], bytes, str | int, Literal["a", 1], Any], ids=str)
def test_some_types_have_no_order(kind: Any) -> None:
    assert sort_form(inspect.type_info(kind)) is None


def test_a_number_of_which_python_makes_no_text_is_refused_by_its_size() -> None:
    form = sort_form(inspect.type_info(int))
    assert form
    with pytest.raises(BadValue, match="an int of 66439 bits cannot be sorted"):
        form(10**20_000)
