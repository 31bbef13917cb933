"""What lies below: reading and decoding, a fold with one upsert per page, and SQL that aggregates in the server."""

import sqlite3
from collections.abc import Iterable
from typing import Any

import asyncpg
import msgspec

from benchmarks import sampling
from benchmarks.postgres.server import running_server
from benchmarks.projections.orders import events, steps
from benchmarks.sampling import Sample, Stopwatch, Work

_PAGE = 2000
_VIEW = (
    "CREATE TABLE order_view (id text PRIMARY KEY, customer text NOT NULL, cents bigint NOT NULL,"
    " lines int NOT NULL, paid bool NOT NULL, parcel text NOT NULL)"
)
_TABLES = (
    "CREATE TABLE event (pos bigint PRIMARY KEY, type text NOT NULL, key text NOT NULL, payload text NOT NULL)",
    _VIEW,
    "CREATE TABLE checkpoint (name text PRIMARY KEY, pos bigint NOT NULL)",
    "INSERT INTO checkpoint VALUES ('orders', 0)",
)
_READ = "SELECT pos, type, payload FROM event WHERE pos > {0}1 ORDER BY pos LIMIT {0}2"
_MOVE = "UPDATE checkpoint SET pos = {0}1 WHERE name = 'orders' AND pos = {0}2"


class Placed(msgspec.Struct):
    order: str
    customer: str
    street: str
    note: str


class Added(msgspec.Struct):
    order: str
    sku: str
    cents: int
    note: str


class Paid(msgspec.Struct):
    order: str
    by: str
    reference: str
    note: str


class Shipped(msgspec.Struct):
    order: str
    parcel: str
    street: str
    note: str


class Order(msgspec.Struct):
    customer: str = ""
    cents: int = 0
    lines: int = 0
    paid: bool = False
    parcel: str = ""


DECODERS: dict[str, Any] = {each.__name__: msgspec.json.Decoder(each) for each in (Placed, Added, Paid, Shipped)}


def _fold(orders: dict[str, Order], happened: Iterable[Any]) -> None:
    for _, type, payload in happened:
        event = DECODERS[type].decode(payload)
        order = orders.get(event.order)
        if order is None:
            order = orders[event.order] = Order()
        match event:
            case Placed():
                order.customer = event.customer
            case Added():
                order.lines, order.cents = order.lines + 1, order.cents + event.cents
            case Paid():
                order.paid = True
            case Shipped():
                order.parcel = event.parcel


def _logged(count: int) -> list[tuple[int, str, str, str]]:
    encode = msgspec.json.encode
    return [(pos, name, key, encode(fields).decode()) for pos, (name, key, fields) in enumerate(steps(count), 1)]


def _sample(watch: Stopwatch, count: int) -> Sample:
    seconds, details = watch.seconds, watch.details(count)
    return Sample(count / seconds, details | {"events": count})


# ── PostgreSQL ────────────────────────────────────────────────────────────────────────────────────────────────────────

_LOAD = "SELECT id, customer, cents, lines, paid, parcel FROM order_view WHERE id = ANY ($1::text[])"
_UPSERT = (
    "INSERT INTO order_view"
    " SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::int[], $5::bool[], $6::text[])"
    " ON CONFLICT (id) DO UPDATE SET customer = excluded.customer, cents = excluded.cents, lines = excluded.lines,"
    " paid = excluded.paid, parcel = excluded.parcel"
)
_AGGREGATE = """
    INSERT INTO order_view
    SELECT key, coalesce(max(j ->> 'customer') FILTER (WHERE type = 'Placed'), ''),
        coalesce(sum((j ->> 'cents')::bigint) FILTER (WHERE type = 'Added'), 0), count(*) FILTER (WHERE type = 'Added'),
        coalesce(bool_or(type = 'Paid'), false), coalesce(max(j ->> 'parcel') FILTER (WHERE type = 'Shipped'), '')
    FROM (SELECT key, type, payload::jsonb AS j FROM event WHERE pos > $1 AND pos <= $2) e GROUP BY key
    ON CONFLICT (id) DO UPDATE SET customer = order_view.customer || excluded.customer,
        cents = order_view.cents + excluded.cents, lines = order_view.lines + excluded.lines,
        paid = order_view.paid OR excluded.paid, parcel = order_view.parcel || excluded.parcel
"""


async def _filled(url: str, count: int) -> "asyncpg.Connection[Any]":
    connection = await asyncpg.connect(url)
    for statement in _TABLES:
        await connection.execute(statement)
    await connection.copy_records_to_table("event", records=_logged(count))
    await connection.execute("VACUUM ANALYZE event")
    return connection


async def _read(connection: "asyncpg.Connection[Any]", count: int) -> None:
    pos, sql = 0, _READ.format("$")
    while rows := await connection.fetch(sql, pos, _PAGE):
        for _, type, payload in rows:
            DECODERS[type].decode(payload)
        pos = rows[-1][0]
    assert pos == count


