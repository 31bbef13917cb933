"""A read model is rebuilt from the states of aggregates, with what is recorded while they are taken."""

import asyncio
import math
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import msgspec
import pytest

from remit import Command, Context, DomainEvent, EventSourced, Projection, Repository, System
from remit.hosting.opening import Places, opened
from remit.log import Channel
from remit.operations import CannotRebuild, Rebuild, Rebuilt
from remit.operations.from_state import Base
from remit.operations.rebuild import in_version, read_model
from remit.runtime import Host
from remit.runtime.ports import Ports
from remit.stores import (
    Change,
    Entry,
    Selection,
    Store,
    Unit,
    Versions,
    load_versions,
    row_table,
    write_versions,
)
from remit.stores.memory.store import MemoryStore
from remit.stores.postgres.store import PostgresStore
from remit.stores.sqlite.store import SqliteStore
from remit.topology.secret import Secret
from tests.operations.market import Fill, Heavy, Leave, Pieces, market
from tests.operations.orchard import rebuilt
from tests.operations.rebuilding import caught_up

HELD = "market.Held"
FULL = row_table("Full", 2, ["pieces"], [("pieces",)])


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param != "postgres":
        yield MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "market.db", "market")
        return
    server, schema = request.getfixturevalue("server"), f"remit_test_{uuid.uuid4().hex}"
    yield PostgresStore(f"{server}{'&' if '?' in server else '?'}schema={schema}", "market")
    connection = await asyncpg.connect(server)
    await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    await connection.close()


async def trimmed(store: Store) -> None:
    """Deletes all messages of the log."""
    for part, head in (await store.heads(Channel.PRIVATE)).items():
        await store.trim(Channel.PRIVATE, part, upto=head.pos, before=math.inf, limit=10_000)


async def filled(place: str, trim: bool = True, /, **pieces: int) -> None:
    """A market where these baskets were filled, with or without the beginning of its log."""
    async with market().connect(store=place) as app:
        for basket, some in pieces.items():
            await app.send(Fill(basket=basket, pieces=some))
        await app.ask(Pieces(basket=next(iter(pieces))), fresh=True)
        await app.ask(Heavy(pieces=1), fresh=True)
    if trim:
        async with opened(Places({"default": Secret(place)}), ["market"]) as stores:
            await trimmed(stores["market"])


class Writing:
    """Callers that fill baskets and leave, and what they have done."""

    def __init__(self, host: Host, random: Random, *, leaves: bool) -> None:
        self._host, self._random, self._leaves = host, random, leaves
        self.pieces, self.puts = Counter[str](), Counter[str]()

    async def write(self, commands: int) -> None:
        for _ in range(commands):
            basket, some = f"b{self._random.randrange(40)}", self._random.randrange(1, 9)
            if self._leaves and self._random.random() < 0.3:
                await self._host.send(Leave(basket=basket))
                del self.pieces[basket]
            else:
                await self._host.send(Fill(basket=basket, pieces=some))
                self.pieces[basket] += some
                self.puts[basket] += 1
            await asyncio.sleep(0)


@pytest.mark.parametrize(("name", "seed"), [(HELD, 1), (HELD, 2), ("market.Full", 3), ("market.Full", 4)])
async def test_what_is_recorded_meanwhile_is_folded_once(store: Store, name: str, seed: int) -> None:
    random, is_row = Random(seed), name != HELD
    host = Host(market().model(), {"market": store}, Ports())
    await host.start()
    try:
        writing = Writing(host, random, leaves=is_row)
        await writing.write(100)
        await host.ask(Pieces(basket="b1"), fresh=True)
        await host.ask(Heavy(pieces=1), fresh=True)
        await trimmed(store)
        steps = list[int]()
        work = Rebuild(host.model, name, {"market": store}, linger=60.0, ports=host.ports)
        building = asyncio.ensure_future(
            work.build(pause=0.0, page=random.choice((1, 2)), step=lambda done: steps.append(done.states))
        )
        await writing.write(150)
        await asyncio.wait([building], timeout=0.0)
        assert not building.done(), building.exception()
        await caught_up(store, name)
        building.cancel()
        with suppress(asyncio.CancelledError):
            await building
        assert len({*steps}) > 10, "it was taken in many chunks"
        if is_row:
            rows = await store.select_rows(Selection(FULL, ()), None, 1000)
            found = {id: msgspec.json.decode(body)["pieces"] for id, body in rows}
            assert found == dict(writing.pieces)
        else:
            documents = {id: msgspec.json.decode(body) for id, _, body in await store.page(f"{HELD}@2", None, 1000)}
            assert {id: each["pieces"] for id, each in documents.items()} == dict(writing.pieces)
            assert {id: each["puts"] for id, each in documents.items()} == dict(writing.puts)
    finally:
        await host.stop()


