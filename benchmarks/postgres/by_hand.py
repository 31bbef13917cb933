"""Reactions as teams write them: a transaction for each message, with a checkpoint moved by compare-and-swap in it.

asyncpg with prepared statements on uvloop. Messages are read by the hundred, by position.
"""

import time
from typing import Any

import asyncpg
import msgspec

from benchmarks import sampling
from benchmarks.delivery.by_hand import Account, OrderPlaced
from benchmarks.postgres.server import running_server
from benchmarks.sampling import Sample, Stopwatch, Work

_SCHEMA = """
CREATE TABLE log (
    part int NOT NULL, pos bigint NOT NULL, id text NOT NULL, prev text NOT NULL, key text NOT NULL, type text NOT NULL,
    version int NOT NULL, at float8 NOT NULL, headers text NOT NULL, payload text NOT NULL, PRIMARY KEY (part, pos)
);
INSERT INTO log SELECT 0, n, lpad(n::text, 32, '0'), lpad((n - 1)::text, 32, '0'), 'customer-' || n % 10000,
    'sales.OrderPlaced', 1, 1750000000, '{}', json_build_object(
        'number', n, 'order', 'order-' || n, 'customer', 'customer-' || n % 10000, 'amount', 1990)::text
    FROM generate_series(1, 40000) AS n;
CREATE TABLE checkpoint (
    subscription text NOT NULL, source text NOT NULL, part int NOT NULL, pos bigint NOT NULL, at float8 NOT NULL,
    PRIMARY KEY (subscription, source, part)
);
INSERT INTO checkpoint VALUES ('charge', 'sales', 0, 0, 0);
CREATE TABLE state (
    kind text NOT NULL, id text NOT NULL, version bigint NOT NULL, body text NOT NULL, PRIMARY KEY (kind, id)
);
"""
_NEXT = "SELECT pos, payload FROM log WHERE part = 0 AND pos > $1 ORDER BY pos LIMIT 100"
_MOVE = """
    UPDATE checkpoint SET pos = $1, at = $2
    WHERE subscription = 'charge' AND source = 'sales' AND part = 0 AND pos = $3 RETURNING 1
"""
_LOAD = "SELECT version, body FROM state WHERE kind = 'Account' AND id = $1"
_KEEP = """
    INSERT INTO state VALUES ('Account', $1, $2, $3) ON CONFLICT (kind, id) DO UPDATE
    SET version = excluded.version, body = excluded.body WHERE state.version = excluded.version - 1
"""


_decode_event = msgspec.json.Decoder(OrderPlaced).decode
_decode_account = msgspec.json.Decoder(Account).decode
_encode = msgspec.json.Encoder().encode


async def _handle(connection: Any, pos: int, before: int, event: OrderPlaced) -> None:
    async with connection.transaction():
        if await connection.fetchval(_MOVE, pos, time.time(), before) is None:
            raise RuntimeError(f"message {pos} does not follow the checkpoint")
        row = await connection.fetchrow(_LOAD, event.customer)
        version, account = (row[0], _decode_account(row[1])) if row else (0, Account(event.customer))
        account.owed += event.amount
        account.orders += 1
        await connection.execute(_KEEP, event.customer, version + 1, _encode(account).decode())


async def _measured(work: Work, url: str) -> Sample:
    connection = await asyncpg.connect(url)
    await connection.execute(_SCHEMA)
    at = handled = 0
    watch, seconds = Stopwatch(), work.pick(3.0, 0.2)
    while watch.seconds < seconds and (messages := await connection.fetch(_NEXT, at)):
        for pos, payload in messages:
            await _handle(connection, pos, at, _decode_event(payload))
            at, handled = pos, handled + 1
    sample = Sample(handled / watch.seconds, watch.details(handled))
    await connection.close()
    return sample


def transaction_per_message(work: Work) -> Sample:
    """Events handled per second, each deduplicated and committed on its own."""
    with running_server(work) as server:
        return sampling.run_async(_measured(work, server.url()))
