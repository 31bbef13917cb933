"""What is written can be read again as it was, or is refused with the class and the field."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest

from remit import Aggregate, Command, DomainEvent, Refusal, Value, field
from remit.errors import BadValue
from remit.messages import Codec, Encoding, decode_reply, write_reply
from remit.runtime.remote.wire import AnswerCodecs, ChannelCodec


def _check(codec: Codec[Any], reply: Any) -> None:
    """As a reply is looked at that nobody writes."""
    if not codec.is_light(reply):
        codec.write(reply)


class Colour(enum.Enum):
    RED = "r"


class Line(Value):
    amount: float


class Priced(Value):
    amount: int


class Big(Line):
    more: str = ""


class Pair(NamedTuple):
    one: int
    other: float


@dataclass
class Point:
    at: float


@dataclass
class Street:
    name: str

    def __post_init__(self) -> None:
        if self.name.startswith("doubles"):
            self.name += "!"


@dataclass
class Abroad(Street):
    country: str


class Item(Aggregate[str]):
    score: float | None = None
    count: int = 0
    lines: list[Line] = field(default_factory=list[Line])


class Happened(DomainEvent):
    first: int
    score: float = 0.0


class Full(Refusal):
    left: float


INFINITE, NONE = float("inf"), float("nan")
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001  # times without an offset are values, too
ODD = timezone(timedelta(hours=1, seconds=30))
EAST = timezone(timedelta(hours=5, minutes=30))
TWICE = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))


def nested(depth: int) -> Any:
    made: Any = []
    for _ in range(depth):
        made = [made]
    return made


GOOD: list[tuple[Any, Any]] = [
    (str, ""),
    (str, "\0\u2028\U0001f600"),
    (str, "r"),
    (int, 2**70),
    (int, -(2**63) - 1),
    (int, 0),
    (bool, True),
    (bool | int, True),
    (None, None),
    (float, -0.0),
    (float, 1e308),
    (float, 3),
    (float | None, None),
    (int | float, 1.0),
    (Decimal, Decimal("1E+400")),
    (Decimal, Decimal("NaN")),
    (Decimal, Decimal("-0.000")),
    (datetime, NAIVE.replace(year=1)),
    (datetime, datetime.max.replace(tzinfo=UTC)),
    (datetime, datetime(2026, 1, 1, tzinfo=EAST)),
    (datetime, TWICE),
    (datetime, TWICE.replace(fold=1)),
    (time, time(1, 2, 3, tzinfo=UTC)),
    (time, time(1)),
    (timedelta, timedelta(days=-1, microseconds=1)),
    (timedelta, timedelta.max),
    (date, date(1, 1, 1)),
    (UUID, UUID(int=1)),
    (Colour, Colour.RED),
    (Literal["a", 1], 1),
    (bytes, b"\xff\0"),
    (bytearray, bytearray(b"x")),
    (Line, Line(amount=1.5)),
    (list[Line], [Line(amount=1.5)]),
    (tuple[float, ...], (1.0, 2.0)),
    (Pair, Pair(1, 2.0)),
    (Sequence[float], (1.0, 2.0)),
    (Mapping[str, float], {"a": 1.0}),
    (set[float], {1.0}),
    (dict[float, int], {1.5: 1}),
    (dict[datetime, int], {NAIVE: 1}),
    (Any, {"a": [1, 2.5, None, True, "x", (1, 2)]}),
    (Point, Point(1.0)),
    (Annotated[int, msgspec.Meta(gt=0)], 5),
]
BAD: list[tuple[Any, Any, str]] = [
    (float, INFINITE, r"\$ is inf"),
    (float, NONE, r"\$ is nan"),
    (float | None, INFINITE, r"\$ is inf"),
    (float, 2**53 + 1, r"\$ is 9007199254740993"),
    (float, 10**400, "out of range"),
    (list[float], [1.0, NONE], r"\$\[1\]"),
    (int, True, "got `bool`"),
    (int, 1.5, "got `float`"),
    (int, 10**5000, "whole number has more than 4,300 characters"),
    (bool, 1, "got `int`"),
    (Annotated[int, msgspec.Meta(gt=0)], -5, ">= 1"),
    (Annotated[str, msgspec.Meta(max_length=2)], "long", "length <= 2"),
    (str, "\ud800", "surrogates"),
    (str, 5, "got `int`"),
    (Line, Big(amount=1.0, more="x"), "unknown field `more`"),
    (Line, Line(amount=NONE), r"\$\.amount is nan"),
    (Pair, Pair(1, INFINITE), r"\$\[1\] is inf"),
    (datetime, datetime(2026, 1, 1, tzinfo=ODD), r"\$ is datetime"),
    (time, time(1, tzinfo=ODD), r"\$ is .*time"),
    (dict[datetime, int], {datetime(2026, 1, 1, tzinfo=ODD): 1}, r"\$ is "),
    (date, NAIVE, "date"),
    (set[float], {INFINITE}, r"\$"),
    (Point, Point(NONE), r"\$.at is nan"),
    (Any, Decimal("1.1"), r"\$ is Decimal"),
    (Any, {"a": NAIVE}, r"\$.a is datetime"),
    (Any, {1, 2}, r"\$ is {1, 2}"),
    (Any, b"x", r"\$ is b'x'"),
    (dict[str, Any], {"a": {1: 2}}, r"\$.a is {1: 2}"),
    (Any, [INFINITE], r"\$\[0\] is inf"),
    (Any, nested(200_000), "recursion"),
    (Any, Colour.RED, r"\$ is <Colour"),
    (Any, Line(amount=1.0), r"\$ is Line"),
    (bytes, "AAAA", "is not a valid"),
    (str, b"abc", "is not a valid"),
    (UUID, "6f2c1c9e-8c1a-4a52-9d0a-5d2f6ad0a111", "is not a valid"),
    (date, "2026-01-01", "is not a valid"),
    (Decimal, 0.1, "is not a valid"),
    (set[str], ["a", "a"], "is not a valid"),
    (list[int], {1}, "is not a valid"),
    (dict[str, int], {1: 5, "1": 7}, "is not a valid"),
    (Street, Abroad(name="Main", country="NO"), "is not a valid"),
    (Street, Street(name="doubles"), "is not a valid"),
]


@pytest.mark.parametrize(("type_", "value"), GOOD, ids=map(str, range(len(GOOD))))
@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_what_can_be_read_again_is_written(type_: Any, value: Any, encoding: Encoding) -> None:
    part = ChannelCodec(type_, encoding)
    written, body = part.write(value)
    back = part.codec(written).read(body)
    if isinstance(value, datetime | time):
        assert back.utcoffset() == value.utcoffset()
        value, back = value.replace(tzinfo=None, fold=0), back.replace(tzinfo=None)
    assert repr(back) == repr(value) or back == value or list(back) == list(value)


@pytest.mark.parametrize(("type_", "value", "says"), BAD, ids=map(str, range(len(BAD))))
@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_what_could_not_be_read_again_is_refused(type_: Any, value: Any, says: str, encoding: Encoding) -> None:
    with pytest.raises(BadValue, match=says):
        ChannelCodec(type_, encoding).write(value)
    with pytest.raises(BadValue, match=says):
        _check(Codec[Any](type_), value)
    with pytest.raises(BadValue, match=says):
        write_reply(value, Codec[Any](type_))
    with pytest.raises(BadValue, match=says):
        AnswerCodecs(type_, encoding).write(value)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (Item(id="a", score=INFINITE), r"is not a valid Item: \$.score is inf"),
        (Item(id="a", count=True), r"is not a valid Item: .*bool.*\$.count"),
        (Item(id="a", lines=[Line(amount=NONE)]), r"is not a valid Item: \$.lines\[0\].amount is nan"),
        (Happened(first=True), r"is not a valid Happened: .*\$.first"),
        (Happened(first=1, score=INFINITE), r"is not a valid Happened: \$.score is inf"),
    ],
)
def test_the_class_and_the_field_are_named(value: Any, says: str) -> None:
    with pytest.raises(BadValue, match=says) as raised:
        Codec[Any](type(value)).write(value)
    assert raised.value.where == type(value).__name__
    assert "finite" in raised.value.expected


def test_plain_records_are_not_read_again_to_be_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = Codec[Happened](Happened)
    codec.decode = lambda _: pytest.fail("it was read")
    assert codec.write(Happened(first=1, score=1.5)) == b'{"first":1,"score":1.5}'
    _check(codec, Happened(first=1, score=1.5))


def test_a_tuple_that_was_seen_vouches_for_no_equal_one() -> None:
    codec = Codec[Any](tuple[Priced, ...])
    seen, other = (Priced(amount=1),), (Priced(amount=True),)
    assert seen == other
    assert codec.is_plain(seen)
    assert codec.is_plain(seen)
    assert not codec.is_plain(other)
    assert not codec.is_plain([*seen])


def test_a_tuple_of_what_changes_is_looked_at_each_time() -> None:
    class Slot(msgspec.Struct):
        amount: int

    codec, slots = Codec[Any](tuple[Slot, ...]), (Slot(1),)
    assert codec.is_plain(slots)
    slots[0].amount = 2**70
    assert not codec.is_plain(slots)


def test_what_a_record_finds_fault_with_itself_is_refused() -> None:
    class Even(Aggregate[str]):
        number: int = 0

        def __post_init__(self) -> None:
            if self.number % 2:
                raise ValueError("odd")

    even = Even(id="a")
    assert Codec[Even](Even).write(even)
    even.number = 3
    with pytest.raises(BadValue, match="odd"):
        Codec[Even](Even).write(even)


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_a_refusal_is_looked_at_like_a_reply(encoding: Encoding) -> None:
    writers: list[Callable[[Any], object]] = [
        lambda it: write_reply(it, Codec[Any](None)),
        AnswerCodecs(None, encoding).write,
    ]
    for write in writers:
        assert write(Full(left=1.5))
        with pytest.raises(BadValue, match=r"is not a valid Full: \$.left is inf"):
            write(Full(left=INFINITE))
    back = decode_reply(write_reply(Full(left=1.5), Codec[Any](None)), Codec[Any](None), (Full,))
    assert back.left == 1.5


@pytest.mark.parametrize(
    ("type_", "value"), [(int, 2**64), (list[int], [-(2**63) - 1]), (datetime, datetime(2026, 1, 1, tzinfo=EAST))]
)
def test_what_messagepack_has_no_form_for_travels_as_json(type_: Any, value: Any) -> None:
    written, body = ChannelCodec(type_, "msgpack").write(value)
    assert written == "json"
    assert repr(Codec[Any](type_).read(body)) == repr(value)
    written, _ = AnswerCodecs(type_, "msgpack").write(value)
    assert written == "json"


class Ask(Command[None]):
    score: float | None = None
    tags: frozenset[int] = frozenset()
    more: Any = None


class Seats(Command[None]):
    by_number: dict[int, str]
    by_day: dict[date, list[dict[int, int]]] = field(default_factory=dict[date, list[dict[int, int]]])


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_a_mapping_with_numbers_or_days_as_keys_has_a_content(encoding: Encoding) -> None:
    codec = Codec[Seats](Seats, encoding=encoding)
    one = Seats(by_number={1: "a", 10: "b", 2: "c"}, by_day={date(2026, 1, 1): [{2: 1, 1: 1}]})
    other = Seats(by_number={2: "c", 10: "b", 1: "a"}, by_day={date(2026, 1, 1): [{1: 1, 2: 1}]})
    assert codec.canonical(one) == codec.canonical(other)
    assert codec.canonical(one) != codec.canonical(one.replace(by_number={1: "a"}))


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (dict[datetime, int], {datetime(2026, 1, 1, tzinfo=EAST): 1}),
        (frozenset[datetime], frozenset({datetime(2026, 1, 1, tzinfo=EAST)})),
        (dict[datetime, int], {TWICE: 1, TWICE.replace(fold=1): 2}),
        (frozenset[datetime], frozenset({TWICE, TWICE.replace(fold=1)})),
    ],
)
@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_an_offset_is_kept_where_equal_times_are_one(type_: Any, value: Any, encoding: Encoding) -> None:
    part = ChannelCodec(type_, encoding)
    written, body = part.write(value)
    back = part.codec(written).read(body)
    assert {at.isoformat() for at in back} == {at.isoformat() for at in value}


class Places(Value):
    seats: dict[str, int]
    rows: frozenset[int]


class Reserve(Command[None]):
    rows: frozenset[int] = frozenset([0, 8])
    places: Places = Places(seats={"a": 1, "b": 2}, rows=frozenset([0, 8]))
    more: Any = None


def test_a_default_says_the_same_in_each_order() -> None:
    """These numbers stand in a set in the order in which they were put into it."""
    codec, rows = Codec[Reserve](Reserve), frozenset([8, 0])
    assert list(rows) != list(frozenset([0, 8]))
    same = [Reserve(rows=rows), Reserve(places=Places(seats={"b": 2, "a": 1}, rows=rows))]
    assert [codec.canonical(each) for each in same] == [codec.canonical(Reserve())] * 2 == [b"{}"] * 2


def test_a_list_in_anything_has_an_order() -> None:
    codec = Codec[Reserve](Reserve)
    assert codec.canonical(Reserve(more=[1, 2])) != codec.canonical(Reserve(more=[2, 1]))
    assert codec.canonical(Reserve(more={"b": 1, "a": [2]})) == codec.canonical(Reserve(more={"a": [2], "b": 1}))


def test_a_command_that_could_not_be_read_again_has_no_content() -> None:
    codec = Codec[Ask](Ask)
    for bad in (Ask(score=INFINITE), Ask(more={1, 2}), Ask(more="\ud800")):
        with pytest.raises(BadValue, match="is not a valid Ask"):
            codec.canonical(bad)
    assert codec.canonical(Ask(tags=frozenset({2**70, 1})))
