"""What could not be read again is refused before the commit: on every store, in every process and encoding."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Literal

import pytest

from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    IntegrationEvent,
    Later,
    Projection,
    Query,
    Refusal,
    Repository,
    System,
    Value,
    View,
)
from remit.errors import BadValue, HandlerFailed
from remit.hosting.assembly import assemble
from remit.log import Channel
from remit.runtime import Host
from remit.testing.in_process.calls import Exchange, InProcessCalls
from tests.runtime.apart import Side
from tests.runtime.talk import until_parked

Where = Literal["aggregate", "event", "published", "later", "reply", "refusal"]
PLACES: dict[Where, str] = {
    "aggregate": "Item", "event": "Weighed", "published": "Told", "later": "Add", "reply": "Weight", "refusal": "Full",
}  # fmt: skip
INFINITE = float("inf")


class Weight(Value):
    of: float | None = None


class Full(Refusal):
    left: float


class Weigh(Command[Weight, Full]):
    item: str
    where: Where
    times: float = 1.0


class Weighed(DomainEvent):
    item: str
    weight: float


class Told(IntegrationEvent, version=1):
    weight: float


class Add(Command[None]):
    weight: float


class Look(Query[Weight]):
    item: str
    times: float = 1.0


class Item(Aggregate[str, Weighed]):
    weight: float = 0.0


class Total(Projection[str, Weighed]):
    weight: float = 0.0

    @staticmethod
    def key(event: Weighed) -> str:
        return "all"

    def evolve(self, event: Weighed) -> None:
        self.weight += event.weight


class Sum(Query[float]):
    pass


class Echo(Command[list[int]]):
    numbers: list[int]
    at: datetime | None = None


class Numbers(Aggregate[str]):
    numbers: list[int] = []  # noqa: RUF012  # a factory is made of it
    at: datetime | None = None


class Kept(Query[list[int]]):
    pass


class When(Query[datetime | None]):
    pass


one, two = Context("one"), Context("two")
one.project(Total)


@one.handle(Weigh)
async def weigh(command: Weigh, items: Repository[Item], later: Later[Add]) -> Weight:
    item = await items.obtain(command.item)
    place, bad = command.where, 1e308 * command.times
    item.weight = bad if place == "aggregate" else item.weight + 1
    item.record(Weighed(item=item.id, weight=bad if place == "event" else (-1.0 if place == "published" else 1.0)))
    if place == "later":
        later.send(Add(weight=bad))
    if place == "refusal":
        raise Full(left=bad)
    return Weight(of=bad if place == "reply" else 1.0)


@one.publish(Weighed)
def tell(event: Weighed) -> Told:
    return Told(weight=INFINITE if event.weight < 0 else event.weight)


@one.handle(Add)
async def add(command: Add) -> None: ...


@one.answer(Look)
async def look(query: Look, items: Repository[Item]) -> Weight:
    return Weight(of=(await items.get(query.item)).weight * query.times)


@one.answer(Sum)
async def total(query: Sum, totals: View[Total]) -> float:
    return (await totals.get("all")).weight


@one.handle(Echo)
async def echo(command: Echo, kept: Repository[Numbers]) -> list[int]:
    numbers = await kept.obtain("n")
    numbers.numbers, numbers.at = command.numbers, command.at
    return command.numbers


@one.answer(Kept)
async def kept(query: Kept, kept: Repository[Numbers]) -> list[int]:
    return (await kept.get("n")).numbers


@one.answer(When)
async def when(query: When, kept: Repository[Numbers]) -> datetime | None:
    return (await kept.get("n")).at


system = System("s", contexts=[one, two])


@pytest.fixture
async def app(anywhere: str) -> AsyncIterator[Host]:
    runtime = assemble(system.model(), store=anywhere)
    await runtime.start()
    yield runtime
    await runtime.stop()


async def changed(runtime: Host) -> list[Any]:
    """What a store has of the item, and of anything that was told."""
    store = runtime.stores["one"]
    return [
        await store.load("one.Item", "i"),
        dict(await store.heads(Channel.PRIVATE)),
        dict(await store.heads(Channel.PUBLISHED)),
    ]


@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize("place", PLACES)
async def test_what_a_handler_makes_and_could_not_be_read_again_fails_it_before_the_commit(
    app: Host, place: Where, key: str | None
) -> None:
    for _ in range(2):
        of = "the reply of one.Weigh" if place == "reply" else "a value"
        with pytest.raises(HandlerFailed, match=rf"{of} is not a valid {PLACES[place]}: \$.* is inf"):
            await app.send(Weigh(item="i", where=place, times=10), key=key)
        assert await changed(app) == [None, {}, {}]
    if place not in ("published", "refusal"):
        await app.send(Weigh(item="i", where=place, times=1), key="other")  # what is large is no trouble


async def test_a_document_that_could_not_be_read_again_parks_what_made_it_so(app: Host) -> None:
    for item in ("i", "j", "k"):
        await app.send(Weigh(item=item, where="event", times=1))
    await until_parked(app.stores["one"], 2)
    errors = [row.error for row in await app.stores["one"].parked()]
    assert errors == ["BadValue: a value is not a valid Total: $.weight is inf, and would be read as None"] * 2
    assert await app.ask(Sum()) == 1e308


async def test_a_command_that_could_not_be_read_again_is_refused_where_it_has_a_key() -> None:
    for parity in (False, True):
        async with system.connect(store="memory:", parity=parity) as app:
            with pytest.raises(BadValue, match=r"is not a valid Add: \$.weight is inf"):
                await app.send(Add(weight=INFINITE), key="k")


# ── between processes ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(params=["json", "msgpack"])
async def sides(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Side, Side]]:
    """Who calls, and who has the items."""
    exchange, encoding = Exchange(), request.param
    caller = Side(system, "two", InProcessCalls(exchange), encoding=encoding)
    answerer = Side(system, "one", InProcessCalls(exchange), encoding=encoding)
    await asyncio.gather(caller.start(), answerer.start())
    yield caller, answerer
    await caller.stop()
    await answerer.stop()


@pytest.mark.parametrize("place", PLACES)
async def test_it_is_the_same_from_another_process(sides: tuple[Side, Side], place: Where) -> None:
    caller, answerer = sides
    with pytest.raises(HandlerFailed, match=rf"is not a valid {PLACES[place]}: \$.* is inf"):
        await caller.host.send(Weigh(item="i", where=place, times=10))
    assert await changed(answerer.host) == [None, {}, {}]


async def test_what_asks_and_what_answers_is_looked_at_before_it_is_sent(sides: tuple[Side, Side]) -> None:
    caller, _ = sides
    with pytest.raises(BadValue, match=r"is not a valid Weigh: \$.times is inf"):
        await caller.host.send(Weigh(item="i", where="reply", times=INFINITE))
    with pytest.raises(BadValue, match=r"is not a valid Look: .*bool"):
        await caller.host.ask(Look(item="i", times=True))
    await caller.host.send(Weigh(item="i", where="aggregate", times=1))
    assert (await caller.host.ask(Look(item="i"))).of == 1e308
    with pytest.raises(HandlerFailed, match=r"the reply of one.Look is not a valid Weight: \$.of is inf"):
        await caller.host.ask(Look(item="i", times=10))


async def test_numbers_of_any_size_and_offsets_travel_in_each_encoding(sides: tuple[Side, Side]) -> None:
    caller, _ = sides
    east = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    for numbers in ([2**63, -(2**63)], [2**64], [10**4000, 1]):
        for at in (None, east, datetime(2026, 1, 1, tzinfo=UTC)):
            assert await caller.host.send(Echo(numbers=numbers, at=at), key=f"{sum(numbers) % 1000003} {at}") == numbers
            assert await caller.host.ask(Kept()) == numbers
            assert repr(await caller.host.ask(When())) == repr(at)


async def test_numbers_of_any_size_are_stored(app: Host) -> None:
    for numbers in ([2**64], [-(2**64), 10**4000]):
        assert await app.send(Echo(numbers=numbers)) == numbers
        assert await app.ask(Kept()) == numbers
    with pytest.raises(HandlerFailed, match="whole number has more than 4,300 characters"):
        await app.send(Echo(numbers=[10**4400]))
    assert await app.ask(Kept()) == numbers


class Wrong(Command[None]):
    number: int
    numbers: dict[str, int] = {}  # noqa: RUF012  # a factory is made of it
    when: date = date(2026, 1, 1)


@pytest.mark.parametrize(
    "given", [{"number": True}, {"number": 1, "numbers": {1: 2}}, {"number": 1, "when": "2026-01-01"}]
)
async def test_a_command_under_a_key_is_what_its_type_says(given: dict[str, Any]) -> None:
    """Elsewhere the same command would be refused."""
    context, handled = Context("wrongs"), list[Wrong]()

    @context.handle(Wrong)
    async def handle(command: Wrong) -> None:
        handled.append(command)

    async with System("s", contexts=[context]).connect(store="memory:") as app:
        with pytest.raises(BadValue):
            await app.send(Wrong(**given), key="k")
    assert handled == []
