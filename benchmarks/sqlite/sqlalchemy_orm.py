"""What a careful team writes today: SQLAlchemy's async ORM over aiosqlite, an outbox table and an idempotency table.

One connection: SQLite has one writer, and a pool of one queues the callers fairly in the process instead of letting
connections wait for the file lock by sleeping. Transactions begin with BEGIN IMMEDIATE by the recipe of its
documentation.
"""

import hashlib
import time
import uuid
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import JSON, event
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from benchmarks import loops, sampling
from benchmarks.sampling import Sample, Work
from benchmarks.sqlite.orders import Placement, placement


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[str] = mapped_column(primary_key=True)
    customer: Mapped[str]
    lines: Mapped[Any] = mapped_column(JSON)
    total: Mapped[int]
    changes: Mapped[int]
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  # declared like this by the library


class Outgoing(Base):
    __tablename__ = "outbox"
    position: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str]
    key: Mapped[str]
    type: Mapped[str]
    at: Mapped[float]
    payload: Mapped[Any] = mapped_column(JSON)


class Answered(Base):
    __tablename__ = "idempotency"
    caller: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    outcome: Mapped[str]
    at: Mapped[float]


def _encode_text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def connect(path: Path) -> AsyncEngine:
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{path}",
        pool_size=1,
        max_overflow=0,
        json_serializer=_encode_text,
        json_deserializer=msgspec.json.decode,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


class Shop:
    def __init__(self, engine: AsyncEngine) -> None:
        self._sessions = async_sessionmaker(engine, expire_on_commit=False)

    async def place(self, command: Placement) -> str:
        async with self._sessions.begin() as session:
            known = await session.get(Answered, ("web", command.key))
            if known is not None:
                return known.outcome
            order = await session.get(Order, command.order)
            if order is None:
                order = Order(id=command.order, changes=0)
                session.add(order)
            lines = [line._asdict() for line in command.lines]
            order.customer, order.lines, order.total = command.customer, lines, command.total
            order.changes += 1
            placed = {"order": order.id, "customer": order.customer, "lines": lines, "total": order.total}
            session.add(
                Outgoing(id=uuid.uuid4().hex, key=order.id, type="sales.Placed", at=time.time(), payload=placed)
            )
            fingerprint = hashlib.blake2b(msgspec.json.encode(command), digest_size=16).digest()
            session.add(
                Answered(caller="web", key=command.key, fingerprint=fingerprint, outcome=order.id, at=time.time())
            )
            return order.id


async def _run(work: Work, in_flight: int) -> Sample:
    engine = connect(work.folder / "orders.db")
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    shop = Shop(engine)
    sample = await loops.tasks_in_flight(work, in_flight, lambda number: shop.place(placement(number)))
    await engine.dispose()
    return sample


def run_1(work: Work) -> Sample:
    return sampling.run_async(_run(work, 1))


def run_32(work: Work) -> Sample:
    return sampling.run_async(_run(work, 32))
