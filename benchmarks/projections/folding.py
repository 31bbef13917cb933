"""remit: documents, rows, and tables of its own by a reaction with SQL, each from a log that is there already."""

import asyncio
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator
from typing import Any
from zlib import crc32

import asyncpg
import msgspec

from benchmarks import sampling
from benchmarks.postgres.server import running_server
from benchmarks.projections.orders import EACH, events, last_order, steps
from benchmarks.sampling import Sample, Stopwatch, Work
from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    Projection,
    Query,
    Repository,
    Row,
    Sql,
    System,
    View,
)
from remit.contexts.annotations import projections_of
from remit.hosting.opening import Places, opened
from remit.log import write_headers
from remit.messages import contract_of
from remit.operations import Rebuild
from remit.topology.secret import Secret

PARTITIONS = 16
Run = Callable[[Context, str, int], Coroutine[Any, Any, Sample]]
"""What is measured on a store with a log: the context, where its store is, and how many events there are."""
_DEADLINE = 170.0
_TABLE = (
    "CREATE TABLE order_view (id text PRIMARY KEY, customer text NOT NULL, cents bigint NOT NULL,"
    " lines int NOT NULL, paid bool NOT NULL, parcel text NOT NULL)"
)
_INSERT = "INSERT INTO order_view VALUES ($1, $2, 0, 0, false, '')"
_ADD = "UPDATE order_view SET lines = lines + 1, cents = cents + $2 WHERE id = $1"
_PAY = "UPDATE order_view SET paid = true WHERE id = $1"
_SHIP = "UPDATE order_view SET parcel = $2 WHERE id = $1"


class Placed(DomainEvent, key="order"):
    order: str
    customer: str
    street: str
    note: str


class Added(DomainEvent, key="order"):
    order: str
    sku: str
    cents: int
    note: str


class Paid(DomainEvent, key="order"):
    order: str
    by: str
    reference: str
    note: str


class Shipped(DomainEvent, key="order"):
    order: str
    parcel: str
    street: str
    note: str


Happened = Placed | Added | Paid | Shipped
NAMED: dict[str, type[DomainEvent]] = {each.__name__: each for each in (Placed, Added, Paid, Shipped)}


class Counted(Query[int]):
    """The lines of an order, as the read model knows them."""

    order: str


class Order(Projection[str, Happened]):
    customer: str = ""
    cents: int = 0
    lines: int = 0
    paid: bool = False
    parcel: str = ""

    @staticmethod
    def key(event: Happened) -> str:
        return event.order

    def evolve(self, event: Happened) -> None:
        match event:
            case Placed():
                self.customer = event.customer
            case Added():
                self.lines, self.cents = self.lines + 1, self.cents + event.cents
            case Paid():
                self.paid = True
            case Shipped():
                self.parcel = event.parcel


class OrderRow(Row[str, Happened], indexes=[("customer", "cents")]):
    """The same fields, and so the same folding, as rows."""

    customer: str = ""
    cents: int = 0
    lines: int = 0
    paid: bool = False
    parcel: str = ""

    key = Order.key
    evolve = Order.evolve


documents, rows, tables, live = Context("shop"), Context("shop"), Context("shop"), Context("shop")
documents.project(Order)
live.project(Order)
rows.project(OrderRow)


async def _lines(query: Counted, orders: View[Order]) -> int:
    found = await orders.find(query.order)
    return 0 if found is None else found.lines


documents.answer(Counted)(_lines)
live.answer(Counted)(_lines)


@rows.answer(Counted)
async def lines_of_row(query: Counted, orders: View[OrderRow]) -> int:
    return (await orders.get(query.order)).lines


@tables.answer(Counted)
async def lines_in_table(query: Counted, sql: Sql) -> int:
    found = await sql.fetch("SELECT lines FROM order_view WHERE id = $1", query.order)
    return int(found[0]["lines"])


@tables.react(Placed, Added, Paid, Shipped)
async def keep(event: Happened, sql: Sql) -> None:
    match event:
        case Placed():
            await sql.execute(_INSERT, event.order, event.customer)
        case Added():
            await sql.execute(_ADD, event.order, event.cents)
        case Paid():
            await sql.execute(_PAY, event.order)
        case Shipped():
            await sql.execute(_SHIP, event.order, event.parcel)


def logged(count: int) -> Iterator[tuple[Any, ...]]:
    """The log of the first `count` events as remit stores it."""
    ends: dict[int, tuple[int, str]] = defaultdict(lambda: (0, ""))
    types = {name: contract_of(each, context="shop") for name, each in NAMED.items()}
    for number, (name, order, fields) in enumerate(steps(count)):
        part, id = crc32(order.encode()) % PARTITIONS, f"{number:032x}"
        pos, before = ends[part]
        ends[part] = pos + 1, id
        payload, headers = msgspec.json.encode(fields).decode(), write_headers(id, id)
        type, version = types[name].type, types[name].version
        yield 0, part, pos + 1, id, before, order, type, version, 1.7e9 + number / 1000, headers, payload


