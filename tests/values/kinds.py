"""Every type that a message may carry, and what may stand in it: one strategy for each kind of type, and its opposite.

A strategy is derived from the description of a type, so that it follows what is declared, however it is nested.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from random import Random
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import HealthCheck
from hypothesis import strategies as st
from msgspec import inspect
from typing_extensions import TypedDict, is_typeddict

from remit import Value
from remit.messages.fields import Shape
from remit.messages.forms import describe, record_of

EXAMPLES = int(os.environ.get("REMIT_TEST_EXAMPLES", "1"))
"""So many times more examples than in a run of all tests."""
NEVERTHELESS = [
    HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.large_base_example,
    HealthCheck.function_scoped_fixture, HealthCheck.differing_executors,
]  # fmt: skip
"""What a property is run in spite of: values of every type at once are large, and worlds are made once."""
Strategy = st.SearchStrategy[Any]

# ── what is declared ────────────────────────────────────────────────────────────────────────────────────────────────


def of(generic: Any, *arguments: Any) -> Any:
    """A type with arguments, which are values here."""
    return generic[arguments]


class Colour(enum.Enum):
    RED, EMPTY = "r", ""


class Grade(enum.IntEnum):
    LOW, HIGH, LARGE = -1, 2, 2**62


class Shade(enum.StrEnum):
    DARK, LIGHT = "d\u00e4rk", '"\\'


class Right(enum.IntFlag):
    READ, WRITE = 1, 2


class Line(Value):
    amount: float
    note: str = "n"


class Longer(Line):
    more: str = "x"


class Free(Value, tag=True):
    since: datetime


class Held(Value, tag="held"):
    by: tuple[str, ...] = ("a", "b")


class Tree(Value):
    name: str
    children: list[Tree] = []  # noqa: RUF012  # a factory is made of it


class Vacant(Value):
    since: date
    floor: int = 0


class Taken(Value, name="occupied"):
    by: str
    lines: list[Line] = []  # noqa: RUF012  # a factory is made of it


class Cleaned(Value):
    before: Vacant | Taken
    hours: set[time | None] = set()  # noqa: RUF012  # a factory is made of it


class Branch(Value):
    left: Branch | Vacant
    right: Branch | Vacant = Vacant(since=date(2026, 1, 1))


class Bare(msgspec.Struct, frozen=True):
    number: int
    unset: int | msgspec.UnsetType = msgspec.UNSET


class Listed(msgspec.Struct, array_like=True, frozen=True):
    first: Decimal
    second: Line | None = None


@dataclass(frozen=True)
class Point:
    at: float
    when: date | None = None


class Pair(NamedTuple):
    one: int
    other: Line


class Either(NamedTuple):
    one: Vacant | Taken
    more: tuple[str, Point | Line] = ("a", Line(amount=0.5))


class Rows(TypedDict):
    first: Point | Vacant
    others: NotRequired[list[Point | Vacant]]


class Address(TypedDict):
    zip: int
    town: NotRequired[str]


Name = NewType("Name", str)

ROWS: dict[str, list[Any]] = {
    "string (`str`)": [str, Name],
    "integer (`int`)": [int],
    "float (`float`)": [float, float | None, int | float],
    "decimal (`Decimal`)": [Decimal],
    "boolean (`bool`)": [bool, bool | int],
    "`datetime`": [datetime, datetime | None],
    "`time`": [time],
    "`date`": [date],
    "`timedelta`": [timedelta],
    "`UUID`, `bytes`, `Enum`, `Literal`": [
        UUID, bytes, bytearray, memoryview, Colour, Grade, Shade, Right, Literal["a", 1] | None,
    ],
    "list, tuple, set": [
        list[str], list[Line], list[Any], tuple[int, ...], tuple[Line, ...], tuple[str, float], set[Decimal],
        frozenset[datetime], frozenset[Line], set[tuple[str, int]], Sequence[float], AbstractSet[time],
        Collection[int], list[list[Colour] | None],
    ],
    "mapping": [
        dict[str, Line], dict[int, float], dict[float, str], dict[Decimal, int], dict[datetime, str],
        dict[date, list[dict[int, int]]], dict[time, int], dict[timedelta, int], dict[UUID, int], dict[bytes, int],
        dict[Colour, int], dict[Grade, int], dict[Literal["a", 1], int], dict[int | float, int],
        Mapping[str, dict[str, Any]], dict[Any, int],
        dict[Annotated[str, msgspec.Meta(min_length=1, title="a")], int],
    ],
    "struct": [
        Line, Tree, Bare, Listed, Point, Pair, Address, dict[str, Address] | None,
    ],
    "union (`Free \\| Held`)": [
        Free | Held, Vacant | Taken, Vacant | Taken | Cleaned | str | None, list[Point | Line | list[Bare | Pair]],
        dict[str, Vacant | Point | None], frozenset[Point | Line], tuple[Line | Point, int], Branch, Either, Rows,
        Either | Line, list[Either | Point | Line],
    ],
    "constrained type (`Annotated[int, Meta(gt=0)]`)": [
        Annotated[int, msgspec.Meta(gt=0, le=9)], Annotated[float, msgspec.Meta(ge=0.5)],
        Annotated[str, msgspec.Meta(max_length=2)], Annotated[list[int], msgspec.Meta(min_length=1, max_length=3)],
        Annotated[datetime, msgspec.Meta(tz=True)], Annotated[Line, msgspec.Meta(description="a line")],
    ],
    "`Any`": [Any, dict[str, Any]],
}  # fmt: skip
"""The rows of the page that say what may stand in a field, and types of each."""
TYPES: list[Any] = [each for types in ROWS.values() for each in types]
KEYS: list[Any] = [
    str, Name, int, Decimal, bool, UUID, date, datetime, time, Literal["a", 1], Shade, Grade,
    Any, Annotated[str, msgspec.Meta(description="who")],
]  # fmt: skip
"""Types by which things are found and ordered."""

# ── what may stand there ────────────────────────────────────────────────────────────────────────────────────────────

LARGE = [2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 2**70, 10**4299, -(10**4298), 2**53 + 1]
_characters = st.characters(codec="utf-8")
texts: Strategy = st.text(_characters, max_size=12) | st.sampled_from(
    [
        "",
        "\0",
        "a\0b",
        "\u2028\x7f\x80",
        "\ufeff\ufffd\uffff",
        "\U0001f600\U0010ffff",
        "e\u0301\u05d0\u0627\u4e00",
        '"\\/',
        "x" * 3000,
    ]
)
whole: Strategy = st.integers() | st.sampled_from(LARGE)
finite: Strategy = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [-0.0, 5e-324, -2.2250738585072014e-308, 1.7976931348623157e308, 1e16, 1e22, 0.1, 2.0**53]
)
odd: Strategy = st.sampled_from([float("inf"), float("-inf"), float("nan")])
decimals: Strategy = st.decimals() | st.sampled_from(
    [*map(Decimal, ("1.100", "-0.000", "1E+400", "sNaN12", "-NaN", "Infinity", "-Infinity", "1E-999999"))]
)
_hashable_decimals: Strategy = st.decimals(allow_nan=False) | st.sampled_from([Decimal("1.100"), Decimal("1E+400")])
_offsets: Strategy = st.none() | st.just(UTC) | st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m)))
_uneven: Strategy = st.integers(1, 59).map(lambda seconds: timezone(timedelta(hours=1, seconds=seconds)))
EAST, WEST, BERLIN = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12)), ZoneInfo("Europe/Berlin")
moments: Strategy = st.datetimes(timezones=_offsets) | st.sampled_from(
    [
        datetime.min.replace(tzinfo=EAST), datetime.max.replace(tzinfo=WEST), datetime.max.replace(tzinfo=UTC),
        datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN), datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1),
    ]
)  # fmt: skip
times: Strategy = st.times(timezones=_offsets)
anything: Strategy = st.recursive(
    st.none() | st.booleans() | whole | finite | texts,
    lambda some: st.lists(some, max_size=3) | st.dictionaries(texts, some, max_size=3),
    max_leaves=4,
)
NOTHING: Strategy = st.just(complex(1, 1))
"""What nothing takes."""

Make = Callable[[Any], Strategy]


def values(type: Any) -> Strategy:
    """What is accepted of a type."""
    return accepted(describe(type))


def strangers(type: Any) -> Strategy:
    """What is refused of a type."""
    return refused(describe(type))


def accepted(shape: Shape, *, key: bool = False) -> Strategy:
    """What is accepted where a type is described like this. In sets and as keys nothing equals nothing."""
    if key and isinstance(shape, inspect.DecimalType):
        return _hashable_decimals
    if key and isinstance(shape, inspect.AnyType):
        return texts
    return ACCEPTED[type(shape)](shape)


def refused(shape: Shape) -> Strategy:
    """What is refused where a type is described like this."""
    make = REFUSED.get(type(shape))
    return NOTHING if make is None else make(shape) | NOTHING


def _limited(shape: Any, strategy: Strategy) -> Strategy:
    """Within the limits of a number."""
    limits = {name: getattr(shape, name) for name in ("gt", "ge", "lt", "le")}
    if all(limit is None for limit in limits.values()):
        return strategy
    is_whole = isinstance(shape, inspect.IntType)
    low = limits["ge"] if limits["gt"] is None else limits["gt"] + 1
    high = limits["le"] if limits["lt"] is None else limits["lt"] - 1
    return st.integers(low, high) if is_whole else st.floats(low, high, allow_nan=False, allow_infinity=False)


def _sized(shape: Any, most: int = 3) -> dict[str, Any]:
    return {
        "min_size": shape.min_length or 0,
        "max_size": most if shape.max_length is None else shape.max_length,
    }


def _texts(shape: Any) -> Strategy:
    if shape.min_length is None and shape.max_length is None:
        return texts
    return st.text(_characters, **_sized(shape, 12))


def _lists(shape: Any) -> Strategy:
    return st.lists(accepted(shape.item_type), **_sized(shape))


def _sets(shape: Any) -> Strategy:
    return st.lists(accepted(shape.item_type, key=True), **_sized(shape)).map(set)


def _mappings(shape: Any) -> Strategy:
    return st.dictionaries(accepted(shape.key_type, key=True), accepted(shape.value_type), **_sized(shape))


def _records(shape: Any) -> Strategy:
    """Each field that is not required may be left to its default."""
    needed = {each.name: accepted(each.type) for each in shape.fields if each.required}
    more = {each.name: accepted(each.type) for each in shape.fields if not each.required}
    make = record_of(shape)
    return st.fixed_dictionaries(needed, optional=more).map(lambda fields: make(**fields))


def _once(shape: Any, make: Make) -> Strategy:
    """A record that holds its own kind is described by itself."""
    known = (id(shape), make)
    if known not in _made:
        _made[known] = shape, st.deferred(lambda: make(shape))
    return _made[known][1]


# By identity, which stays taken as long as the description is kept beside.
_made: dict[tuple[int, Make], tuple[Shape, Strategy]] = {}

ACCEPTED: dict[type[Shape], Make] = {
    inspect.AnyType: lambda _: anything,
    inspect.NoneType: lambda _: st.none(),
    inspect.BoolType: lambda _: st.booleans(),
    inspect.IntType: lambda it: _limited(it, whole),
    inspect.FloatType: lambda it: _limited(it, finite),
    inspect.StrType: _texts,
    inspect.BytesType: lambda _: st.binary(max_size=9),
    inspect.ByteArrayType: lambda _: st.binary(max_size=9).map(bytearray),
    inspect.MemoryViewType: lambda _: st.binary(max_size=9).map(memoryview),
    inspect.DateTimeType: lambda it: moments if it.tz is None else moments.filter(lambda at: at.tzinfo is not None),
    inspect.TimeType: lambda _: times,
    inspect.DateType: lambda _: st.dates(),
    inspect.TimeDeltaType: lambda _: st.timedeltas() | st.sampled_from([timedelta.min, timedelta.max]),
    inspect.UUIDType: lambda _: st.uuids(),
    inspect.DecimalType: lambda _: decimals,
    inspect.EnumType: lambda it: st.sampled_from([*it.cls, *([Right(3)] if it.cls is Right else [])]),
    inspect.LiteralType: lambda it: st.sampled_from(it.values),
    inspect.UnionType: lambda it: st.one_of([accepted(each) for each in it.types if not _is_unset(each)]),
    inspect.ListType: _lists,
    inspect.VarTupleType: lambda it: _lists(it).map(tuple),
    inspect.TupleType: lambda it: st.tuples(*map(accepted, it.item_types)),
    inspect.SetType: _sets,
    inspect.FrozenSetType: lambda it: _sets(it).map(frozenset),
    inspect.DictType: _mappings,
    inspect.TypedDictType: _records,
    inspect.NamedTupleType: _records,
    inspect.DataclassType: _records,
    inspect.StructType: lambda it: _once(it, _records),
    inspect.Metadata: lambda it: accepted(it.type),
}
"""By the kind of a description, what is accepted."""


def _is_unset(shape: Shape) -> bool:
    return shape == describe(msgspec.UnsetType)


# ── what may not ────────────────────────────────────────────────────────────────────────────────────────────────────

halves: Strategy = texts.map(lambda text: text + "\udc00") | st.just("\ud800")


def _without_limits(shape: Any, *beyond: Any) -> Strategy:
    limits = [getattr(shape, name) for name in ("gt", "ge", "lt", "le")]
    return st.sampled_from([*beyond, *(limit for limit in limits[:1] + limits[2:3] if limit is not None)])


def _spoilt_list(shape: Any) -> Strategy:
    """With one element too many that is none, at its end."""
    return st.tuples(_lists(shape), refused(shape.item_type)).map(lambda two: [*two[0][:2], two[1]])


def _spoilt_set(shape: Any) -> Strategy:
    return refused(shape.item_type).filter(_has_hash).map(lambda one: {one})


def _spoilt_mapping(shape: Any) -> Strategy:
    one = st.tuples(accepted(shape.key_type, key=True), refused(shape.value_type)).map(lambda two: {two[0]: two[1]})
    other = st.tuples(refused(shape.key_type).filter(_is_no_key), accepted(shape.value_type))
    return one | other.map(lambda two: {two[0]: two[1]})


def _is_no_key(value: Any) -> bool:
    """Keys are texts, so that there an infinite number has a form."""
    return _has_hash(value) and value not in (float("inf"), float("-inf"))


def _has_hash(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _spoilt_record(shape: Any) -> Strategy:
    """With one field that may not be so."""
    whole = accepted(shape)
    return st.one_of([st.tuples(whole, refused(each.type)).map(_replacing(shape, each.name)) for each in shape.fields])


def _replacing(shape: Any, name: str) -> Callable[[tuple[Any, Any]], Any]:
    def replace(two: tuple[Any, Any]) -> Any:
        record, stranger = two
        if is_typeddict(record_of(shape)):
            return {**record, name: stranger}
        return record_of(shape)(**{each.name: getattr(record, each.name) for each in shape.fields} | {name: stranger})

    return replace


_NUMBERS = (inspect.IntType, inspect.FloatType, inspect.BoolType)

REFUSED: dict[type[Shape], Make] = {
    inspect.AnyType: lambda _: st.sampled_from(
        [float("nan"), Decimal(1), date(2026, 1, 1), {1, 2}, b"x", {1: 2}, Colour.RED, Line(amount=1.0), "\ud800",
         {"a": [datetime(2026, 1, 1, tzinfo=UTC)]}, [-(10**4299)]]
    ),
    inspect.BoolType: lambda _: st.sampled_from([0, 1, 0.0, "true", None]),
    inspect.IntType: lambda it: _without_limits(it, True, False, 0.5, 1.0, -(10**4299), "1"),
    inspect.FloatType: lambda it: odd | _without_limits(it, True, 2**53 + 1, 10**400, "1.0"),
    inspect.StrType: lambda it: halves | st.sampled_from([1, b"abc", None, *(["abc"] if it.max_length else [])]),
    inspect.BytesType: lambda _: st.sampled_from(["AAAA", 1, None]),
    inspect.DateTimeType: lambda it: st.sampled_from(
        [date(2026, 1, 1), "2026-01-01T00:00:00Z", 0, *([datetime(2026, 1, 1)] if it.tz else [])]  # noqa: DTZ001  # that is refused
    ) | st.builds(datetime.replace, st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)), tzinfo=_uneven),  # noqa: DTZ001  # they get one
    inspect.TimeType: lambda _: st.builds(time.replace, st.times(), tzinfo=_uneven) | st.just("01:00:00"),
    inspect.DateType: lambda _: moments | st.just("2026-01-01"),
    inspect.TimeDeltaType: lambda _: st.sampled_from(["P1D", "x", None]),
    inspect.UUIDType: lambda _: st.sampled_from(["6f2c1c9e-8c1a-4a52-9d0a-5d2f6ad0a111", 1, b"x" * 16]),
    inspect.DecimalType: lambda _: st.sampled_from([0.1, "1", "x", True]),
    inspect.EnumType: lambda it: st.sampled_from(["none", 0.5, *(["r"] if it.cls is Colour else [])]),
    inspect.LiteralType: lambda _: st.sampled_from(["b", 2, True, 1.0]),
    inspect.ListType: _spoilt_list,
    inspect.VarTupleType: lambda it: _spoilt_list(it).map(tuple),
    inspect.TupleType: lambda it: st.tuples(*map(accepted, it.item_types)).map(lambda some: some[:-1]),
    inspect.SetType: _spoilt_set,
    inspect.FrozenSetType: lambda it: _spoilt_set(it).map(frozenset),
    inspect.DictType: _spoilt_mapping,
    inspect.TypedDictType: _spoilt_record,
    inspect.NamedTupleType: _spoilt_record,
    inspect.DataclassType: _spoilt_record,
    inspect.StructType: lambda it: st.just(Longer(amount=1.0)) | _once(it, _spoilt_record),
    inspect.Metadata: lambda it: refused(it.type),
}  # fmt: skip
"""By the kind of a description, what is refused. What belongs to another member of a union may be accepted: of unions,
and where there is nothing else, only what nothing takes."""

# ── what is the same ────────────────────────────────────────────────────────────────────────────────────────────────


def same(back: Any, value: Any) -> bool:
    """Whether it is equal and of the same type, down to every part: which of two equal numbers, and which offset."""
    if type(back) is not type(value):
        return False
    if _is(value, datetime, time):
        return bool(_clock(back) == _clock(value) and back.utcoffset() == value.utcoffset())
    if _is(value, float, Decimal):
        return str(back) == str(value)
    if _is(value, Mapping):
        return len(back) == len(value) and all(
            any(same(key, other) and same(back[key], value[other]) for other in value) for key in back
        )
    if _is(value, AbstractSet):
        return len(back) == len(value) and all(any(same(one, other) for other in value) for one in back)
    if _is(value, list, tuple):
        return len(back) == len(value) and all(map(same, back, value))
    if names := getattr(value, "__struct_fields__", getattr(value, "__dataclass_fields__", ())):
        return all(same(getattr(back, name), getattr(value, name)) for name in names)
    return bool(back == value)


def _is(value: Any, *kinds: type) -> bool:
    return isinstance(value, kinds)  # in a function, because checkers would take what is inside for unknown


def _clock(value: Any) -> Any:
    return value.replace(tzinfo=None, fold=0)


def reordered(value: Any, chance: Random) -> Any:
    """The same in another order, wherever something has one. It says something else where that order counts."""
    if _is(value, dict):
        return {key: reordered(value[key], chance) for key in _shuffled(value, chance)}
    if _is(value, set, frozenset, list) or (value.__class__ is tuple and len(set(map(type, value))) == 1):
        return type(value)(reordered(each, chance) for each in _shuffled(value, chance))
    if names := getattr(value, "__struct_fields__", getattr(value, "__dataclass_fields__", ())):
        return type(value)(**{name: reordered(getattr(value, name), chance) for name in names})
    return value


def _shuffled(value: Iterable[Any], chance: Random) -> list[Any]:
    some = list(value)
    chance.shuffle(some)
    return some
