"""faststream-outbox: rows of a PostgreSQL table go through a subscriber to FastStream's NATS publisher."""

import asyncio
from typing import Any

import msgspec
import nats
from faststream.nats import JStream, NatsBroker
from faststream_outbox import OutboxBroker, make_outbox_table
from sqlalchemy import MetaData, func, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from benchmarks import sampling
from benchmarks.relay import messages
from benchmarks.sampling import Sample, Stopwatch, Work
from tests.servers.postgres import Server


async def _relayed(client: nats.NATS, count: int) -> None:
    context = client.jetstream()
    while (await context.stream_info("orders")).state.messages < count:  # noqa: ASYNC110  # nothing tells when it is
        await asyncio.sleep(0.01)


async def _measured(work: Work, workers: int, database: str, broker_url: str) -> Sample:
    count = work.pick(3_000, 200)
    engine = create_async_engine(database.replace("postgresql", "postgresql+asyncpg"), pool_size=20)
    metadata = MetaData()
    table = make_outbox_table(metadata, table_name="outbox")
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    jetstream = NatsBroker(broker_url, logger=None)
    outbox = OutboxBroker(engine, outbox_table=table, logger=None)

    @jetstream.publisher("orders", stream=JStream("orders", subjects=["orders"]))
    @outbox.subscriber(
        "orders", max_workers=workers, fetch_batch_size=500, min_fetch_interval=0.001, terminal_flush_batch_size=50
    )
    async def relay(body: dict[str, Any]) -> dict[str, Any]:
        return body

    async with async_sessionmaker(engine)() as session, session.begin():
        for number in range(count):
            await outbox.publish(msgspec.json.decode(messages.payload(number)), queue="orders", session=session)
    await jetstream.start()
    client = await nats.connect(broker_url)
    stopwatch = Stopwatch()
    await outbox.start()
    await _relayed(client, count)
    async with engine.connect() as connection:
        while await connection.scalar(select(func.count()).select_from(table)):  # noqa: ASYNC110  # nor this
            await asyncio.sleep(0.01)
    sample = Sample(count / stopwatch.seconds, stopwatch.details(count))
    await outbox.stop()
    await jetstream.stop()
    await client.close()
    await engine.dispose()
    return sample


def _run(work: Work, workers: int) -> Sample:
    with Server({"fsync": "on", "full_page_writes": "on"}) as database, messages.running_server(work) as server:
        return sampling.run_async(_measured(work, workers, database.url(), server.url))


def in_order(work: Work) -> Sample:
    return _run(work, 1)


def in_no_order(work: Work) -> Sample:
    return _run(work, 8)
