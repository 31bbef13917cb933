"""SQLAlchemy's async ORM over asyncpg, an outbox and an idempotency table: the code of `sqlite/sqlalchemy_orm.py`."""

import msgspec
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks import loops, sampling
from benchmarks.postgres.server import running_server
from benchmarks.sampling import Sample, Work
from benchmarks.sqlite.orders import placement
from benchmarks.sqlite.sqlalchemy_orm import Base, Shop


def _encode_text(value: object) -> str:
    return msgspec.json.encode(value).decode()


async def _measured(work: Work, url: str, in_flight: int) -> Sample:
    engine = create_async_engine(
        url.replace("postgresql:", "postgresql+asyncpg:"),
        pool_size=min(in_flight, 8),
        max_overflow=0,
        json_serializer=_encode_text,
        json_deserializer=msgspec.json.decode,
    )
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    shop = Shop(engine)
    sample = await loops.tasks_in_flight(work, in_flight, lambda number: shop.place(placement(number)))
    await engine.dispose()
    return sample


def _run(work: Work, in_flight: int) -> Sample:
    with running_server(work) as server:
        return sampling.run_async(_measured(work, server.url(), in_flight))


def run_1(work: Work) -> Sample:
    return _run(work, 1)


def run_32(work: Work) -> Sample:
    return _run(work, 32)
