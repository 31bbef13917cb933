"""remit: one account, event-sourced and stored as state, on SQLite and PostgreSQL."""

import asyncio
import sqlite3
import time

from benchmarks import loops, sampling
from benchmarks.postgres.server import running_server
from benchmarks.sampling import Sample, Work
from benchmarks.streams.payments import LONG, payment
from remit import Aggregate, Command, Context, DomainEvent, EventSourced, Query, Repository, System


class Pay(Command[int]):
    account: str
    cents: int
    note: str


class PayOften(Command[int]):
    account: str
    times: int


class Balance(Query[int]):
    account: str


class Paid(DomainEvent):
    cents: int
    note: str


class Account(Aggregate[str, Paid]):
    cents: int = 0
    payments: int = 0
    last: str = ""

    def pay(self, cents: int, note: str) -> None:
        self.cents, self.payments, self.last = self.cents + cents, self.payments + 1, note
        self.record(Paid(cents=cents, note=note))


class Ledger(EventSourced[str, Paid]):
    cents: int = 0
    payments: int = 0
    last: str = ""

    def evolve(self, event: Paid) -> None:
        self.cents, self.payments, self.last = self.cents + event.cents, self.payments + 1, event.note

    def pay(self, cents: int, note: str) -> None:
        self.record(Paid(cents=cents, note=note))


as_state, as_events = Context("bank"), Context("bank")


@as_state.handle(Pay)
async def pay(command: Pay, accounts: Repository[Account]) -> int:
    account = await accounts.obtain(command.account)
    account.pay(command.cents, command.note)
    return account.cents


@as_events.handle(Pay)
async def pay_in(command: Pay, accounts: Repository[Ledger]) -> int:
    account = await accounts.obtain(command.account)
    account.pay(command.cents, command.note)
    return account.cents


@as_events.handle(PayOften)
async def pay_often(command: PayOften, accounts: Repository[Ledger]) -> int:
    account = await accounts.obtain(command.account)
    for number in range(command.times):
        account.pay(1, f"invoice {number:010d}")
    return account.cents


@as_events.answer(Balance)
async def balance(query: Balance, accounts: Repository[Ledger]) -> int:
    return (await accounts.get(query.account)).cents


async def _measure(work: Work, context: Context, store: str, in_flight: int) -> Sample:
    async with System("bank", contexts=[context]).connect(store=store) as app:

        async def send(number: int) -> int:
            asked = payment(number)
            return await app.send(Pay(account=asked.account, cents=asked.cents, note=asked.note), key=asked.key)

        return await loops.tasks_in_flight(work, in_flight, send)


def _sqlite(work: Work, context: Context, in_flight: int) -> Sample:
    return sampling.run_async(_measure(work, context, f"sqlite:{work.folder}/{{context}}.db", in_flight))


def _postgres(work: Work, context: Context, in_flight: int) -> Sample:
    with running_server(work) as server:
        return sampling.run_async(_measure(work, context, server.url(), in_flight))


def sqlite_events_1(work: Work) -> Sample:
    return _sqlite(work, as_events, 1)


def sqlite_events_32(work: Work) -> Sample:
    return _sqlite(work, as_events, 32)


def sqlite_state_1(work: Work) -> Sample:
    return _sqlite(work, as_state, 1)


def sqlite_state_32(work: Work) -> Sample:
    return _sqlite(work, as_state, 32)


def postgres_events_1(work: Work) -> Sample:
    return _postgres(work, as_events, 1)


def postgres_events_32(work: Work) -> Sample:
    return _postgres(work, as_events, 32)


def postgres_state_1(work: Work) -> Sample:
    return _postgres(work, as_state, 1)


def postgres_state_32(work: Work) -> Sample:
    return _postgres(work, as_state, 32)


# ── loading a long stream ─────────────────────────────────────────────────────────────────────────────────────────────


async def _load(work: Work, *, snapshot: bool) -> Sample:
    """Milliseconds to load a stream of 10,000 events, the median; a query asks for one field."""
    place = f"sqlite:{work.folder}/{{context}}.db"
    times = work.pick(LONG, 1000)
    async with System("bank", contexts=[as_events]).connect(store=place) as app:
        for _ in range(times // 500):
            await app.send(PayOften(account="long", times=500))
    if not snapshot:
        with sqlite3.connect(work.folder / "bank.db") as database:
            database.execute("UPDATE state SET body = json_set(body, '$.schema', 'other') WHERE kind = 'bank.Ledger'")
    taken: list[float] = []
    async with System("bank", contexts=[as_events]).connect(store=place) as app:
        before = sampling.resident_mib()
        for _ in range(work.pick(15, 2)):
            begun = time.perf_counter()
            assert await app.ask(Balance(account="long")) == times
            taken.append((time.perf_counter() - begun) * 1e3)
            await asyncio.sleep(0)
        details = {"grown_mib": sampling.resident_mib() - before, "peak_mib": sampling.peak_mib()}
    return Sample(sorted(taken)[len(taken) // 2], details)


def load_with_snapshot(work: Work) -> Sample:
    return sampling.run_async(_load(work, snapshot=True))


def load_without_snapshot(work: Work) -> Sample:
    return sampling.run_async(_load(work, snapshot=False))
