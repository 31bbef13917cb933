"""Handlers that ask for Sql: what they write is written with their message, on every store, or not at all."""

from __future__ import annotations

import asyncio

import pytest

from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    Events,
    IntegrationEvent,
    Projection,
    Query,
    Refusal,
    Repository,
    Sender,
    Sql,
    System,
    Value,
    View,
)
from remit.errors import ConstraintViolated, HandlerFailed


class Taken(Refusal):
    number: int


class Prepare(Command[None]):
    """Makes the tables."""


class Issue(Command[int, Taken]):
    account: str
    number: int


class IssueBoth(Command[None, Taken]):
    """Issues an invoice while a handler that has written waits for the call."""

    number: int


class Count(Command[int]):
    """Counts up by what it has read."""


class Void(Command[None]):
    number: int


class Line(Value):
    number: int
    account: str


class Lines(Query[list[Line]]): ...


class Peek(Query[int]): ...


class Voids(Query[int]):
    number: int


class Issued(DomainEvent):
    account: str
    number: int


class Voided(IntegrationEvent, version=1):
    number: int


class Account(Aggregate[str, Issued]):
    issued: int = 0

    def issue(self, number: int) -> None:
        self.issued += 1
        self.record(Issued(account=self.id, number=number))


class Told(Projection[int, Voided]):
    times: int = 0

    @staticmethod
    def key(event: Voided) -> int:
        return event.number

    def evolve(self, event: Voided) -> None:
        self.times += 1


counted: list[int] = []
"""What `count` has read."""

billing, desk = Context("billing"), Context("desk")
shop = System("shop", contexts=[billing, desk])
desk.project(Told)


@billing.handle(Prepare)
async def prepare(command: Prepare, sql: Sql) -> None:
    await sql.execute("CREATE TABLE IF NOT EXISTS invoice (number integer PRIMARY KEY, account text NOT NULL)")
    await sql.execute("CREATE TABLE IF NOT EXISTS noted (number integer)")
    await sql.execute("CREATE TABLE IF NOT EXISTS tally (n integer NOT NULL)")
    await sql.execute("INSERT INTO tally VALUES (0)")


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


@billing.handle(IssueBoth)
async def issue_both(command: IssueBoth, sql: Sql, sender: Sender) -> None:
    await sql.execute("INSERT INTO invoice VALUES ($1, 'first')", command.number)
    await sender.send(Issue(account="second", number=command.number + 1))


@billing.handle(Count)
async def count(command: Count, sql: Sql) -> int:
    (row,) = await sql.fetch("SELECT n FROM tally")
    counted.append(int(row["n"]))
    await asyncio.sleep(0)
    await sql.execute("UPDATE tally SET n = $1", row["n"] + 1)
    return int(row["n"]) + 1


@billing.handle(Void)
async def void(command: Void, sql: Sql, events: Events[Voided]) -> None:
    if await sql.execute("DELETE FROM invoice WHERE number = $1", command.number):
        events.publish(Voided(number=command.number), key=command.number)


@billing.answer(Lines)
async def lines(query: Lines, sql: Sql) -> list[Line]:
    return [Line(**row) for row in await sql.fetch("SELECT number, account FROM invoice ORDER BY number")]


@billing.answer(Peek)
async def peek(query: Peek, sql: Sql) -> int:
    await sql.execute("DELETE FROM invoice")
    (row,) = await sql.fetch("SELECT count(*) AS n FROM invoice")
    return int(row["n"])


@desk.answer(Voids)
async def voids(query: Voids, told: View[Told]) -> int:
    found = await told.find(query.number)
    return 0 if found is None else found.times


async def test_rows_and_messages_are_written_together(anywhere: str) -> None:
    async with shop.connect(store=anywhere) as app:
        await app.send(Prepare())
        assert await app.send(Issue(account="ada", number=1)) == 1
        assert await app.attempt(Issue(account="ada", number=1)) == Taken(number=1)
        assert await app.send(Issue(account="ada", number=2), key="k") == 2
        assert await app.send(Issue(account="ada", number=2), key="k") == 2
        assert await app.ask(Lines()) == [Line(number=1, account="ada"), Line(number=2, account="ada")]
        assert await app.ask(Peek()) == 0
        assert len(await app.ask(Lines())) == 2, "what a query writes is dropped"


async def test_event_is_published_by_a_handler_that_has_only_statements(anywhere: str) -> None:
    async with shop.connect(store=anywhere) as app:
        await app.send(Prepare())
        await app.send(Issue(account="ada", number=1))
        for _ in range(2):
            await app.send(Void(number=1))
        assert await app.ask(Voids(number=1), fresh=True) == 1


async def test_handler_that_has_written_calls_another_one_of_its_context(anywhere: str) -> None:
    async with shop.connect(store=anywhere) as app:
        await app.send(Prepare())
        await app.send(IssueBoth(number=1))
        assert [line.account for line in await app.ask(Lines())] == ["first", "second"]


async def test_many_that_write_other_rows_all_come_through(anywhere: str) -> None:
    async with shop.connect(store=anywhere) as app:
        await app.send(Prepare())
        await asyncio.gather(*(app.send(Issue(account=f"a{n % 3}", number=n)) for n in range(40)))
        assert [line.number for line in await app.ask(Lines())] == list(range(40))


@pytest.mark.parametrize("place", ["memory:", "sqlite:{folder}/{context}.db"])
async def test_what_is_counted_by_what_was_read_is_counted_once(place: str, tmp_path: object) -> None:
    """PostgreSQL reads what is committed, and has FOR UPDATE for this."""
    async with shop.connect(store=place.replace("{folder}", str(tmp_path))) as app:
        await app.send(Prepare())
        assert sorted(await asyncio.gather(*(app.send(Count()) for _ in range(15)))) == list(range(1, 16))


@pytest.mark.parametrize("place", ["memory:", "sqlite:{folder}/{context}.db"])
async def test_handlers_that_have_met_at_one_row_run_one_after_another(place: str, tmp_path: object) -> None:
    before = len(counted)
    async with shop.connect(store=place.replace("{folder}", str(tmp_path))) as app:
        await app.send(Prepare())
        await asyncio.gather(*(app.send(Count()) for _ in range(60)))
    assert len(counted) - before <= 150, "each of them about twice"


async def test_statement_that_fails_is_the_handlers_mistake(anywhere: str) -> None:
    async with shop.connect(store=anywhere) as app:
        with pytest.raises(HandlerFailed):
            await app.send(Void(number=1))
        await app.send(Prepare())
        assert await app.ask(Lines()) == []
