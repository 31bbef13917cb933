"""Event-sourced aggregates that reactions write, and events whose classes come later."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from remit import Aggregate, Command, Context, DomainEvent, EventSourced, Query, Repository, System


class Paid(DomainEvent):
    account: str
    cents: int


class Counted(DomainEvent, key="by"):
    by: str
    cents: int


class Pay(Command[None]):
    account: str
    cents: int


class Count(Command[int]):
    by: str


class Total(Query[tuple[int, int]]):
    pass


class Account(Aggregate[str, Paid]):
    cents: int = 0


class Tally(EventSourced[str, Counted]):
    cents: int = 0
    times: int = 0

    def evolve(self, event: Counted) -> None:
        self.cents += event.cents
        self.times += 1


def bank() -> System:
    context = Context("bank")

    @context.handle(Pay)
    async def pay(command: Pay, accounts: Repository[Account]) -> None:
        account = await accounts.obtain(command.account)
        account.cents += command.cents
        account.record(Paid(account=command.account, cents=command.cents))

    @context.react(Paid)
    async def count(event: Paid, tallies: Repository[Tally]) -> None:
        (await tallies.obtain("all")).record(Counted(by=event.account, cents=event.cents))

    @context.answer(Total)
    async def total(query: Total, tallies: Repository[Tally]) -> tuple[int, int]:
        tally = await tallies.obtain("all")
        return tally.cents, tally.times

    return System("bank", contexts=[context])


async def test_reactions_from_several_partitions_number_one_stream_without_gaps(tmp_path: Path) -> None:
    place = f"sqlite:{tmp_path}/{{context}}.db"
    async with bank().connect(store=place) as app:
        sent = [app.send(Pay(account=f"a{number % 7}", cents=1)) for number in range(140)]
        await asyncio.gather(*sent)
        assert await app.ask(Total(), fresh=True) == (140, 140)
    with sqlite3.connect(tmp_path / "bank.db") as database:
        seqs = database.execute(
            "SELECT json_extract(headers, '$.seq') FROM log WHERE type = 'bank.Counted' ORDER BY 1"
        ).fetchall()
        assert [seq for (seq,) in seqs] == list(range(1, 141))
        database.execute("UPDATE state SET body = json_set(body, '$.schema', 'other') WHERE kind = 'bank.Tally'")
    database.close()
    async with bank().connect(store=place) as app:
        assert await app.ask(Total()) == (140, 140)


async def test_an_event_whose_class_is_made_later_is_read_from_the_stream(tmp_path: Path) -> None:
    context = Context("mill")

    @context.handle(Count)
    async def count(command: Count, tallies: Repository[Tally]) -> int:
        tally = await tallies.obtain("all")

        class Recounted(Counted):
            pass

        tally.record(Recounted(by=command.by, cents=2))
        return tally.cents

    place = f"sqlite:{tmp_path}/{{context}}.db"
    async with System("mill", contexts=[context]).connect(store=place) as app:
        assert await app.send(Count(by="ada")) == 2
        with sqlite3.connect(tmp_path / "mill.db") as database:
            database.execute("UPDATE state SET body = json_set(body, '$.schema', 'other')")
        database.close()
        assert await app.send(Count(by="eve")) == 4
