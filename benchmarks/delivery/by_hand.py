"""Delivery as teams write it: an outbox in plain sqlite3, and a checkpoint moved by compare-and-swap.

News is noticed by polling, or, where the process is the same, by an event on its loop. Publisher and consumer have a
database each and commit durably.
"""

import asyncio
import itertools
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from benchmarks import sampling
from benchmarks.delivery.pace import Latencies, arrivals
from benchmarks.sampling import Sample, Stopwatch, Work

_SOURCE = """
CREATE TABLE log (
    part INTEGER NOT NULL, pos INTEGER NOT NULL, id TEXT NOT NULL, prev TEXT NOT NULL, key TEXT NOT NULL,
    type TEXT NOT NULL, version INTEGER NOT NULL, at REAL NOT NULL, headers TEXT NOT NULL, payload TEXT NOT NULL,
    PRIMARY KEY (part, pos)
) WITHOUT ROWID;
"""
_CONSUMER = """
CREATE TABLE checkpoint (
    subscription TEXT NOT NULL, source TEXT NOT NULL, part INTEGER NOT NULL, pos INTEGER NOT NULL, id TEXT NOT NULL,
    at REAL NOT NULL, PRIMARY KEY (subscription, source, part)
) WITHOUT ROWID;
INSERT INTO checkpoint VALUES ('charge', 'sales', 0, 0, '', 0);
CREATE TABLE state (
    kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
"""
_NEXT = "SELECT pos, id, prev, payload FROM log WHERE part = 0 AND pos > ? ORDER BY pos LIMIT ?"


class OrderPlaced(msgspec.Struct, frozen=True):
    number: int
    order: str
    customer: str
    amount: int


class Account(msgspec.Struct):
    id: str
    owed: int = 0
    orders: int = 0


class Message(NamedTuple):
    pos: int
    id: str
    prev: str
    payload: str


_encode = msgspec.json.Encoder().encode
_decode_event = msgspec.json.Decoder(OrderPlaced).decode
_decode_account = msgspec.json.Decoder(Account).decode


def _connect(work: Work, name: str, schema: str) -> sqlite3.Connection:
    connection = sqlite3.connect(work.folder / f"{name}.db", isolation_level=None)
    connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;" + schema)
    return connection


def rows(positions: Iterator[int], numbers: range) -> Iterator[tuple[object, ...]]:
    """Of the log, one for each number: position, identity, predecessor, key, type, time and payload."""
    for number in numbers:
        pos, customer = next(positions), f"customer-{number % 10_000:06d}"
        event = OrderPlaced(number, f"order-{number:010d}", customer, 1990)
        prev = f"{pos - 1:032x}" if pos > 1 else ""
        yield pos, f"{pos:032x}", prev, customer, "sales.OrderPlaced", time.time(), _encode(event).decode()


class Outbox:
    def __init__(self, work: Work) -> None:
        self.connection = _connect(work, "sales", _SOURCE)
        self._positions = itertools.count(1)

    def publish(self, numbers: range) -> None:
        """One durable transaction with an event for each number."""
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.executemany(
            "INSERT INTO log VALUES (0, ?, ?, ?, ?, ?, 1, ?, '{}', ?)", rows(self._positions, numbers)
        )
        self.connection.execute("COMMIT")

    def after(self, pos: int, limit: int) -> list[Message]:
        return [Message(*row) for row in self.connection.execute(_NEXT, (pos, limit))]


