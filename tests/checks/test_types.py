"""Every type that somebody may write in a field is carried, equal and of the same type; or it does not start, and the
finding says what to write instead."""

from __future__ import annotations

import array
import collections
import collections.abc
import dataclasses
import enum
import ipaddress
import numbers
import pathlib
import re
import sys
import typing
import zoneinfo
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType, SimpleNamespace, new_class
from typing import (
    Annotated,
    Any,
    AnyStr,
    ClassVar,
    Final,
    Generic,
    Literal,
    LiteralString,
    NamedTuple,
    Never,
    NewType,
    NotRequired,
    Protocol,
    TypedDict,
    TypeVar,
    Union,
)
from uuid import UUID

import pytest

from remit import Context, DomainEvent, Value, field
from remit.errors import Finding
from remit.messages import Codec
from tests.checks.shop import checked

T = TypeVar("T")


class Line(Value):
    amount: int


class Other(Value):
    text: str


class Card(Value, tag=True):
    number: str


class Cash(Value, tag=True):
    cents: int


class Box(Value, Generic[T]):
    inside: T


class Tree(Value):
    branches: list[Tree]


class Chain(Value):
    following: Chain | None = None


class Renamed(Value, name="OtherLine"):
    amount: int


class Dollar(Value):
    kind: str = field(name="$type")


Shape = Line | Other


class Leaf(Value):
    n: int


class Node(Value):
    left: Node | Leaf
    right: Node | Leaf = Leaf(n=0)


class Rows(TypedDict):
    one: Line | Other
    two: NotRequired[Line | Other]


class Spots(NamedTuple):
    of: Line | Other


class Row(TypedDict):
    seat: int


class Spot(NamedTuple):
    row: str


@dataclasses.dataclass
class Plain:
    n: int


@dataclasses.dataclass
class Plains:
    of: Line | Other
    more: list[Line | Other] = dataclasses.field(default_factory=list[Line | Other])


class Priced(Protocol):
    cents: int


class Shade(enum.StrEnum):
    DARK = "dark"


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


TAKEN: Mapping[str, tuple[Any, Any]] = {
    "str": (str, "a"),
    "int": (int, 2**60),
    "float": (float, 0.5),
    "bool": (bool, True),
    "bytes": (bytes, b"\0"),
    "bytearray": (bytearray, bytearray(b"\0")),
    "None": (None, None),
    "Decimal": (Decimal, Decimal("1.10")),
    "UUID": (UUID, UUID(int=1)),
    "datetime": (datetime, datetime(2026, 1, 1, tzinfo=UTC)),
    "date": (date, date(2026, 1, 1)),
    "time": (time, time(1, 2)),
    "timedelta": (timedelta, timedelta(microseconds=1)),
    "Any": (Any, {"a": [1, None, "b"]}),
    "Literal": (Literal["a", 1], 1),
    "StrEnum": (Shade, Shade.DARK),
    "Flag": (Rights, Rights.READ | Rights.WRITE),
    "NewType": (NewType("Name", str), "a"),
    "NewType of a list": (NewType("Names", list[str]), ["a"]),
    "Annotated": (Annotated[int, "in cents"], 1),
    "Final": (Final[int], 1),
    "TypeVar": (T, 1),
    "a name in quotes": ("int", 1),
    "Value": (Line, Line(amount=1)),
    "generic": (Box[int], Box(inside=1)),
    "recursive": (Tree, Tree(branches=[Tree(branches=[])])),
    "recursive and optional": (Chain, Chain(following=Chain())),
    "TypedDict": (Row, Row(seat=1)),
    "NamedTuple": (Spot, Spot(row="a")),
    "dataclass": (Plain, Plain(n=1)),
    "list": (list[int], [1]),
    "tuple": (tuple[int, ...], (1, 2)),
    "tuple of a length": (tuple[int, str], (1, "a")),
    "set": (set[int], {1}),
    "frozenset": (frozenset[int], frozenset([1])),
    "dict": (dict[str, int], {"a": 1}),
    "Mapping": (Mapping[str, int], {"a": 1}),
    "Sequence": (Sequence[int], [1]),
    "Set": (AbstractSet[int], {1}),
    "Collection": (collections.abc.Collection[int], [1]),
    "nested Optional": (None | int, None),  # as older code has it
    "numbers": (int | float | Decimal | None, Decimal("1.5")),
    "tagged": (Card | Cash | None, Cash(cents=1)),
    "two records": (Line | Other, Other(text="a")),
    "a record and a dataclass": (Line | Plain, Plain(n=1)),
    "a record and one with its name in quotes": ("Line | Other", Line(amount=1)),
    "records in records": (list[Box[Line | Other]], [Box(inside=Line(amount=1)), Box(inside=Other(text="a"))]),
    "records, a text and nothing": (Line | Other | str | None, "a"),
    "records or a list of them": (Line | Other | list[Line | Other], [Line(amount=1), Other(text="a")]),
    "a union with a name": (Union[Shape, Line], Line(amount=1)),  # noqa: UP007  # a union inside of a union
    "a union with what is said about it": (Annotated[Line | Other, "either"], Other(text="a")),
    "recursive records": (Node | Leaf, Node(left=Leaf(n=1), right=Node(left=Leaf(n=2), right=Leaf(n=3)))),
    "records in a TypedDict": (Rows, Rows(one=Line(amount=1))),
    "records in a NamedTuple": (Spots, Spots(of=Other(text="a"))),
    "records in a dataclass": (Plains, Plains(of=Other(text="a"), more=[Line(amount=1)])),
    "records of a tuple of a length": (tuple[int, Line | Other], (1, Line(amount=1))),
    "records of a mapping": (Mapping[str, Line | Other], {"a": Line(amount=1)}),
    "records of a set": (frozenset[Line | Other], frozenset([Line(amount=1), Other(text="a")])),
    "a name on the wire": (Line | Renamed, Renamed(amount=1)),
}

