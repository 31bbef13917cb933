"""Projections that are far behind: they are folded in large batches, and everything else holds as for small ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager

import pytest

from remit import Command, Context, DomainEvent, Events, IntegrationEvent, Projection, System
from remit.log import Channel, MessageRecord, SubscriptionId
from remit.runtime import Host, Ports
from remit.runtime.following import folding
from remit.runtime.following.handling import BATCH, MOST, MOST_BYTES, _most
from remit.runtime.work.folding import Slices
from remit.stores import Change, Entry, Unit
from remit.stores.memory.store import MemoryStore
from tests.runtime.talk import until

ID = SubscriptionId("talk.Words", "talk", Channel.PRIVATE)
LAST = 3000
KEYS = 20


class Said(DomainEvent, key="who"):
    who: str
    word: str


class Words(Projection[str, Said]):
    count: int = 0
    last: str = ""

    @staticmethod
    def key(event: Said) -> str:
        return event.who

    def evolve(self, event: Said) -> None:
        if event.word == "bad":
            raise ValueError("a bad word")
        self.count, self.last = self.count + 1, event.word


class All(Projection[str, Said]):
    """One document that every partition writes."""

    count: int = 0

    @staticmethod
    def key(event: Said) -> str:
        return "all"

    def evolve(self, event: Said) -> None:
        self.count += 1


class Shared(Projection[str, Said]):
    """Documents that every partition writes."""

    count: int = 0

    @staticmethod
    def key(event: Said) -> str:
        return event.word

    def evolve(self, event: Said) -> None:
        self.count += 1


class Left(IntegrationEvent, version=1, key="who"):
    who: str
    doc: str


class Right(IntegrationEvent, version=1, key="who"):
    who: str
    doc: str


class Both(Projection[str, Left | Right]):
    """Documents that every partition of two sources writes."""

    count: int = 0

    @staticmethod
    def key(event: Left | Right) -> str:
        return event.doc

    def evolve(self, event: Left | Right) -> None:
        self.count += 1


class Over(Slices):
    """A time that is up after some messages were decoded or folded."""

    left = 0

    def __init__(self, seconds: float) -> None:
        super().__init__(-1.0)
        self.left = Over.left

    async def is_over(self) -> bool:
        self.left -= 1
        return self.left < 0


class Counting(MemoryStore):
    """Counts what a projection costs."""

    sources = frozenset({"talk"})

    moves = conflicts = loads = single_loads = repeatable = 0

    async def commit(self, unit: Unit) -> None:
        of_projection = unit.advance is not None and unit.advance.subscription.source in self.sources
        self.repeatable += unit.repeatable
        await asyncio.sleep(0)
        try:
            await super().commit(unit)
        except Exception:
            self.conflicts += of_projection
            raise
        self.moves += of_projection

    async def load(self, kind: str, id: str) -> tuple[int, bytes] | None:
        self.single_loads += kind.startswith("talk.")
        return await super().load(kind, id)

    async def load_all(self, kind: str, ids: Collection[str]) -> Mapping[str, tuple[int, bytes]]:
        self.loads += 1
        return await super().load_all(kind, ids)


def entry(number: int, word: str = "w", who: str = "") -> Entry:
    payload = f'{{"who":"{who or f"k{number % KEYS}"}","word":"{word}"}}'.encode()
    return Entry(Channel.PRIVATE, who or f"k{number % KEYS}", f"m{number}", "talk.Said", 1, 1.7e9, "{}", payload)


@asynccontextmanager
async def following(store: MemoryStore, model: type[Projection[str, Said]]) -> AsyncGenerator[Host]:
    talk = Context("talk")
    talk.project(model)
    host = Host(System("talk", contexts=[talk]).model(), {"talk": store}, Ports())
    await host.start()
    try:
        yield host
    finally:
        await host.stop()


async def filled(partitions: int, entries: list[Entry]) -> Counting:
    store = Counting(partitions=partitions)
    await store.open()
    await store.commit(Unit(entries=entries))
    return store


async def reached(store: MemoryStore, id: SubscriptionId, pos: int) -> None:
    async def total() -> int:
        return sum(place.pos for place in (await store.checkpoints(id)).values())

    async with asyncio.timeout(20):
        while await total() < pos:  # noqa: ASYNC110  # a store tells nobody
            await asyncio.sleep(0)


async def test_a_model_far_behind_is_folded_in_growing_batches_with_one_load_each() -> None:
    store = await filled(1, [entry(number) for number in range(LAST)])
    async with following(store, Words):
        await reached(store, ID, LAST)
        assert store.moves <= 8, "100, 200, 400, 800, 1000, 500 messages"
        assert store.loads == store.moves
        assert not store.single_loads
        assert store.repeatable == store.moves, "all of it follows from the log of this store"
        found = await store.load_all("talk.Words", [f"k{number}" for number in range(KEYS)])
        assert [row[1] for row in found.values()] == [b'{"count":150,"last":"w"}'] * KEYS
        assert max(row[0] for row in found.values()) <= store.moves, "a document is written once in a batch"


async def test_a_failure_in_a_large_batch_parks_its_key_only() -> None:
    words = ["bad" if number == 1234 else "w" for number in range(LAST)]
    store = await filled(1, [entry(number, word) for number, word in enumerate(words)])
    async with following(store, Words):
        await reached(store, ID, LAST)
        (parked,) = await store.parked()
        assert store.repeatable < store.moves, "a letter is no copy of what the log says"
        assert (parked.key, parked.letters) == (f"k{1234 % KEYS}", len(range(1234, LAST, KEYS)))
        found = await store.load_all("talk.Words", ["k0", parked.key])
        assert found["k0"][1] == b'{"count":150,"last":"w"}'
        assert found[parked.key][1] == b'{"count":%d,"last":"w"}' % len(range(1234 % KEYS, 1234, KEYS))


@pytest.mark.parametrize("left", [0, 30, 100, 150])
async def test_what_there_was_no_time_for_is_folded_next(left: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether decoding or folding takes too long."""
    monkeypatch.setattr(Over, "left", left)
    monkeypatch.setattr(folding, "Slices", Over)
    store = await filled(1, [entry(number) for number in range(300)])
    async with following(store, Words):
        await reached(store, ID, 300)
        found = await store.load_all("talk.Words", [f"k{number}" for number in range(KEYS)])
        assert [row[1] for row in found.values()] == [b'{"count":15,"last":"w"}'] * KEYS