async def test_the_log_needs_no_beginning(place: str) -> None:
    await filled(place, b1=3, b2=4)
    done = await rebuilt(market(), place, HELD)
    assert (done.live, done.documents, done.before, done.states, done.all_states) == (2, 2, 2, 2, 2)
    async with market().connect(store=place) as app:
        assert await app.ask(Pieces(basket="b2")) == 4
        await app.send(Fill(basket="b2", pieces=5))
        assert await app.ask(Pieces(basket="b2"), fresh=True) == 9


async def test_states_without_any_messages_are_taken(place: str) -> None:
    """As in a context whose aggregates were adopted."""
    system = market()
    async with opened(Places({"default": Secret(place)}), ["market"]) as stores:
        body = b'{"id":"b1","pieces":7,"puts":2}'
        await stores["market"].commit(Unit([Change("market.Basket", "b1", 0, body)]))
    for name in (HELD, "market.Full"):
        assert (await rebuilt(system, place, name)).documents == 1
        assert (await rebuilt(system, place, name)).before == 1
    async with system.connect(store=place) as app:
        assert await app.ask(Pieces(basket="b1")) == 7
        await app.send(Fill(basket="b1", pieces=1))
        assert await app.ask(Heavy(pieces=8), fresh=True) == ["b1"]
    assert (await rebuilt(system, place, HELD)).differences == []


async def test_an_interrupted_rebuild_goes_on_after_the_chunk_that_it_has_taken(place: str) -> None:
    await filled(place, True, **{f"b{number}": number + 1 for number in range(9)})

    def stop(done: Rebuilt) -> None:
        if done.states == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rebuilt(market(), place, HELD, page=2, step=stop)
    async with opened(Places({"default": Secret(place)}), ["market"]) as stores:
        told = {each.name for each in await stores["market"].subscribers()}
        assert f"{HELD}@2" in told, "the log is kept for what it has still to follow"
    async with market().connect(store=place) as app:
        for basket in ("b1", "b8", "b81"):
            await app.send(Fill(basket=basket, pieces=10))
        await app.ask(Pieces(basket="b1"), fresh=True)
    steps = list[int]()

    def note(done: Rebuilt) -> None:
        steps.append(done.states)

    done = await rebuilt(market(), place, HELD, page=2, step=note)
    assert (done.version, done.documents, steps[0]) == (2, 10, 6)
    async with market().connect(store=place) as app:
        assert [await app.ask(Pieces(basket=f"b{each}")) for each in (1, 3, 8, 81)] == [12, 4, 19, 10]


@pytest.mark.parametrize("name", [HELD, "market.Full"])
async def test_a_version_that_was_interrupted_leaves_nothing(place: str, name: str) -> None:
    await filled(place, b1=1, b2=2, b3=3)

    def stop(done: Rebuilt) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rebuilt(market(), place, name, page=2, step=stop)
    model = market().model()
    assert (await rebuilt(market(), place, name, anew=True)).version == 3
    async with opened(Places({"default": Secret(place)}), ["market"]) as stores:
        store = stores["market"]
        assert await Rebuild(model, name, stores, linger=0.0).retire() == 2
        assert await store.page(f" base of {name}@2", None, 10) == []
        assert await store.page(f"{HELD}@2", None, 10) == []
        if name != HELD:
            assert await store.select_rows(Selection(FULL, ()), None, 10) == []


async def test_going_back_and_forth_keeps_what_was_recorded(place: str) -> None:
    await filled(place, b1=1)
    await rebuilt(market(), place, HELD)
    async with market().connect(store=place) as app:
        await app.send(Fill(basket="b1", pieces=10))
        assert await app.ask(Pieces(basket="b1"), fresh=True) == 11
    assert (await rebuilt(market(), place, HELD, back=True)).live == 1
    async with market().connect(store=place) as app:
        assert await app.ask(Pieces(basket="b1")) == 11


