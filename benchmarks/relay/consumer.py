"""The side that handles, by hand, in a process of its own: an inbox table, and the effect in the same transaction.

`python -m benchmarks.relay.consumer URL FOLDER TOGETHER`: so many messages in one transaction.
"""

import asyncio
import sqlite3
import sys
from pathlib import Path

import msgspec
import nats
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig

from benchmarks import sampling
from benchmarks.delivery.by_hand import Account, OrderPlaced
from benchmarks.relay import moments

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE inbox (id TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE state (
    kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
"""
_LOAD = "SELECT version, body FROM state WHERE kind = 'billing.Account' AND id = ?"
_SAVE = (
    "INSERT INTO state VALUES ('billing.Account', ?, ?, ?) ON CONFLICT (kind, id) DO UPDATE "
    "SET version = excluded.version, body = excluded.body WHERE version = excluded.version - 1"
)

_encode = msgspec.json.Encoder().encode
_decode_event = msgspec.json.Decoder(OrderPlaced).decode
_decode_account = msgspec.json.Decoder(Account).decode


class Consumer:
    """Handles messages of a durable consumer, in the order of the stream."""

    def __init__(self, folder: Path) -> None:
        connection = sqlite3.connect(folder / "billing.db", isolation_level=None)
        connection.executescript(_SCHEMA)
        self._execute = connection.execute
        self._started = moments.prepared().started

    def handle(self, messages: list[Msg]) -> None:
        """All of them in one transaction."""
        execute = self._execute
        execute("BEGIN IMMEDIATE")
        for message in messages:
            headers = message.headers or {}
            identity = headers.get("id") or headers["correlation_id"]  # FastStream calls it so
            if execute("INSERT INTO inbox VALUES (?) ON CONFLICT DO NOTHING", (identity,)).rowcount:
                self._charge(_decode_event(message.data))
        execute("COMMIT")

    def _charge(self, event: OrderPlaced) -> None:
        self._started(event.number)
        row = self._execute(_LOAD, (event.customer,)).fetchone()
        version, account = (row[0], _decode_account(row[1])) if row else (0, Account(event.customer))
        account.owed += event.amount
        account.orders += 1
        self._execute(_SAVE, (event.customer, version + 1, _encode(account).decode()))


async def consume(url: str, folder: Path, together: int) -> None:
    """For ever; prints a line when it is ready."""
    consumer, waiting, news = Consumer(folder), list[Msg](), asyncio.Event()

    async def arrived(message: Msg) -> None:
        waiting.append(message)
        news.set()

    context = (await nats.connect(url)).jetstream()
    await context.add_stream(name="orders", subjects=["orders"])
    config = ConsumerConfig(ack_policy=AckPolicy.ALL, max_ack_pending=5_000)
    await context.subscribe("orders", durable="billing", cb=arrived, manual_ack=True, config=config)
    print("ready", flush=True)
    while True:
        await news.wait()
        news.clear()
        while waiting:
            batch = waiting[:together]
            del waiting[:together]
            consumer.handle(batch)
            await batch[-1].ack()  # and with it those before it
            if len(waiting) % 50 == 0:
                await asyncio.sleep(0)


if __name__ == "__main__":
    sampling.run_async(consume(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