async def test_a_document_that_cannot_be_read_parks_its_key_only() -> None:
    store = await filled(1, [entry(number) for number in range(200)])
    await store.commit(Unit([Change("talk.Words", "k7", 0, b'{"count":"many"}')]))
    async with following(store, Words):
        await reached(store, ID, 200)
        assert [each.key for each in await store.parked()] == ["k7"]
        assert (await store.load_all("talk.Words", ["k6"]))["k6"][1] == b'{"count":10,"last":"w"}'


async def test_a_document_of_all_partitions_takes_them_in_turns() -> None:
    entries = [entry(number, who=f"k{number}") for number in range(LAST)]
    store = await filled(8, entries)
    async with following(store, All):
        await reached(store, ID._replace(name="talk.All"), LAST)
        found = await store.load("talk.All", "all")
        assert found is not None
        assert found[1] == b'{"count":%d}' % LAST
        assert store.conflicts <= 16, "each partition conflicts once or twice, and then they take turns"
        assert store.moves < LAST / 10


async def test_partitions_that_write_the_same_documents_take_turns() -> None:
    entries = [entry(number, who=f"k{number}", word=f"w{number % 50}") for number in range(LAST)]
    store = await filled(8, entries)
    async with following(store, Shared):
        await reached(store, ID._replace(name="talk.Shared"), LAST)
        found = await store.load_all("talk.Shared", [f"w{number}" for number in range(50)])
        assert {row[1] for row in found.values()} == {b'{"count":%d}' % (LAST // 50)}
        assert store.conflicts <= 16
        assert store.moves < 60, "in batches"


class GoLeft(Command[None]): ...


class GoRight(Command[None]): ...


def two_sources() -> list[Context]:
    left, right = Context("left"), Context("right")

    @left.handle(GoLeft)
    async def go_left(command: GoLeft, events: Events[Left]) -> None: ...

    @right.handle(GoRight)
    async def go_right(command: GoRight, events: Events[Right]) -> None: ...

    return [left, right]


async def test_two_sources_that_write_the_same_documents_take_turns() -> None:
    model, stores = Context("m"), {"m": await filled(8, [])}
    stores["m"].sources = frozenset({"left", "right"})
    model.project(Both)
    for name, event in (("left", Left), ("right", Right)):
        made = [
            Entry(
                Channel.PUBLISHED, f"k{number}", f"{name}{number}", f"{name}.{event.__name__}", 1, 1.7e9, "{}",
                b'{"who":"k%d","doc":"d%d"}' % (number, number % 6),
            )
            for number in range(LAST // 2)
        ]  # fmt: skip
        stores[name] = await filled(8, made)
    host = Host(System("two", contexts=[model, *two_sources()]).model(), stores, Ports())
    await host.start()
    try:
        for name in ("left", "right"):
            await reached(stores["m"], SubscriptionId("m.Both", name, Channel.PUBLISHED), LAST // 2)
    finally:
        await host.stop()
    found = await stores["m"].load_all("m.Both", [f"d{number}" for number in range(6)])
    assert {row[1] for row in found.values()} == {b'{"count":%d}' % (LAST // 6)}
    assert stores["m"].conflicts <= 32, "the partitions of both sources wait for one turn"
    assert stores["m"].moves < 90, "in batches"


async def test_new_messages_are_folded_as_they_come() -> None:
    store = await filled(1, [entry(0)])
    async with following(store, Words):
        await reached(store, ID, 1)
        for number in range(1, 4):
            before = store.moves
            await store.commit(Unit(entries=[entry(number)]))
            await until(lambda: store.moves > before)  # noqa: B023  # waited for within this round
        assert store.moves == 4


@pytest.mark.parametrize(
    ("most", "sizes", "done", "next"),
    [
        (BATCH, [10] * BATCH, BATCH, 2 * BATCH),
        (MOST, [10] * MOST, MOST, MOST),
        (400, [10] * 399, 399, 400),
        (400, [10] * 400, 150, 150),
        (400, [10] * 400, 1, BATCH),
        (400, [MOST_BYTES // 400] * 400, 400, 400),
        (400, [MOST_BYTES // 100] * 400, 400, 200),
        (BATCH, [MOST_BYTES] * BATCH, BATCH, BATCH),
    ],
)
def test_the_size_of_batches_follows_what_the_last_one_was(most: int, sizes: list[int], done: int, next: int) -> None:
    some = bytes(max(sizes))
    records = [
        MessageRecord(0, pos, "", "", "", "", 1, 0.0, "{}", memoryview(some)[:size])  # type: ignore[arg-type]  # only its length counts
        for pos, size in enumerate(sizes, 1)
    ]
    assert _most(most, records, records[done - 1]) == next
