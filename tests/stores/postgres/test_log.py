"""Readers of the log miss nothing, whatever the order in which transactions begin, append and commit.

The transactions here are held open between appending and committing, as a slow server would hold them.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from remit.log import Channel
from remit.stores import Entry, Unit, partition_of
from remit.stores.postgres.columns import call_for
from remit.stores.postgres.store import PostgresStore
from tests.stores.postgres.waiting import waits

Connection = Any  # asyncpg.Connection takes its parameter in stubs only

PARTITIONS = 2
FUNCTIONS = ("remit_commit_one", "remit_commit")
"""What writes a unit that is alone, and what writes several."""


def message(name: str, key: str = "k") -> Entry:
    return Entry(Channel.PRIVATE, key, name, "billing.Settled", 1, 1.0, "{}", b"{}")


class Reader:
    """Reads on from where it stands, as a subscription does."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store
        self._at = dict.fromkeys(range(PARTITIONS), 0)
        self.seen: list[str] = []
        self.by_key: dict[str, list[str]] = {}

    async def read(self) -> None:
        for part, at in self._at.items():
            for record in await self._store.read(Channel.PRIVATE, part, at, 1000):
                self._at[part] = record.pos
                self.seen.append(record.id)
                self.by_key.setdefault(record.key, []).append(record.id)


class Writer:
    """A transaction that is told when to append and when to end."""

    def __init__(self, connection: Connection, server: str, function: str) -> None:
        self.connection = connection
        self._server = server
        self._function = function

    async def begin(self, *, writing: bool = False) -> None:
        """`writing` gives the transaction its number now, before all that begin later."""
        await self.connection.execute("BEGIN")
        if writing:
            await self.connection.execute("SELECT pg_current_xact_id()")

    async def append(self, *entries: Entry) -> None:
        units = [Unit(entries=entries)] if self._function == "remit_commit_one" else [Unit(entries=entries), Unit()]
        call = call_for(units, PARTITIONS)
        assert f" {self._function}(" in call.statement
        await self.connection.fetchrow(call.statement, *call.values)

    async def commit(self) -> None:
        await self.connection.execute("COMMIT")

    async def waits(self, task: asyncio.Task[None]) -> bool:
        """Whether it waits for a lock; False when it has appended."""
        return await waits(self._server, task)

    @classmethod
    async def open(cls, server: str, schema: str, function: str) -> Writer:
        writer = cls(await asyncpg.connect(server), server, function)
        await writer.connection.execute(f"SET search_path TO {schema}, pg_temp")
        return writer


Story = Callable[[Reader, Writer, Writer], Awaitable[None]]


async def the_lower_position_commits_later(reader: Reader, first: Writer, second: Writer) -> None:
    await first.begin()
    await first.append(message("1"))
    await second.begin()
    appending = asyncio.create_task(second.append(message("2")))
    if not await second.waits(appending):
        await second.commit()
    await reader.read()
    await first.commit()
    await appending
    if second.connection.is_in_transaction():
        await second.commit()


async def the_older_transaction_takes_the_higher_position(reader: Reader, first: Writer, second: Writer) -> None:
    await first.begin(writing=True)
    await second.begin()
    await second.append(message("1"))
    await second.commit()
    await reader.read()
    await first.append(message("2"))
    await first.commit()


async def the_older_transaction_appends_second(reader: Reader, first: Writer, second: Writer) -> None:
    await first.begin(writing=True)
    await second.begin()
    await second.append(message("1"))
    appending = asyncio.create_task(first.append(message("2")))
    if not await first.waits(appending):
        await first.commit()
    await reader.read()
    await second.commit()
    await appending
    if first.connection.is_in_transaction():
        await first.commit()


STORIES: list[Story] = [
    the_lower_position_commits_later,
    the_older_transaction_takes_the_higher_position,
    the_older_transaction_appends_second,
]


