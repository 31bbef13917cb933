"""An example of a type is read as this type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import msgspec
import pytest
from msgspec import Meta

from remit import DomainEvent, Value
from remit.hosting.samples import sample_of
from remit.messages import Codec
from remit.messages.forms import describe
from remit.values import Identifier, Money


class Suit(Enum):
    HEARTS = "hearts"
    SPADES = "spades"


class Rank(IntEnum):
    ACE = 1


class CardId(Identifier): ...


class Place(NamedTuple):
    x: int
    y: float


class Line(TypedDict):
    text: str


@dataclass
class Point:
    x: int


class Held(Value):
    guest: str


class Free(Value): ...


class Tree(Value):
    below: list[Tree]
    named: dict[str, Tree]
    left: Tree | None = None


class Tagged(Value, tag=True):
    n: int


@pytest.mark.parametrize(
    "type",
    [
        str, int, float, bool, bytes, Decimal, UUID, date, datetime, time, timedelta, Any, CardId, Money, Suit, Rank,
        Literal["a", "b"], Literal[3], Place, Line, Point, Free | Held, Tree, Tagged, int | None, str | None,
        list[datetime], tuple[int, str], tuple[int, ...], set[str], frozenset[Rank], Mapping[str, Money],
        dict[int, str], dict[Suit, str], dict[date, int], dict[UUID, list[Held]], dict[CardId, Free | Held],
        Annotated[datetime, Meta(tz=True)], Annotated[datetime, Meta(tz=False)], Annotated[time, Meta(tz=False)],
        Annotated[int, Meta(ge=5)], Annotated[int, Meta(gt=5)], Annotated[int, Meta(lt=0)], Annotated[int, Meta(le=-3)],
        Annotated[str, Meta(min_length=9)], Annotated[str, Meta(max_length=2)],
        Annotated[list[int], Meta(min_length=3)],
    ],
    ids=str,
)  # fmt: skip
def test_an_example_of_a_type_is_read_as_this_type(type: Any) -> None:
    codec = Codec[Any](type)
    value = codec.decode(msgspec.json.encode(sample_of(describe(type))))
    assert codec.read(codec.write(value)) == value


class Sold(DomainEvent):
    price: Money
    at: datetime
    by_article: dict[str, int]
    note: str | None = None


def test_an_example_says_something_about_each_field() -> None:
    assert sample_of(describe(Sold)) == {
        "price": {"amount": "12.30", "currency": "EUR"},
        "at": "2026-01-02T03:04:05Z",
        "by_article": {"text": 1},
        "note": "text",
    }