async def test_a_state_that_says_something_else_than_the_fold_is_found(place: str) -> None:
    await filled(place, False, b1=1, b2=2)
    await rebuilt(market(declared=False), place, HELD)

    def wrong(basket: Any, held: type[Any]) -> Any:
        return held(pieces=basket.pieces + (basket.id == "b2"), puts=basket.puts)

    with pytest.raises(CannotRebuild, match="version 3 is not as it should be: 'b2' differs"):
        await rebuilt(market(wrong), place, HELD)
    done = await rebuilt(market(), place, HELD)
    assert (done.live, done.differences) == (4, [])


async def test_a_function_that_fails_is_told_with_the_state(place: str) -> None:
    await filled(place, b1=1, b2=2)

    def heavy(basket: Any, held: type[Any]) -> Any:
        raise ValueError(f"{basket.pieces} are too many")

    with pytest.raises(CannotRebuild, match="held raised ValueError: 1 are too many for Basket 'b1'"):
        await rebuilt(market(heavy), place, HELD)
    with pytest.raises(CannotRebuild, match="held returned int for Basket 'b1'"):
        await rebuilt(market(lambda basket, _: basket.pieces), place, HELD)
    await rebuilt(market(lambda basket, held: held(pieces=9) if basket.id == "b2" else None), place, HELD)
    async with opened(Places({"default": Secret(place)}), ["market"]) as stores:
        assert [id for id, *_ in await stores["market"].page(f"{HELD}@4", None, 10)] == ["b2"]


class Overtaken(MemoryStore):
    """A store in which another process does something after each of the transactions that a rebuild has written."""

    def __init__(self, then: Callable[["Overtaken", int], Awaitable[None]]) -> None:
        super().__init__()
        self._then, self._built = then, 0

    async def commit(self, unit: Unit) -> None:
        await super().commit(unit)
        if any("@2" in each.kind for each in unit.changes):
            self._built += 1
            await self._then(self, self._built)

    async def fill(self, *baskets: str) -> None:
        for basket in baskets:
            state = b'{"id":"%s","pieces":1,"puts":1}' % basket.encode()
            put = b'{"basket":"%s","pieces":1}' % basket.encode()
            entry = Entry(Channel.PRIVATE, basket, uuid.uuid4().hex, "market.Put", 1, 1.0, "{}", put)
            await self.commit(Unit([Change("market.Basket", basket, 0, state)], entries=[entry]))

    async def change(self, change: Callable[[Versions], Versions]) -> None:
        expected, versions = await load_versions(self, HELD)
        await write_versions(self, HELD, expected, change(versions))


def begun(versions: Versions) -> Versions:
    return versions.begun("other code")


def gone_back(versions: Versions) -> Versions:
    return msgspec.structs.replace(versions, live=9, old=1)


@pytest.mark.parametrize("change", [begun, gone_back])
async def test_a_base_that_is_not_whole_is_not_followed(change: Callable[[Versions], Versions]) -> None:
    async def overtake(store: Overtaken, built: int) -> None:
        if built == 1:
            await store.fill("z1", "z2")
        if built == 2:
            await store.change(change)

    store = Overtaken(overtake)
    await store.fill(*(f"b{number}" for number in range(20)))
    work = Rebuild(market().model(), HELD, {"market": store}, linger=0.0)
    with pytest.raises(CannotRebuild, match="another process has changed the versions"):
        await work.build(pause=0.0, page=2)
    assert [id for id, *_ in await store.page(f"{HELD}@2", None, 100)] == ["b0", "b1", "b10", "b11"]
    _, (follow,) = read_model(market().model(), HELD)
    assert follow.projection.from_state is not None
    base = Base(store, in_version(follow, 2), follow.projection.from_state, lambda: 1.0)
    with pytest.raises(CannotRebuild, match="not all states were taken"):
        await base.feed(store)