@pytest.fixture
async def store(address: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(address, "billing", partitions=PARTITIONS)
    await store.open()
    yield store
    await store.close()


@pytest.fixture(params=FUNCTIONS)
def function(request: pytest.FixtureRequest) -> str:
    function: str = request.param
    return function


@pytest.fixture
async def writers(store: PostgresStore, server: str, schema: str, function: str) -> AsyncIterator[list[Writer]]:
    writers = [await Writer.open(server, schema, function) for _ in range(2)]
    yield writers
    for writer in writers:
        await writer.connection.close()


async def play(story: Story, store: PostgresStore, writers: list[Writer]) -> None:
    """Plays it to readers that read all along; fails if one of them misses a message or takes one out of turn."""
    reader = Reader(store)
    await story(reader, *writers)
    await reader.read()
    assert reader.seen == ["1", "2"]


@pytest.mark.parametrize("story", STORIES)
async def test_nothing_is_missed(store: PostgresStore, writers: list[Writer], story: Story) -> None:
    await play(story, store, writers)


LOCK = r"pg_advisory_xact_lock\('remit_log'::regclass::oid::int, (.+?)\)"
HEAD = r"FROM remit_log h(\s+WHERE .+? ORDER BY h.pos DESC LIMIT 1)"
MUTANTS = {
    "positions without a lock": [(LOCK, r"\1")],
    "positions from a sequence": [(LOCK, r"\1"), (HEAD, "FROM (SELECT nextval('mutant') - 1 AS pos, '' AS id) h")],
    "a head read by the statement that takes the lock": [
        (LOCK, r"\1"),
        (HEAD, r"FROM (SELECT pg_advisory_xact_lock(1, 0) OFFSET 0) x, remit_log h\1"),
    ],
}


@pytest.mark.parametrize("mutant", MUTANTS)
async def test_the_stories_notice_a_missing_lock(
    store: PostgresStore, writers: list[Writer], connection: Connection, schema: str, function: str, mutant: str
) -> None:
    """Each way of doing without it fails the two stories in which both write at a time."""
    source = await connection.fetchval(f"SELECT pg_get_functiondef('{schema}.{function}'::regproc)")
    await connection.execute(f"CREATE SEQUENCE {schema}.mutant")
    for old, new in MUTANTS[mutant]:
        source, found = re.subn(old, new, source)
        assert found == 1, "the function is as the mutants expect it"
    await connection.execute(source)
    failures = 0
    for story in STORIES:
        await connection.execute(f"TRUNCATE {schema}.remit_log; ALTER SEQUENCE {schema}.mutant RESTART")
        try:
            await play(story, store, writers)
        except (AssertionError, asyncpg.UniqueViolationError):
            failures += 1
        for writer in writers:
            await writer.connection.execute("ROLLBACK")
    assert failures == 2


async def test_a_storm_of_writers_loses_nothing(store: PostgresStore, server: str, schema: str, function: str) -> None:
    """Writers that dawdle, roll back and mix keys, one of them for long; readers that never stop."""
    chance = random.Random(5)
    written: list[list[str]] = []
    done = asyncio.Event()

    async def write(number: int) -> None:
        writer = await Writer.open(server, schema, function)
        for turn in range(3 if number == 0 else 15):
            names = [f"{number}.{turn}.{key}" for key in chance.sample("abcdef", chance.randint(1, 3))]
            await writer.begin(writing=chance.random() < 0.5)
            await asyncio.sleep(chance.random() * (0.2 if number == 0 else 0.01))
            await writer.append(*[message(name, key=name[-1]) for name in names])
            await asyncio.sleep(chance.random() * (0.2 if number == 0 else 0.005))
            if chance.random() < 0.2:
                await writer.connection.execute("ROLLBACK")
            else:
                written.append(names)
                await writer.commit()
        await writer.connection.close()

    readers = [Reader(store) for _ in range(2)]

    async def read(reader: Reader) -> None:
        while not done.is_set():
            await reader.read()
        await reader.read()

    reading = [asyncio.create_task(read(reader)) for reader in readers]
    await asyncio.gather(*[write(number) for number in range(8)])
    done.set()
    await asyncio.gather(*reading)
    expected = sorted(name for names in written for name in names)
    for reader in readers:
        assert sorted(reader.seen) == expected, "everything that was committed is seen, and once"
    assert readers[0].by_key == readers[1].by_key, "and in the same order"
    for key, names in readers[0].by_key.items():
        for number in range(8):
            mine = [int(name.split(".")[1]) for name in names if name.startswith(f"{number}.")]
            assert mine == sorted(mine), f"what one writer wrote for {key} comes in the order of its commits"


async def test_positions_go_on_after_everything_was_deleted(
    store: PostgresStore, connection: Connection, schema: str
) -> None:
    await store.commit(Unit(entries=[message("1"), message("2")]))
    part = partition_of("k", PARTITIONS)
    await connection.execute(
        f"INSERT INTO {schema}.remit_floor SELECT channel, part, pos, id, at FROM {schema}.remit_log WHERE pos = 2"
    )
    await connection.execute(f"DELETE FROM {schema}.remit_log")
    assert dict(await store.heads(Channel.PRIVATE)) == {part: (2, 1.0)}
    await store.commit(Unit(entries=[message("3")]))
    (record,) = await store.read(Channel.PRIVATE, part, 0, 10)
    assert (record.pos, record.prev) == (3, "2")