NOT_TAKEN: Mapping[str, tuple[Any, str]] = {
    "MappingProxyType": (MappingProxyType[str, int], "write dict[...]"),
    "OrderedDict": (collections.OrderedDict[str, int], "write dict[...]"),
    "defaultdict": (collections.defaultdict[str, int], "write dict[...]"),
    "Counter": (collections.Counter[str], "write dict[...]"),
    "ChainMap": (collections.ChainMap[str, int], "write dict[...]"),
    "a dict of its own": (type("Prices", (dict,), {}), "write dict[...]"),
    "deque": (collections.deque[int], "write tuple[...] or list[...]"),
    "array": (vars(array)["array"], "write tuple[...] or list[...]"),
    "range": (range, "write tuple[...] or list[...]"),
    "Iterable": (collections.abc.Iterable[int], "write tuple[...] or list[...]"),
    "Iterator": (collections.abc.Iterator[int], "write tuple[...] or list[...]"),
    "Fraction": (Fraction, "write Decimal"),
    "complex": (complex, "a Value with two floats"),
    "Number": (numbers.Number, "write int, float or Decimal"),
    "a str of its own": (type("Name", (str,), {}), "write typing.NewType"),
    "an int of its own": (type("Cents", (int,), {}), "write typing.NewType"),
    "Path": (pathlib.Path, "write str"),
    "IPv4Address": (ipaddress.IPv4Address, "write str"),
    "Pattern": (re.Pattern[str], "write str"),
    "ZoneInfo": (zoneinfo.ZoneInfo, "write str"),
    "timezone": (timezone, "write str"),
    "tzinfo": (tzinfo, "write str"),
    "LiteralString": (LiteralString, "write str"),
    "Protocol": (Priced, "a Value with its parts"),
    "SimpleNamespace": (SimpleNamespace, "a Value with its parts"),
    "Exception": (ValueError, "a Value with its parts"),
    "Callable": (collections.abc.Callable[[int], int], "a text that names it"),
    "type": (type[Line], "a text that names it"),
    "object": (object, "or Any"),
    "Self": (vars(typing)["Self"], "the name of the class"),
    "AnyStr": (AnyStr, "one of the types that it allows"),
    "InitVar": (dataclasses.InitVar[int], "an ordinary field"),
    "Never": (Never, ""),
    "an enumeration of fractions": (enum.Enum("Share", {"HALF": 0.5}), "StrEnum"),
    "a record and a mapping": (Line | dict[str, int], "make a Value of each"),
    "two lists": (list[int] | tuple[int, ...], "wrap each in a Value"),
    "a record with a tag of its own": (Line | Card, "remove tag= from every member"),
    "two records of one name": (Line | new_class("Line", (Value,)), "class Held(Value, name='HeldRoom')"),
    "one record with two arguments": (Box[int] | Box[str], "class Held(Value, name='HeldRoom')"),
    "a record with a field as the tag": (Line | Dollar, "another name on the wire"),
    "records as keys": (dict[Line | Other, int], "list[tuple[...]]"),
    "two texts": (str | date, "a field for each"),
    "text and bytes": (str | bytes, "a field for each"),
    "unknown": ("Nowhere", "import the name"),
}

ALIASES = """
type Numbers = list[int]
type Several[T] = tuple[T, ...]
type Nested = dict[str, Nested] | int
TAKEN["alias"] = (Numbers, [1])
TAKEN["alias of one parameter"] = (Several[int], (1, 2))
type Either = Line | Other
type Many[T] = list[T | Other]
TAKEN["alias of a union"] = (Either | None, Other(text="a"))
TAKEN["alias of a union of one parameter"] = (Many[Line], [Line(amount=1), Other(text="a")])
NOT_TAKEN["recursive alias"] = (Nested, "a Value that contains itself")
"""
if sys.version_info >= (3, 12):
    exec(ALIASES)  # the syntax came with Python 3.12


def holding(type: Any) -> type[DomainEvent]:
    """An event with a field of a type."""
    fields = {"__annotations__": {"field": type}, "__module__": __name__}
    return new_class("Happened", (DomainEvent,), {}, lambda body: body.update(fields))


def findings(event: Any) -> list[Finding]:
    context = Context("shop")

    async def react(happened: Any) -> None: ...

    react.__annotations__["happened"] = event
    context.react(event)(react)
    return checked(context)


@pytest.mark.parametrize("name", TAKEN)
def test_value_of_a_type_that_is_taken_is_read_equal_and_of_the_same_type(name: str) -> None:
    type_, value = TAKEN[name]
    cls: Any = holding(type_)
    assert findings(cls) == []
    for codec in (Codec[Any](cls), Codec[Any](cls, encoding="msgpack")):
        event = cls(field=value)
        written = codec.encode(event)
        codec.check_written(event, written)
        back = codec.read(written)
        assert (type(back.field), back.field) == (type(value), value)


@pytest.mark.parametrize("name", NOT_TAKEN)
def test_type_that_is_not_taken_is_found_at_the_start_with_what_to_write_instead(name: str) -> None:
    type_, instead = NOT_TAKEN[name]
    (found,) = findings(holding(type_))
    assert found.code == "message.not-encodable"
    assert instead in found.next
    assert "types that JSON has" in found.expected


def test_what_belongs_to_the_class_is_no_field() -> None:
    cls: Any = holding(ClassVar[object])
    assert findings(cls) == []
    assert Codec[Any](cls).write(cls()) == b"{}"