class Consumer:
    """Handles messages one transaction each."""

    def __init__(self, work: Work, outbox: Outbox) -> None:
        self._outbox = outbox
        self._execute = _connect(work, "billing", _CONSUMER).execute
        self.pos = 0

    def handle_next(self, limit: int, latencies: Latencies | None = None) -> int:
        """At most `limit` messages, each in a transaction of its own."""
        messages = self._outbox.after(self.pos, limit)
        for message in messages:
            event = _decode_event(message.payload)
            if latencies is not None:
                latencies.started(event.number)
            self._handle([message], [event])
        return len(messages)

    def handle_together(self, limit: int) -> int:
        """At most `limit` messages in one transaction."""
        messages = self._outbox.after(self.pos, limit)
        if messages:
            self._handle(messages, [_decode_event(message.payload) for message in messages])
        return len(messages)

    def _handle(self, messages: list[Message], events: list[OrderPlaced]) -> None:
        execute, first, last = self._execute, messages[0], messages[-1]
        execute("BEGIN IMMEDIATE")
        moved = execute(
            "UPDATE checkpoint SET pos = ?, id = ?, at = ? "
            "WHERE subscription = 'charge' AND source = 'sales' AND part = 0 AND pos = ? AND id = ?",
            (last.pos, last.id, time.time(), self.pos, first.prev),
        )
        if moved.rowcount != 1:
            execute("ROLLBACK")
            raise RuntimeError(f"message {first.pos} does not follow the checkpoint")
        for event in events:
            self._charge(event)
        execute("COMMIT")
        self.pos = last.pos

    def _charge(self, event: OrderPlaced) -> None:
        load = "SELECT version, body FROM state WHERE kind = 'Account' AND id = ?"
        row = self._execute(load, (event.customer,)).fetchone()
        version, account = (row[0], _decode_account(row[1])) if row else (0, Account(event.customer))
        account.owed += event.amount
        account.orders += 1
        self._execute(
            "INSERT INTO state VALUES ('Account', ?, ?, ?) ON CONFLICT (kind, id) DO UPDATE "
            "SET version = excluded.version, body = excluded.body WHERE version = excluded.version - 1",
            (event.customer, version + 1, _encode(account).decode()),
        )


def transaction_per_message(work: Work) -> Sample:
    """Events handled per second, each read, deduplicated and committed on its own."""
    consumer = _behind(work)
    return _throughput(work, lambda: consumer.handle_next(limit=1))


def transaction_per_100_messages(work: Work) -> Sample:
    """Events handled per second, read, deduplicated and committed by the hundred."""
    consumer = _behind(work)
    return _throughput(work, lambda: consumer.handle_together(limit=100))


def _behind(work: Work) -> Consumer:
    """A consumer with a backlog."""
    outbox = Outbox(work)
    outbox.publish(range(work.pick(40_000, 2_000)))
    return Consumer(work, outbox)


def _throughput(work: Work, handle: Callable[[], int]) -> Sample:
    watch, handled = Stopwatch(), 0
    deadline = time.perf_counter() + work.pick(3.0, 0.2)
    while time.perf_counter() < deadline and (done := handle()):
        handled += done
    return Sample(handled / watch.seconds, watch.details(handled))


def wake(work: Work) -> Sample:
    return sampling.run_async(_latency(work, None))


def poll_every_100_ms(work: Work) -> Sample:
    return sampling.run_async(_latency(work, 0.1))


def poll_every_10_ms(work: Work) -> Sample:
    return sampling.run_async(_latency(work, 0.01))


async def _latency(work: Work, interval: float | None) -> Sample:
    outbox, news, latencies = Outbox(work), asyncio.Event(), Latencies()
    consuming = asyncio.create_task(_consume(Consumer(work, outbox), interval, news, latencies))
    watch, count = Stopwatch(), 0
    async for number in arrivals(work):
        latencies.sending(number)
        outbox.publish(range(number, number + 1))
        latencies.committed(number)
        news.set()
        count += 1
    await asyncio.wait_for(latencies.all_started(count), 10)
    consuming.cancel()
    return latencies.sample(watch)


async def _consume(
    consumer: Consumer, interval: float | None, news: asyncio.Event, latencies: Latencies | None
) -> None:
    while True:
        if consumer.handle_next(limit=100, latencies=latencies):
            continue
        if interval is not None:
            await asyncio.sleep(interval)
        else:
            await news.wait()
            news.clear()


def idle_100_ms(work: Work) -> Sample:
    return sampling.run_async(_idle(work, 0.1))


def idle_10_ms(work: Work) -> Sample:
    return sampling.run_async(_idle(work, 0.01))


async def _idle(work: Work, interval: float) -> Sample:
    consuming = asyncio.create_task(_consume(Consumer(work, Outbox(work)), interval, asyncio.Event(), None))
    watch = Stopwatch()
    await asyncio.sleep(work.pick(10.0, 0.5))
    consuming.cancel()
    return Sample(watch.cpu_seconds / watch.seconds * 100, {"peak_mib": sampling.peak_mib()})
