"""python-cqrs: its EventProducer drains its SQLAlchemy outbox, here in SQLite, into JetStream."""

import logging
from typing import Any

import cqrs
import msgspec
import nats
from cqrs.message_brokers import protocol
from cqrs.message_brokers.producer import EventProducer
from cqrs.outbox.sqlalchemy import Base, SqlAlchemyOutboxedEventRepository
from nats.js import JetStreamContext
from pydantic import BaseModel
from sqlalchemy import BigInteger, event
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.ext.compiler import compiles

from benchmarks import sampling
from benchmarks.relay import messages
from benchmarks.sampling import Sample, Stopwatch, Work

_BATCH = 500


@compiles(BigInteger, "sqlite")
def _integer(*_: Any, **__: Any) -> str:
    """Its table has a BIGINT key, which SQLite does not count up."""
    return "INTEGER"


class Line(BaseModel):
    sku: str
    quantity: int
    price: int


class OrderPlaced(BaseModel):
    number: int
    order: str
    customer: str
    amount: int
    lines: list[Line]
    currency: str


class JetStream(protocol.MessageBroker):
    """Awaits the acknowledgement of each message, as the producer expects."""

    def __init__(self, context: JetStreamContext) -> None:
        self._context = context

    async def send_message(self, message: protocol.Message) -> None:
        body = message.payload_bytes or msgspec.json.encode(message.payload)
        headers = {"message-id": str(message.message_id), "message-name": message.message_name}
        await self._context.publish(message.topic, body, headers=headers)


def _durable(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


async def _run(work: Work) -> Sample:
    logging.getLogger("cqrs").setLevel(logging.WARNING)
    count = work.pick(3_000, 200)
    cqrs.OutboxedEventMap.register("OrderPlaced", cqrs.NotificationEvent[OrderPlaced])
    engine = create_async_engine(f"sqlite+aiosqlite:///{work.folder}/outbox.db")
    event.listen(engine.sync_engine, "connect", _durable)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    async with sessions() as session:
        outbox = SqlAlchemyOutboxedEventRepository(session)
        for number in range(count):
            payload = OrderPlaced(**msgspec.json.decode(messages.payload(number)))
            outbox.add(cqrs.NotificationEvent[OrderPlaced](event_name="OrderPlaced", topic="orders", payload=payload))
        await outbox.commit()
    with messages.running_server(work) as server:
        client = await nats.connect(server.url)
        context = client.jetstream()
        await context.add_stream(name="orders", subjects=["orders"])
        async with sessions() as session:
            outbox = SqlAlchemyOutboxedEventRepository(session)
            producer = EventProducer(JetStream(context), outbox)
            stopwatch = Stopwatch()
            done = 0
            async for batch in producer.event_batch_generator(_BATCH):
                for each in batch:
                    await producer.send_message(each)
                await outbox.commit()
                done += len(batch)
                if done >= count:
                    break
            sample = Sample(count / stopwatch.seconds, stopwatch.details(count))
        stored = (await context.stream_info("orders")).state.messages
        await client.close()
    await engine.dispose()
    if stored != count:
        raise RuntimeError(f"{stored} of {count} messages are in the stream")
    return sample


def run(work: Work) -> Sample:
    return sampling.run_async(_run(work))
