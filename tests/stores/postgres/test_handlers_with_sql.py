"""Handlers that ask for `Sql`: their statements are written with the unit of work, or not."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    IntegrationEvent,
    Later,
    Query,
    Refusal,
    Repository,
    Sender,
    Sql,
    System,
    Value,
)
from remit.cli.program import execute
from remit.errors import ConstraintViolated, DeadlineExceeded, HandlerFailed, ModelError, SqlError
from remit.hosting.assembly import assemble
from remit.stores import Store
from remit.stores.memory import MEMORY
from remit.stores.memory.store import MemoryStore

Connection = Any  # asyncpg.Connection takes its parameter in stubs only


class Taken(Refusal):
    number: int


class Issue(Command[int, Taken]):
    account: str
    number: int


class Broken(Command[None]):
    number: int


class Nap(Command[None]): ...


class Void(Command[None, Taken]):
    number: int


class VoidLater(Command[None]):
    number: int


class Line(Value):
    number: int
    account: str


class Lines(Query[list[Line]]): ...


class Peek(Query[None]): ...


class Issued(DomainEvent):
    account: str
    number: int


class InvoiceIssued(IntegrationEvent, version=1, key="account"):
    account: str
    number: int


class Account(Aggregate[str, Issued]):
    issued: int = 0

    def issue(self, number: int) -> None:
        self.issued += 1
        self.record(Issued(account=self.id, number=number))


billing, mail = Context("billing"), Context("mail")


@billing.handle(Issue)
async def issue(command: Issue, accounts: Repository[Account], sql: Sql) -> int:
    account = await accounts.obtain(command.account)
    try:
        await sql.execute("INSERT INTO invoice VALUES ($1, $2)", command.number, command.account)
    except ConstraintViolated:
        raise Taken(number=command.number) from None
    account.issue(command.number)
    return account.issued


@billing.react(Issued, together=True)
async def note(event: Issued, sql: Sql) -> None:
    await sql.execute("INSERT INTO noted VALUES ($1)", event.number)


@billing.handle(Broken)
async def broken(command: Broken, sql: Sql) -> None:
    await sql.execute("INSERT INTO invoice VALUES ($1, 'x')", command.number)
    await sql.execute("INSERT INTO invoice VALUES ($1, 'x')", command.number)


@billing.handle(Nap)
async def nap(command: Nap, sql: Sql) -> None:
    await sql.execute("INSERT INTO invoice VALUES (1, 'nap')")
    await sql.fetch("SELECT pg_sleep(60)")


@billing.handle(VoidLater)
async def void_later(command: VoidLater, later: Later[Void]) -> None:
    later.send(Void(number=command.number))


@billing.handle(Void)
async def void(command: Void, sql: Sql) -> None:
    if not await sql.execute("DELETE FROM invoice WHERE number = $1", command.number):
        await sql.execute("INSERT INTO noted VALUES (-1)")
        raise Taken(number=command.number)


@billing.answer(Lines)
async def lines(query: Lines, sql: Sql) -> list[Line]:
    rows = await sql.fetch("SELECT number, account FROM invoice ORDER BY number")
    return [Line(number=row["number"], account=row["account"]) for row in rows]


@billing.answer(Peek)
async def peek(query: Peek, sql: Sql) -> None:
    await sql.execute("INSERT INTO invoice VALUES (99, 'peek')")


@billing.publish(Issued)
def issued(event: Issued) -> InvoiceIssued:
    return InvoiceIssued(account=event.account, number=event.number)


@mail.react(InvoiceIssued)
async def tell(event: InvoiceIssued, sql: Sql) -> None:
    await sql.execute("INSERT INTO letter VALUES ($1)", event.number)


shop = System("shop", contexts=[billing, mail])


class Tables:
    """The users' own tables, seen from outside."""

    def __init__(self, connection: Connection, schema: str) -> None:
        self._connection = connection
        self._schema = schema

    async def numbers(self, table: str, context: str = "billing") -> list[int]:
        rows = await self._connection.fetch(f"SELECT number FROM {self._schema}_{context}.{table} ORDER BY number")
        return [row[0] for row in rows]

    async def parked(self) -> list[tuple[str, str]]:
        return [
            tuple(row)
            for row in await self._connection.fetch(f"SELECT key, error FROM {self._schema}_mail.remit_parked")
        ]


@pytest.fixture
async def tables(connection: Connection, schema: str) -> AsyncIterator[Tables]:
    await connection.execute(f"""
        CREATE SCHEMA {schema}_billing; CREATE SCHEMA {schema}_mail;
        CREATE TABLE {schema}_billing.invoice (number int PRIMARY KEY, account text);
        CREATE TABLE {schema}_billing.noted (number int);
        CREATE TABLE {schema}_mail.letter (number int CONSTRAINT lucky CHECK (number <> 13));
    """)
    yield Tables(connection, schema)
    await connection.execute(f"DROP SCHEMA {schema}_billing CASCADE; DROP SCHEMA {schema}_mail CASCADE")


@pytest.fixture
async def app(tables: Tables, server: str, schema: str) -> AsyncIterator[Sender]:
    async with shop.connect(store=f"{server}?schema={schema}_{{context}}") as app:
        yield app


