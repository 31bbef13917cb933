"""The fold of a rebuild: many partitions change the same documents, and some of their units are not written."""

import asyncio
from collections.abc import Collection, Mapping

import pytest

from remit import Context, DomainEvent, Projection, Row, System
from remit.errors import Conflict, OutcomeUnknown, RemitError, StoreUnavailable
from remit.log import Channel, SubscriptionId
from remit.operations import CannotRebuild, Rebuild
from remit.runtime import Host, Ports
from remit.stores import Advance, Entry, Park, Store, Unit, row_table
from remit.stores.memory.store import MemoryStore
from tests.runtime.talk import LoopClock, on_virtual_time

LAST, PARTITIONS, WORDS = 3000, 8, 20


class Said(DomainEvent, key="who"):
    who: str
    word: str


class Words(Projection[str, Said]):
    """Documents that every partition writes."""

    count: int = 0

    @staticmethod
    def key(event: Said) -> str:
        return event.word

    def evolve(self, event: Said) -> None:
        self.count += 1


class WordRow(Row[str, Said], indexes=[("count",)]):
    """Rows that every partition writes, and that end with each seventh event."""

    count: int = 0

    @staticmethod
    def key(event: Said) -> str:
        return event.word

    def evolve(self, event: Said) -> None:
        self.count += 1
        if self.count == 7:
            self.remove()


class Failing(MemoryStore):
    """Writes slowly, and fails now and then: before it has written, or after it."""

    def __init__(self, failures: Mapping[int, type[RemitError]]) -> None:
        super().__init__(partitions=PARTITIONS)
        self._failures = failures
        self.commits = self.conflicts = self.loads = self.loads_before = 0

    async def commit(self, unit: Unit) -> None:
        if unit.advance is None or "@" not in unit.advance.subscription.name:
            await super().commit(unit)
            return
        for _ in range(5):
            await asyncio.sleep(0)
        self.commits += 1
        self.loads_before = self.loads
        failure = self._failures.get(self.commits)
        if failure is StoreUnavailable:
            raise failure("away", where="here")
        try:
            await super().commit(unit)
        except Conflict:
            self.conflicts += 1
            raise
        if failure is not None:
            raise failure("nobody knows", where="here")

    async def load_all(self, kind: str, ids: Collection[str]) -> Mapping[str, tuple[int, bytes]]:
        self.loads += "@" in kind
        return await super().load_all(kind, ids)


def talk(model: type[Projection[str, Said]]) -> System:
    context = Context("talk")
    context.project(model)
    return System("talk", contexts=[context])


async def filled(store: Failing) -> None:
    await store.open()
    entries: list[Entry] = []
    for number in range(LAST):
        who, word = f"k{number % 100}", f"w{number % WORDS}"
        payload = f'{{"who":"{who}","word":"{word}"}}'.encode()
        entries.append(Entry(Channel.PRIVATE, who, f"m{number}", "talk.Said", 1, 1.7e9, "{}", payload))
    await store.commit(Unit(entries=entries))


async def rebuilt(store: Store, model: type[Projection[str, Said]], pause: float) -> None:
    host = Host(talk(model).model(), {"talk": store}, Ports())
    await host.start()  # makes the tables
    await host.stop()
    await Rebuild(talk(model).model(), f"talk.{model.__name__}", {"talk": store}, linger=0.0).build(
        pause=pause, page=40, changed=True
    )


FAILURES: dict[int, type[RemitError]] = {3: StoreUnavailable, 11: OutcomeUnknown, 30: StoreUnavailable}


@pytest.mark.parametrize("pause", [0.0, 0.01])
@pytest.mark.parametrize("failures", [{}, FAILURES])
async def test_each_event_is_folded_once(failures: dict[int, type[RemitError]], pause: float) -> None:
    store = Failing(failures)
    await filled(store)
    await rebuilt(store, Words, pause)
    found = await store.load_all("talk.Words@2", [f"w{number}" for number in range(WORDS)])
    assert {row[1] for row in found.values()} == {b'{"count":%d}' % (LAST // WORDS)}
    assert store.conflicts <= 1, "the partitions take turns; only what may have been written is tried again"
    assert bool(failures) == bool(store.loads_before), "a version that has nothing loads nothing"


async def test_rows_that_end_and_begin_again_are_folded_once() -> None:
    store = Failing(FAILURES)
    await filled(store)
    await rebuilt(store, WordRow, 0.0)
    table = row_table("WordRow", 2, ["count"], [("count",)])
    found = await store.load_rows(table, [f"w{number}" for number in range(WORDS)])
    assert {row[1] for row in found.values()} == {b'{"count":%d}' % (LAST // WORDS % 7)}


BAD = 30
"""More keys than are parked within a minute, unless they are parked in the live version."""


class Picky(Projection[str, Said]):
    """It fails for some keys."""

    count: int = 0

    @staticmethod
    def key(event: Said) -> str:
        return event.who

    def evolve(self, event: Said) -> None:
        if int(event.who[1:]) < BAD:
            raise ValueError(event.who)
        self.count += 1


async def picky(store: Failing, parked: int) -> Rebuild:
    """The rebuild of a model whose live version has parked so many of the keys that fail."""
    await filled(store)
    host = Host(talk(Picky).model(), {"talk": store}, Ports(LoopClock()))
    live, model = SubscriptionId("talk.Picky", "talk", Channel.PRIVATE), talk(Picky).model()
    for part in range(PARTITIONS):
        records = await store.read(Channel.PRIVATE, part, 0, LAST)
        bad = [each for each in records if int(each.key[1:]) < parked]
        for n, each in enumerate(bad):
            fails = "" if any(each.key == other.key for other in bad[:n]) else "ValueError"
            await store.commit(Unit(parks=[Park(live, each.key, each, 1.7e9, fails, 1e11)]))
        advance = Advance(live, part, 0, "", records[-1].pos, records[-1].id, 1.7e9)
        await store.commit(Unit(advance=advance))
    assert await store.count_parked(live) == parked
    return Rebuild(model, "talk.Picky", {"talk": store}, linger=0.0, ports=host.ports)


@on_virtual_time
async def test_keys_that_the_live_version_has_parked_are_no_storm() -> None:
    work = await picky(store := Failing({}), BAD)
    for number in (2, 3):
        done = await work.build(pause=0.0, changed=True, anew=True)
        assert done.live == number
        parked = await store.count_parked(SubscriptionId(f"talk.Picky@{number}", "talk", Channel.PRIVATE))
        assert parked == BAD


@on_virtual_time
async def test_keys_that_only_the_new_version_parks_are_a_storm() -> None:
    work = await picky(Failing({}), 5)
    with pytest.raises(CannotRebuild, match="the new version cannot go on: storm: many keys failed within a minute"):
        await work.build(pause=0.0, changed=True)
