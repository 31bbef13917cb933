"""The table of `docs/values.md`, walked through: what is accepted is read again as it was, all else changes nothing."""

from __future__ import annotations

import asyncio
import enum
import re
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from types import new_class
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typing_extensions import TypedDict

from remit import (
    Aggregate,
    BadKey,
    BadValue,
    Command,
    Context,
    DomainEvent,
    HandlerFailed,
    Query,
    Repository,
    System,
    Value,
)
from remit.hosting.assembly import assemble
from remit.log import Channel
from remit.messages import Codec
from remit.runtime import Host
from remit.stores.port import partition_of
from remit.testing.in_process.calls import Exchange, InProcessCalls
from tests.docs.pages import ROOT
from tests.runtime.apart import Side

LONGEST = 512


class Colour(enum.Enum):
    RED = "r"


class Line(Value):
    amount: float


class Longer(Line):
    more: str = "x"


class Pair(NamedTuple):
    one: int
    other: float


class Address(TypedDict):
    zip: int


@dataclass
class Point:
    at: float


@dataclass
class Row:
    """A row of the table, with a type of its kind, and strategies for values within its limits and beyond them."""

    kind: str
    type: Any
    accepted: st.SearchStrategy[Any]
    refused: st.SearchStrategy[Any] | None = None


