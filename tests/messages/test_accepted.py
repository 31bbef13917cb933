"""`accepts` says of two types whether the codec takes every value of the one at a field of the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Any, Generic, Literal, NewType, Optional, TypedDict, TypeVar

import pytest
from msgspec import Meta

from remit import Value
from remit.errors import BadValue
from remit.messages import Codec, accepts

T = TypeVar("T")


class Place(Value):
    city: str = ""


class Street(Place):
    street: str = ""


class Tree(Value):
    inner: tuple[Tree, ...] = ()


class Box(Value, Generic[T]):
    item: T


@dataclass
class Point:
    x: int = 0


class Row(TypedDict):
    x: int


class Size(StrEnum):
    small = "small"


class Rank(IntEnum):
    first = 1


Text = NewType("Text", str)
Above = Annotated[int, Meta(gt=0)]
Percent = Annotated[int, Meta(ge=0, le=100)]


def is_written(type_: Any, value: Any) -> bool:
    metaclass: Any = type(Value)
    made = metaclass("Made", (Value,), {"__annotations__": {"x": type_}, "__module__": __name__})
    try:
        Codec[Any](made).write(made(x=value))
    except BadValue:
        return False
    return True


@pytest.mark.parametrize(
    ("found", "wanted", "value"),
    [
        (bool, int, True), (bool, float, True), (list[bool], list[int], [True]),
        (dict[str, bool], dict[str, int], {"a": True}),
        (datetime, date, datetime(2020, 1, 1, tzinfo=UTC)), (Street, Place, Street()),
        (list[Street], list[Place], [Street()]),
        (Street, Place | Point, Street()), (tuple[int, str], tuple[int], (1, "a")), (tuple[int], tuple[int, str], (1,)),
        (Literal["a", "b"], Literal["a"], "b"), (list[Literal["a", "b"]], list[Literal["a"]], ["b"]),
        (int, float, 2**53 + 1), (int, Above, -1), (Above, Annotated[int, Meta(gt=5)], 1), (str | None, str, None),
        (Any, str, 1), (list[Any], list[str], [1]), (date, Any, date(2020, 1, 1)), (dict[int, int], Any, {1: 1}),
        (set[int], list[int], {1}), (set[int], Any, {1}), (Box[str], Box[int], Box(item="a")), (Place, Any, Place()),
        (Literal[1], Literal["a"], 1), (str, Size, "other"), (Size, Rank, Size.small), (str, bytes, "a"),
    ],
)  # fmt: skip
def test_type_with_a_value_that_is_refused_is_not_accepted(found: Any, wanted: Any, value: Any) -> None:
    assert not accepts(wanted, found)
    assert is_written(found, value)
    assert not is_written(wanted, value)


@pytest.mark.parametrize(
    ("found", "wanted", "value"),
    [
        (Literal["a"], str, "a"), (Literal["a"], Literal["a", "b"], "a"), (Literal["a", 1], Literal["a"] | int, 1),
        (Literal["a"], Any, "a"), (Above, int, 1), (Annotated[int, Meta(gt=5)], Above, 6), (Percent, float, 50),
        (Percent, Annotated[float, Meta(le=200)], 50), (str | None, Optional[Text], None), (Text, str, "a"),  # noqa: UP045  # both ways to write it
        (str, Text, "a"), (Place, Place | Point, Place()), (Place | Point, Point | Place, Point()),
        (list[Place], list[Place | Point], [Place()]), (Tree, Tree | Place, Tree(inner=(Tree(),))),
        (Row, Row | None, {"x": 1}),
        (Box[bool], Box[bool | int], Box(item=True)), (Size, str, Size.small), (Rank, int, Rank.first), (str, Any, "a"),
        (dict[str, list[int]], Any, {"a": [1]}), (list[str], list[Any], ["a"]), (list[int], tuple[int, ...], [1]),
        (tuple[int, int], list[int], (1, 2)), (set[int], frozenset[int], {1}),
        (dict[Text, Above], dict[str, int], {"a": 1}),
        (bytearray, bytes, bytearray(b"a")),
    ],
)  # fmt: skip
def test_type_whose_values_are_all_taken_is_accepted(found: Any, wanted: Any, value: Any) -> None:
    assert accepts(wanted, found)
    assert is_written(wanted, value)


class Unknown: ...


def test_type_that_no_message_can_have_is_accepted_nowhere_else() -> None:
    assert accepts(Unknown, Unknown)
    assert not accepts(int, dict[Unknown, int])