@pytest.mark.parametrize("declared", [True, False])
async def test_a_switch_by_another_process_is_told(declared: bool) -> None:
    async def overtake(store: Overtaken, built: int) -> None:
        _, versions = await load_versions(store, HELD)
        if built == 1 and versions.live == 1:
            await store.change(lambda versions: versions.switched_to(2, 1.0))

    store = Overtaken(overtake)
    await store.fill("b1")
    done = await Rebuild(market(declared=declared).model(), HELD, {"market": store}, linger=0.0).build(pause=0.0)
    assert (done.version, done.live) == (2, 2)


async def test_without_a_declaration_the_error_names_it(place: str) -> None:
    await filled(place, b1=1)
    with pytest.raises(CannotRebuild, match=r"or declare with @market\.from_state") as refused:
        await rebuilt(market(declared=False), place, HELD)
    assert "the beginning of the log of market was deleted" in refused.value.what


def lighter(basket: Any, held: type[Any]) -> Any:
    return held(pieces=basket.pieces - 1)


def test_the_fingerprint_tells_what_it_is_built_from() -> None:
    def shape(*of: Any, **how: Any) -> str:
        return Rebuild(market(*of, **how).model(), HELD, {"market": MemoryStore()}).shape

    assert shape() == shape()
    assert shape() != shape(declared=False)
    assert shape() != shape(lighter)


class Moved(DomainEvent):
    parcel: str
    steps: int


class Move(Command[None]):
    parcel: str


def depot(each: int) -> System:
    """Parcels that are made of their events, by code that differs: a move has so many steps."""
    context = Context("depot")

    class Parcel(EventSourced[str, Moved]):
        steps: int = 0

        def evolve(self, event: Moved) -> None:
            self.steps += each * event.steps

    @context.project
    class Way(Projection[str, Moved]):
        steps: int = 0

        @staticmethod
        def key(event: Moved) -> str:
            return event.parcel

        def evolve(self, event: Moved) -> None:
            self.steps += each * event.steps

    @context.from_state(Way, Parcel)
    def way(parcel: Parcel) -> Way:
        return Way(steps=parcel.steps)

    @context.handle(Move)
    async def move(command: Move, parcels: Repository[Parcel]) -> None:
        (await parcels.obtain(command.parcel)).record(Moved(parcel=command.parcel, steps=1))

    return System("depot", contexts=[context])


async def test_states_that_are_made_of_events_are_those_of_the_present_code(place: str) -> None:
    async with depot(1).connect(store=place) as app:
        for _ in range(3):
            await app.send(Move(parcel="p1"))
    assert (await rebuilt(depot(7), place, "depot.Way")).states == 1
    async with opened(Places({"default": Secret(place)}), ["depot"]) as stores:
        assert await stores["depot"].load("depot.Way@2", "p1") == (1, b'{"steps":21}')


async def test_only_what_a_state_includes_is_passed_over() -> None:
    store = MemoryStore()
    _, (follow,) = read_model(market().model(), HELD)
    assert follow.projection.from_state is not None
    base = Base(store, follow, follow.projection.from_state, lambda: 1.0)

    async def write(basket: str, id: str, payload: bytes | None = None, type: str = "market.Put") -> None:
        said = payload or b'{"basket":"%s","pieces":1}' % basket.encode()
        await store.commit(Unit(entries=[Entry(Channel.PRIVATE, "k", id, type, 1, 1.0, "{}", said)]))

    for basket in ("a", "b"):
        await store.commit(Unit([Change("market.Basket", basket, 0, b'{"id":"%s"}' % basket.encode())]))
    await write("a", "before")
    taking = base.take(pause=0.0, page=1)
    assert await anext(taking) == 1
    for basket in ("a", "b", "c"):
        await write(basket, f"{basket} amid")
    await write("b", "malformed", b'{"basket":7}')
    await write("b", "of another kind", type="market.Washed")
    assert [taken async for taken in taking] == [2, 2]
    await write("b", "after")
    ((part, _),) = (await store.heads(Channel.PRIVATE)).items()
    assert (await store.checkpoints(follow.id))[part].id == "before"
    records = await (await base.feed(store)).read(part, 1, 100)
    assert [each.id for each in records] == ["a amid", "b amid", "c amid", "malformed", "of another kind", "after"]
    assert [each.id for each in records if each.type] == ["a amid", "malformed", "of another kind", "after"]