texts = st.text(st.characters(codec="utf-8"))
whole = st.integers() | st.sampled_from([2**63, 2**64, -(2**63) - 1, 10**4299, -(10**4298)])
finite = st.floats(allow_nan=False, allow_infinity=False)
odd = st.sampled_from([float("inf"), float("-inf"), float("nan")])
offsets: st.SearchStrategy[Any] = st.none() | st.integers(-1439, 1439).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)
uneven = st.integers(1, 59).map(lambda seconds: timezone(timedelta(hours=1, seconds=seconds)))
moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=offsets)  # noqa: DTZ001  # both are without one
kept = st.recursive(
    st.none() | st.booleans() | whole | finite | texts,
    lambda some: st.lists(some) | st.dictionaries(texts, some),
    max_leaves=6,
)
strange = odd | st.sampled_from([Decimal(1), date(2026, 1, 1), {1, 2}, b"x", {1: 2}, Colour.RED, Line(amount=1.0)])
longest = st.sampled_from("a\u00e9\u20ac\U0001f600").map(lambda each: each * (LONGEST // len(each.encode())))
keys = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=LONGEST // 4) | longest
no_keys = longest.map(lambda text: text + "abc") | texts.map(lambda text: text + "\0") | st.just("\ud800")


def address(code: int) -> Address:
    return {"zip": code}


ROWS: list[Row] = [
    Row("text (`str`)", str, texts, texts.map(lambda text: text + "\udc00")),
    Row("whole number (`int`)", int, whole, st.booleans() | st.sampled_from([10**4300, -(10**4299), 0.5])),
    Row(
        "fraction (`float`)", float, finite | st.integers(-(2**53), 2**53), odd | st.sampled_from([2**53 + 1, 10**400])
    ),
    Row("fraction (`float`)", float | None, st.none() | finite, odd),
    Row(
        "decimal (`Decimal`)",
        Decimal,
        st.decimals(allow_nan=False) | st.sampled_from([Decimal("1.100"), Decimal("1E+400")]),
    ),
    Row("truth value (`bool`)", bool, st.booleans(), st.integers(0, 1)),
    Row("moment (`datetime`)", datetime, moments, st.builds(datetime.replace, moments, tzinfo=uneven)),
    Row("time of day (`time`)", time, st.times(timezones=offsets), st.builds(time.replace, st.times(), tzinfo=uneven)),
    Row("day (`date`)", date, st.dates(), moments),
    Row("duration (`timedelta`)", timedelta, st.timedeltas() | st.sampled_from([timedelta.min, timedelta.max])),
    Row("`UUID`, `bytes`, `Enum`, `Literal`", UUID, st.uuids(), st.integers()),
    Row("`UUID`, `bytes`, `Enum`, `Literal`", bytes, st.binary(), st.integers()),
    Row("`UUID`, `bytes`, `Enum`, `Literal`", Colour, st.just(Colour.RED), st.integers()),
    Row("`UUID`, `bytes`, `Enum`, `Literal`", Literal["a", 1], st.sampled_from(["a", 1]), st.sampled_from(["b", 2])),
    Row("list, tuple, set", list[float], st.lists(finite), st.lists(finite).map(lambda some: [*some, float("nan")])),
    Row("list, tuple, set", tuple[int, ...], st.lists(whole).map(tuple), st.booleans().map(lambda one: (1, one))),
    Row("list, tuple, set", frozenset[float], st.frozensets(finite), odd.map(lambda one: frozenset({one}))),
    Row("mapping", dict[int, float], st.dictionaries(st.integers(), finite), st.dictionaries(whole, odd, min_size=1)),
    Row(
        "mapping",
        dict[datetime, str],
        st.dictionaries(moments, texts),
        uneven.map(lambda zone: {datetime(9, 1, 1, tzinfo=zone): ""}),
    ),
    Row(
        "record (`Value`, dataclass, `TypedDict`, `NamedTuple`)",
        Line,
        st.builds(Line, amount=finite),
        st.just(Longer(amount=1.0)) | st.builds(Line, amount=odd),
    ),
    Row(
        "record (`Value`, dataclass, `TypedDict`, `NamedTuple`)", Point, st.builds(Point, finite), st.builds(Point, odd)
    ),
    Row(
        "record (`Value`, dataclass, `TypedDict`, `NamedTuple`)",
        Pair,
        st.builds(Pair, whole, finite),
        st.builds(Pair, whole, odd),
    ),
    Row(
        "record (`Value`, dataclass, `TypedDict`, `NamedTuple`)",
        Address,
        whole.map(address),
        st.booleans().map(address),
    ),
    Row(
        "limited (`Annotated[int, Meta(gt=0)]`)",
        Annotated[int, msgspec.Meta(gt=0)],
        st.integers(1),
        st.integers(max_value=0),
    ),
    Row(
        "limited (`Annotated[int, Meta(gt=0)]`)",
        Annotated[str, msgspec.Meta(max_length=2)],
        st.text(st.characters(codec="utf-8"), max_size=2),
        st.just("abc"),
    ),
    Row("`Any`", Any, kept, strange | strange.map(lambda one: {"a": [one]})),
]
KEYS = [
    "identity of an aggregate, key of a document",
    "ordering key of an event or command",
    "idempotency key",
    "what one unit of work writes",
]

one, two = Context("one"), Context("two")


class Keep(Command[None]):
    """Of each row there is one that keeps, tells and answers with a value of the row's type."""


class Look(Query[Any]):
    """Of each row there is one that reads what is kept."""


def declare(number: int, type_: Any) -> tuple[Any, Any, Codec[Any]]:
    """The command and the query of a row, and what reads its event."""

    def made(name: str, *bases: Any, **fields: Any) -> Any:
        hints = {**({"id": str} if bases[0] is Aggregate[str] else {}), **fields}
        values = {"v": None} if bases[0] is Aggregate[str] else {}
        body = {"__annotations__": hints, "__module__": __name__, **values}
        return new_class(f"{name}{number}", bases, {}, lambda space: space.update(body))

    keep, look = made("Keep", Command[type_], v=type_), made("Look", Query[type_])
    told, item = (
        made("Told", DomainEvent, v=type_),
        made("Item", Aggregate[str], v=type_ | None if type_ is not Any else Any),
    )

    async def handle(command: Any, items: Any) -> Any:
        found = await items.obtain("x")
        found.v = command.v
        found.record(told(v=command.v))
        return command.v

    async def answer(query: Any, items: Any) -> Any:
        return (await items.get("x")).v

    repository: Any = Repository
    handle.__annotations__ |= {"command": keep, "items": repository[item]}
    answer.__annotations__ |= {"query": look, "items": repository[item]}
    bound: Any = one
    bound.handle(keep)(handle)
    bound.answer(look)(answer)
    return keep, look, Codec(told)


class Touch(Command[int]):
    id: str


class Touched(DomainEvent, key="key"):
    key: str


class Tell(Command[int]):
    key: str


class Count(Query[int]):
    id: str


class Thing(Aggregate[str, Touched]):
    count: int = 0


@one.handle(Touch)
async def touch(command: Touch, things: Repository[Thing]) -> int:
    thing = await things.obtain(command.id)
    thing.count += 1
    return thing.count


@one.handle(Tell)
async def tell(command: Tell, things: Repository[Thing]) -> int:
    thing = await things.obtain("told")
    thing.count += 1
    thing.record(Touched(key=command.key))
    return thing.count


@one.answer(Count)
async def count(query: Count, things: Repository[Thing]) -> int:
    thing = await things.find(query.id)
    return 0 if thing is None else thing.count


MESSAGES = [declare(number, row.type) for number, row in enumerate(ROWS)]
system = System("s", contexts=[one, two])


class World:
    """A running system, wherever it keeps things and whatever lies between it and its caller."""

    def __init__(self, runner: asyncio.Runner, caller: Host, keeper: Host) -> None:
        self._runner = runner
        self._caller = caller
        self._store = keeper.stores["one"]

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(work)

    def send(self, command: Any, key: str | None = None) -> Any:
        return self.run(self._caller.send(command, key=key))

    def ask(self, query: Any) -> Any:
        return self.run(self._caller.ask(query))

    def told(self) -> bytes:
        """The last event about the item."""
        part = partition_of("x", self._store.partitions)
        last = self.run(self._store.heads(Channel.PRIVATE))[part][0]
        payload: bytes = self.run(self._store.read(Channel.PRIVATE, part, last - 1, 1))[0].payload
        return payload

    def standing(self, kind: str, id: str) -> Any:
        """What is kept there, and how long the logs are."""
        return self.run(self._standing(kind, id))

    async def _standing(self, kind: str, id: str) -> Any:
        return await self._store.load(kind, id), [dict(await self._store.heads(channel)) for channel in Channel]


@pytest.fixture(scope="module", params=["memory", "sqlite", "postgresql", "json", "msgpack"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with asyncio.Runner() as runner:
        if request.param in ("json", "msgpack"):
            exchange = Exchange()
            sides = [Side(system, name, InProcessCalls(exchange), encoding=request.param) for name in ("two", "one")]
            for side in sides:
                runner.run(side.start())
            yield World(runner, sides[0].host, sides[1].host)
            for side in sides:
                runner.run(side.stop())
            return
        runtime = assemble(system.model(), store=_place(request, tmp_path_factory.mktemp("limits")))
        runner.run(runtime.start())
        yield World(runner, runtime, runtime)
        runner.run(runtime.stop())


def _place(request: pytest.FixtureRequest, folder: Path) -> str:
    if request.param == "postgresql":
        server = request.getfixturevalue("server")
        return f"{server}{'&' if '?' in server else '?'}schema=limits_{uuid4().hex[:8]}_{{context}}"
    return "memory:" if request.param == "memory" else f"sqlite:{folder}/{{context}}.db"


few = settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[row.kind for row in ROWS])
@few
@given(data=st.data())
def test_a_value_is_read_again_as_it_was_or_changes_nothing(world: World, number: int, data: st.DataObject) -> None:
    row, (keep, look, told) = ROWS[number], MESSAGES[number]
    value = data.draw(row.accepted)
    assert same(world.send(keep(v=value)), value)
    assert same(world.ask(look()), value)
    assert same(told.read(world.told()).v, value)
    if row.refused is not None:
        bad, before = data.draw(row.refused), world.standing(f"one.Item{number}", "x")
        with pytest.raises((BadValue, HandlerFailed), match="could not be read again"):
            world.send(keep(v=bad))
        assert world.standing(f"one.Item{number}", "x") == before


@few
@given(good=keys, bad=no_keys)
def test_an_identity_or_a_key_is_kept_as_it_is_or_changes_nothing(world: World, good: str, bad: str) -> None:
    ways: list[tuple[Callable[[str], Any], str | None]] = [
        (lambda text: Touch(id=text), None), (lambda text: Tell(key=text), None), (lambda _: Tell(key="k"), "key"),
    ]  # fmt: skip
    for message, way in ways:
        world.send(message(good), good if way else None)
        before = world.standing("one.Thing", "told")
        with pytest.raises((BadKey, BadValue) if bad == "\ud800" else BadKey):
            world.send(message(bad), bad if way else None)
        assert world.standing("one.Thing", "told") == before
    before = world.ask(Count(id=good))
    assert world.send(Touch(id=good)) == before + 1
    told = world.send(Tell(key=good), f"{good[:9]} again")
    assert world.send(Tell(key=good), f"{good[:9]} again") == told
    with pytest.raises((BadKey, BadValue)):
        world.ask(Count(id=bad))


def test_the_page_has_each_kind_and_no_other() -> None:
    table = re.findall(r"^\| (?!kind|-)(.+?) \|", (ROOT / "docs/values.md").read_text(), re.MULTILINE)
    assert table == [*dict.fromkeys(row.kind for row in ROWS), *KEYS]


def same(back: Any, value: Any) -> bool:
    if isinstance(value, datetime | time):
        return (back.replace(tzinfo=None), back.utcoffset()) == (value.replace(tzinfo=None), value.utcoffset())
    return type(back) is type(value) and back == value if not isinstance(value, int) else back == value