async def letters(tables: Tables, count: int) -> list[int]:
    """What the reaction has written, as soon as it is so much."""
    found: list[int] = []
    while len(found) < count:
        found = await tables.numbers("letter", "mail")
    return found


async def test_a_command_writes_its_aggregate_its_events_and_its_rows(app: Sender, tables: Tables) -> None:
    assert await app.send(Issue(account="ada", number=1), key="first") == 1
    assert await app.send(Issue(account="ada", number=1), key="first") == 1
    assert await app.send(Issue(account="ada", number=2)) == 2
    assert await tables.numbers("invoice") == [1, 2]
    assert await tables.numbers("noted") == [1, 2], "a reaction with together shares the transaction"
    assert await letters(tables, 2) == [1, 2]
    assert await app.ask(Lines()) == [Line(number=1, account="ada"), Line(number=2, account="ada")]


async def test_a_refusal_takes_the_rows_back_and_is_kept(app: Sender, tables: Tables) -> None:
    await app.send(Issue(account="ada", number=1))
    for _ in range(2):
        assert str(await app.attempt(Issue(account="bob", number=1), key="again")) == "Taken(number=1)"
    assert await tables.numbers("noted") == [1]


async def test_writers_of_one_aggregate_run_again_with_their_rows(app: Sender, tables: Tables) -> None:
    await asyncio.gather(*(app.send(Issue(account="ada", number=number)) for number in range(1, 13)))
    assert await tables.numbers("invoice") == list(range(1, 13))
    assert await app.send(Issue(account="ada", number=14)) == 13
    assert await letters(tables, 13) == [*range(1, 13), 14]


async def test_a_broken_constraint_fails_the_command_and_the_log_says_which(
    app: Sender, tables: Tables, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(HandlerFailed):
        await app.send(Broken(number=5))
    assert 'violates unique constraint "invoice_pkey"' in caplog.text
    assert await tables.numbers("invoice") == []


async def test_a_command_that_is_over_its_deadline_leaves_no_transaction(
    app: Sender, tables: Tables, connection: Connection
) -> None:
    with pytest.raises(DeadlineExceeded):
        await app.send(Nap(), deadline=0.3)
    assert await app.send(Issue(account="ada", number=1)) == 1, "the row that it wrote is not locked"
    assert await tables.numbers("invoice") == [1]


async def test_what_a_query_writes_is_dropped(app: Sender, tables: Tables) -> None:
    for _ in range(20):
        await app.ask(Peek())
    assert await tables.numbers("invoice") == []


async def test_a_reaction_that_breaks_a_constraint_parks_its_key_alone(app: Sender, tables: Tables) -> None:
    """Handled in batches: what comes before and behind is written."""
    for number in (11, 12, 13, 14):
        await app.send(Issue(account=f"a{number}", number=number))
    assert await letters(tables, 3) == [11, 12, 14]
    parked: list[tuple[str, str]] = []
    while not parked:
        parked = await tables.parked()
    ((key, error),) = parked
    assert key == "a13"
    assert error.startswith("ConstraintViolated: ")
    assert "lucky" in error


async def test_a_command_for_later_that_is_refused_leaves_no_row(app: Sender, tables: Tables) -> None:
    await app.send(Issue(account="ada", number=1))
    await app.send(VoidLater(number=7))
    await app.send(VoidLater(number=1))
    while await tables.numbers("invoice"):
        pass
    while await app.ask(Lines(), fresh=True):
        pass
    assert await tables.numbers("noted") == [1]


async def test_a_store_that_takes_no_statements_is_found_at_the_start() -> None:
    stores: dict[str, Store] = {}
    for name in shop.names:
        stores[name] = store = MemoryStore()
        store.technology = replace(MEMORY, sql=False)
    with pytest.raises(ModelError) as caught:
        assemble(shop.model(), stores=stores)
    assert {finding.code for finding in caught.value.findings} == {"store.no-sql"}
    assert len(caught.value.findings) == 8


async def test_its_status_can_be_looked_at(
    tables: Tables, server: str, schema: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store = f"{server}?schema={schema}_{{context}}"
    system = f"{__name__}:shop"
    async with shop.connect(store=store) as app:
        await app.send(Issue(account="ada", number=1))
        await letters(tables, 1)
        await asyncio.to_thread(execute, ["status", system, "--store", store, "--json"])
        rows = json.loads(capsys.readouterr().out)["subscriptions"]
        assert {row["name"]: row["state"] for row in rows}["mail.tell"] == "running"
        await asyncio.to_thread(execute, ["log", "subscribers", system, "--store", store, "--json"])
        assert json.loads(capsys.readouterr().out) != []


async def test_statements_outside_of_the_handler_are_refused(tables: Tables, server: str, schema: str) -> None:
    kept: list[Sql] = []
    billing = Context("billing")

    @billing.handle(Nap)
    async def keep(command: Nap, sql: Sql) -> None:
        await sql.execute("INSERT INTO noted VALUES (1)")
        kept.append(sql)

    async with System("shop", contexts=[billing]).connect(store=f"{server}?schema={schema}_{{context}}") as app:
        await app.send(Nap())
        with pytest.raises(SqlError, match="the unit of work is over"):
            await kept[0].execute("INSERT INTO noted VALUES (2)")
    assert await tables.numbers("noted") == [1]
