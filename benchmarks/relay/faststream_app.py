"""faststream-outbox: rows of a PostgreSQL table go through a subscriber to FastStream's NATS publisher."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import nats
from faststream.nats import JStream, NatsBroker
from faststream_outbox import OutboxBroker, make_outbox_table
from sqlalchemy import MetaData, Table, func, select
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine

from benchmarks import sampling
from benchmarks.postgres.server import running_server
from benchmarks.relay import by_hand, end_to_end, messages, moments
from benchmarks.relay.moments import Moments
from benchmarks.sampling import Sample, Stopwatch, Work

_FASTEST = {"fetch_batch_size": 500, "min_fetch_interval": 0.001, "terminal_flush_batch_size": 50}


class Outbox:
    """The table, and the relay that `start` starts. Without options the relay has its defaults."""

    def __init__(self, engine: AsyncEngine, table: Table, url: str, **options: Any) -> None:
        self.table = table
        self._sessions = async_sessionmaker(engine)
        self._jetstream = NatsBroker(url, logger=None)
        self._outbox = OutboxBroker(engine, outbox_table=table, logger=None)

        @self._jetstream.publisher("orders", stream=JStream("orders", subjects=["orders"]))
        @self._outbox.subscriber("orders", **options)
        async def relay(body: dict[str, Any]) -> dict[str, Any]:
            return body

    async def commit(self, numbers: range) -> None:
        """One transaction with a message for each number."""
        async with self._sessions() as session, session.begin():
            for number in numbers:
                body = msgspec.json.decode(messages.payload(number))
                await self._outbox.publish(body, queue="orders", session=session)

    async def start(self) -> None:
        await self._jetstream.start()
        await self._outbox.start()

    async def stop(self) -> None:
        await self._outbox.stop()
        await self._jetstream.stop()


@asynccontextmanager
async def _connected(database: str) -> AsyncGenerator[tuple[AsyncEngine, Table]]:
    engine = create_async_engine(database.replace("postgresql", "postgresql+asyncpg"), pool_size=20)
    metadata = MetaData()
    table = make_outbox_table(metadata, table_name="outbox")
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield engine, table
    await engine.dispose()


async def _relayed(client: nats.NATS, count: int) -> None:
    context = client.jetstream()
    while (await context.stream_info("orders")).state.messages < count:  # noqa: ASYNC110  # nothing tells when it is
        await asyncio.sleep(0.01)


async def _throughput(work: Work, workers: int, database: str, url: str) -> Sample:
    count = work.pick(3_000, 200)
    async with _connected(database) as (engine, table):
        outbox = Outbox(engine, table, url, max_workers=workers, **_FASTEST)
        await outbox.commit(range(count))
        client = await nats.connect(url)
        await client.jetstream().add_stream(name="orders", subjects=["orders"])
        stopwatch = Stopwatch()
        await outbox.start()
        await _relayed(client, count)
        async with engine.connect() as connection:
            while await connection.scalar(select(func.count()).select_from(table)):  # noqa: ASYNC110  # nor this
                await asyncio.sleep(0.01)
        sample = Sample(count / stopwatch.seconds, stopwatch.details(count))
        await outbox.stop()
        await client.close()
        return sample


async def _latency(work: Work, database: str, url: str, started: Moments) -> Sample:
    async with _connected(database) as (engine, table):
        outbox = Outbox(engine, table, url)

        async def commit(number: int) -> None:
            await outbox.commit(range(number, number + 1))

        await outbox.start()
        sample = await end_to_end.latency(work, commit, started)
        await outbox.stop()
        return sample


def in_order(work: Work) -> Sample:
    return _relay(work, 1)


def in_no_order(work: Work) -> Sample:
    return _relay(work, 8)


def _relay(work: Work, workers: int) -> Sample:
    with running_server(work) as database, messages.running_server(work) as server:
        return sampling.run_async(_throughput(work, workers, database.url(), server.url))


def notified(work: Work) -> Sample:
    return _notified(work, both=False)


def notified_postgres(work: Work) -> Sample:
    return _notified(work, both=True)


def _notified(work: Work, *, both: bool) -> Sample:
    """Who handles has its tables in SQLite, or both sides in PostgreSQL."""
    started = moments.prepare(work.folder, end_to_end.PACED)
    with (
        running_server(work) as database,
        messages.running_server(work) as server,
        by_hand.consuming(work, server.url, database.url() if both else None, 1),
    ):
        return sampling.run_async(_latency(work, database.url(), server.url, started))