async def _fold_pages(connection: "asyncpg.Connection[Any]", count: int) -> None:
    pos, sql, move = 0, _READ.format("$"), _MOVE.format("$")
    while rows := await connection.fetch(sql, pos, _PAGE):
        keys = list({DECODERS[type].decode(payload).order for _, type, payload in rows})
        async with connection.transaction():
            orders = {row[0]: Order(*row[1:]) for row in await connection.fetch(_LOAD, keys)}
            _fold(orders, rows)
            made = [(id, *msgspec.structs.astuple(order)) for id, order in orders.items()]
            await connection.execute(_UPSERT, *map(list, zip(*made, strict=True)))
            assert await connection.execute(move, rows[-1][0], pos) == "UPDATE 1"
        pos = rows[-1][0]
    assert pos == count


async def _aggregate(connection: "asyncpg.Connection[Any]", count: int) -> None:
    """In steps of 10,000 events, each a transaction with its checkpoint."""
    step, move = 10_000, _MOVE.format("$")
    for pos in range(0, count, step):
        upto = min(pos + step, count)
        async with connection.transaction():
            await connection.execute(_AGGREGATE, pos, upto)
            await connection.execute(move, upto, pos)


def _postgres(work: Work, do: Any) -> Sample:
    count = events(work.rows, work.quick)

    async def measured(url: str) -> Sample:
        connection = await _filled(url, count)
        watch = Stopwatch()
        await do(connection, count)
        return _sample(watch, count)

    with running_server(work) as server:
        return sampling.run_async(measured(server.url()))


def postgres_read(work: Work) -> Sample:
    return _postgres(work, _read)


def postgres_fold(work: Work) -> Sample:
    return _postgres(work, _fold_pages)


def postgres_aggregate(work: Work) -> Sample:
    return _postgres(work, _aggregate)


# ── SQLite ────────────────────────────────────────────────────────────────────────────────────────────────────────────

_PUT = (
    "INSERT INTO order_view VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET customer = excluded.customer,"
    " cents = excluded.cents, lines = excluded.lines, paid = excluded.paid, parcel = excluded.parcel"
)
_FOUND = "SELECT id, customer, cents, lines, paid, parcel FROM order_view WHERE id IN (SELECT value FROM json_each(?))"
_SUM = """
    INSERT INTO order_view
    SELECT key, coalesce(max(payload ->> 'customer') FILTER (WHERE type = 'Placed'), ''),
        coalesce(sum(payload ->> 'cents') FILTER (WHERE type = 'Added'), 0), count(*) FILTER (WHERE type = 'Added'),
        max(type = 'Paid'), coalesce(max(payload ->> 'parcel') FILTER (WHERE type = 'Shipped'), '')
    FROM event WHERE pos > ? AND pos <= ? GROUP BY key
    ON CONFLICT (id) DO UPDATE SET customer = customer || excluded.customer, cents = cents + excluded.cents,
        lines = lines + excluded.lines, paid = paid OR excluded.paid, parcel = parcel || excluded.parcel
"""


def _opened(work: Work, count: int) -> sqlite3.Connection:
    database = sqlite3.connect(work.folder / "hand.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    for statement in _TABLES:
        database.execute(statement)
    database.execute("BEGIN")
    database.executemany("INSERT INTO event VALUES (?, ?, ?, ?)", _logged(count))
    database.execute("COMMIT")
    return database


def sqlite_read(work: Work) -> Sample:
    count = events(work.rows, work.quick)
    database = _opened(work, count)
    pos, sql, watch = 0, _READ.format("?"), Stopwatch()
    while rows := database.execute(sql, (pos, _PAGE)).fetchall():
        for _, type, payload in rows:
            DECODERS[type].decode(payload)
        pos = rows[-1][0]
    return _sample(watch, count)


def sqlite_fold(work: Work) -> Sample:
    count = events(work.rows, work.quick)
    database = _opened(work, count)
    pos, sql, watch = 0, _READ.format("?"), Stopwatch()
    while rows := database.execute(sql, (pos, _PAGE)).fetchall():
        keys = msgspec.json.encode(list({DECODERS[type].decode(payload).order for _, type, payload in rows})).decode()
        database.execute("BEGIN IMMEDIATE")
        orders = {row[0]: Order(*row[1:]) for row in database.execute(_FOUND, (keys,))}
        _fold(orders, rows)
        database.executemany(_PUT, [(id, *msgspec.structs.astuple(order)) for id, order in orders.items()])
        database.execute(_MOVE.format("?"), (rows[-1][0], pos))
        database.execute("COMMIT")
        pos = rows[-1][0]
    return _sample(watch, count)


def sqlite_aggregate(work: Work) -> Sample:
    count, step = events(work.rows, work.quick), 10_000
    database = _opened(work, count)
    watch = Stopwatch()
    for pos in range(0, count, step):
        upto = min(pos + step, count)
        database.execute("BEGIN IMMEDIATE")
        database.execute(_SUM, (pos, upto))
        database.execute(_MOVE.format("?"), (upto, pos))
        database.execute("COMMIT")
    return _sample(watch, count)