async def _catch_up(context: Context, url: str, count: int) -> Sample:
    """Events per second, from the start of the process's system to the answer that has seen all."""
    watch = Stopwatch()
    async with System("bench", contexts=[context]).connect(store=url) as app:
        assert await app.ask(Counted(order=last_order(count)), fresh=True, deadline=_DEADLINE) == 1
        seconds, details = watch.seconds, watch.details(count)
    return Sample(count / seconds, details | {"events": count})


async def _rebuild(context: Context, url: str, count: int) -> Sample:
    """Events per second of `remit rebuild` without rests: from the opening of the stores to the switch, with its
    check. No process folds the live version, which has nothing."""
    model = System("bench", contexts=[context]).model()
    async with opened(Places({"default": Secret(url)}), ["shop"]) as stores:
        watch = Stopwatch()
        (name,) = [f"shop.{each.__name__}" for each in (Order, OrderRow) if each in projections_of(context)]
        done = await Rebuild(model, name, stores, linger=0.0).build(pause=0.0)
        seconds, details = watch.seconds, watch.details(count)
    assert (done.live, done.handled, done.documents) == (2, count, count // EACH)
    return Sample(count / seconds, details | {"events": count})


async def _made(context: Context, url: str) -> None:
    async with System("bench", contexts=[context]).connect(store=url):
        pass


def _sqlite(work: Work, context: Context, run: Run = _catch_up) -> Sample:
    url, count = f"sqlite:{work.folder}/{{context}}.db", events(work.rows, work.quick)
    asyncio.run(_made(context, url))
    with sqlite3.connect(work.folder / "shop.db") as database:
        database.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", logged(count))
    return sampling.run_async(run(context, url, count))


def _postgres(work: Work, context: Context, count: int, run: Run = _catch_up) -> Sample:
    async def fill(url: str) -> None:
        connection = await asyncpg.connect(url)
        await connection.execute("SET search_path = shop")
        if context is tables:
            await connection.execute(_TABLE)
        await connection.copy_records_to_table("remit_log", records=logged(count), schema_name="shop")
        await connection.execute("VACUUM ANALYZE remit_log")
        await connection.close()

    with running_server(work) as server:
        asyncio.run(_made(context, server.url()))
        asyncio.run(fill(server.url()))
        return sampling.run_async(run(context, server.url(), count))


def sqlite_documents(work: Work) -> Sample:
    return _sqlite(work, documents)


def sqlite_rows(work: Work) -> Sample:
    return _sqlite(work, rows)


def postgres_documents(work: Work) -> Sample:
    return _postgres(work, documents, events(work.rows, work.quick))


def postgres_rows(work: Work) -> Sample:
    return _postgres(work, rows, events(work.rows, work.quick))


def sqlite_rebuild(work: Work) -> Sample:
    return _sqlite(work, documents, _rebuild)


def sqlite_rebuild_of_rows(work: Work) -> Sample:
    return _sqlite(work, rows, _rebuild)


def postgres_rebuild(work: Work) -> Sample:
    return _postgres(work, documents, events(work.rows, work.quick), _rebuild)


def postgres_rebuild_of_rows(work: Work) -> Sample:
    return _postgres(work, rows, events(work.rows, work.quick), _rebuild)


def postgres_tables(work: Work) -> Sample:
    return _postgres(work, tables, events(work.rows // 5, work.quick))


# ── from the commit to the read model ─────────────────────────────────────────────────────────────────────────────────


class Basket(Aggregate[str, Added]):
    lines: int = 0

    def add(self, cents: int) -> None:
        self.lines += 1
        self.record(Added(order=self.id, sku="sku-1", cents=cents, note=""))


class Add(Command[int]):
    order: str
    cents: int


@live.handle(Add)
async def add(command: Add, baskets: Repository[Basket]) -> int:
    basket = await baskets.obtain(command.order)
    basket.add(command.cents)
    return basket.lines


async def _visible(work: Work, url: str) -> Sample:
    """Milliseconds from the reply of a command until an answer shows it, the median. It is asked again and again."""
    taken: list[float] = []
    async with System("bench", contexts=[live]).connect(store=url) as app:
        for number in range(work.pick(1000, 20)):
            order = f"order-{number % 100}"
            lines = await app.send(Add(order=order, cents=1))
            begun = time.perf_counter()
            while await app.ask(Counted(order=order)) < lines:  # noqa: ASYNC110  # what a reader would do
                await asyncio.sleep(0)
            taken.append(time.perf_counter() - begun)
            await asyncio.sleep(0.001)
    taken.sort()
    details = {"p50_us": sampling.percentile(taken, 0.5) * 1e6, "p99_us": sampling.percentile(taken, 0.99) * 1e6}
    return Sample(sampling.percentile(taken, 0.5) * 1e3, details)


def sqlite_visible(work: Work) -> Sample:
    return sampling.run_async(_visible(work, f"sqlite:{work.folder}/{{context}}.db"))


def postgres_visible(work: Work) -> Sample:
    with running_server(work) as server:
        return sampling.run_async(_visible(work, server.url()))
