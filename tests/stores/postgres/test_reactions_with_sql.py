"""Reactions that keep a table: several messages share a transaction, and one that fails parks its key only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from remit import Command, Context, DomainEvent, Events, Sender, Sql, System

Connection = Any  # asyncpg.Connection takes its parameter in stubs only
MANY = 300


class Added(DomainEvent, key="account"):
    account: str
    cents: int


class Add(Command[None]):
    entries: list[Added]


class Read(Command[list[str]]):
    account: str


books = Context("books")


@books.handle(Read)
async def read(command: Read, sql: Sql) -> list[str]:
    return [*(await sql.fetch("SELECT * FROM entry WHERE account = $1", command.account))[0]]


@books.handle(Add)
async def add(command: Add, events: Events[Added]) -> None:
    for each in command.entries:
        events.publish(each)


@books.react(Added)
async def keep(event: Added, sql: Sql) -> None:
    written = await sql.fetch("INSERT INTO entry VALUES ($1, $2) RETURNING *", event.account, event.cents)
    assert written[0]["cents"] == event.cents
    assert await sql.execute("UPDATE entry SET cents = cents + 1 WHERE account = $1 AND cents < $2", "none", 1) == 0


class Entries:
    """The users' own table, seen from outside."""

    def __init__(self, connection: Connection, schema: str) -> None:
        self.connection, self._schema = connection, schema

    async def run(self, sql: str) -> list[Any]:
        await self.connection.execute(f"SET search_path = {self._schema}")
        return list(await self.connection.fetch(sql))

    async def until_there_are(self, count: int) -> None:
        while (await self.run("SELECT count(*) FROM entry"))[0][0] < count:
            pass


@pytest.fixture
async def entries(connection: Connection, schema: str) -> Entries:
    await connection.execute(f"""
        CREATE SCHEMA {schema}; CREATE TABLE {schema}.entry (
            account text, cents int CHECK (cents <> 13), transaction xid8 DEFAULT pg_current_xact_id()
        )
    """)
    return Entries(connection, schema)


@pytest.fixture
async def app(entries: Entries, address: str) -> AsyncIterator[Sender]:
    async with System("books", contexts=[books]).connect(store=address) as app:
        yield app


async def test_many_messages_share_a_transaction(app: Sender, entries: Entries) -> None:
    await app.send(Add(entries=[Added(account="ada", cents=100 + number) for number in range(MANY)]))
    await entries.until_there_are(MANY)
    ((transactions, total),) = await entries.run("SELECT count(DISTINCT transaction::text), sum(cents) FROM entry")
    assert transactions <= MANY / 10
    assert total == sum(range(100, 100 + MANY))


async def test_a_message_that_fails_parks_its_key_and_takes_no_other_with_it(app: Sender, entries: Entries) -> None:
    some = [Added(account=f"a{number % 5}", cents=13 if number == 57 else 100) for number in range(100)]
    await app.send(Add(entries=some))
    others = sum(number % 5 != 2 or number < 57 for number in range(100))
    await entries.until_there_are(others)
    while [key for (key,) in await entries.run("SELECT key FROM remit_parked")] != ["a2"]:
        pass
    rows = await entries.run("SELECT account, count(*) FROM entry GROUP BY account ORDER BY account")
    assert [tuple(row) for row in rows] == [("a0", 20), ("a1", 20), ("a2", 11), ("a3", 20), ("a4", 20)]


async def test_a_table_that_was_altered_meanwhile_is_written_on(app: Sender, entries: Entries) -> None:
    await app.send(Add(entries=[Added(account="ada", cents=100)]))
    await entries.until_there_are(1)
    assert await app.send(Read(account="ada")) == ["account", "cents", "transaction"]
    await entries.run("ALTER TABLE entry ALTER cents TYPE bigint")
    await entries.run("ALTER TABLE entry ADD note text")
    assert await app.send(Read(account="ada")) == ["account", "cents", "transaction", "note"]
    await app.send(Add(entries=[Added(account="ada", cents=100)]))
    await entries.until_there_are(2)
    assert await entries.run("SELECT 1 FROM remit_parked") == []
