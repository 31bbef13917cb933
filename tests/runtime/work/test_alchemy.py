"""Handlers that ask for a session of SQLAlchemy: what it writes is written with their message, on every store."""

from __future__ import annotations

import asyncio
import enum
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import JSON, DateTime, Enum, ForeignKey, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload

from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    Events,
    IntegrationEvent,
    Query,
    Refusal,
    Repository,
    Sender,
    Sql,
    System,
    Value,
)
from remit.errors import HandlerFailed, ModelError, SqlError, StoreError
from remit.hosting.assembly import assemble
from remit.stores import Store
from remit.stores.memory import MEMORY
from remit.stores.memory.store import MemoryStore


class State(enum.Enum):
    OPEN = "open"
    PAID = "paid"


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "customer"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    notes: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    since: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    bills: Mapped[list[Bill]] = relationship(back_populates="customer", order_by="Bill.id")


class Bill(Base):
    __tablename__ = "bill"
    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[State] = mapped_column(Enum(State, name="bill_state"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    customer: Mapped[Customer] = relationship(back_populates="bills")


class Stock(Base):
    __tablename__ = "stock"
    id: Mapped[int] = mapped_column(primary_key=True)
    pieces: Mapped[int]
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  # as SQLAlchemy's pages write it


class Noted(Base):
    __tablename__ = "noted"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Letter(Base):
    __tablename__ = "posted"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class OwnSession(AsyncSession):
    """A session of a library on top of SQLAlchemy."""

    async def names(self) -> list[str]:
        return list(await self.scalars(select(Noted.name)))


class NameTaken(Refusal):
    name: str


class Make(Command[None]):
    """Makes the tables."""


class Enrol(Command[int, NameTaken]):
    name: str
    bills: int = 0
    fails: bool = False


class Take(Command[int]):
    """Takes a piece, by what the session has read."""


class Odd(Command[None]):
    """Does with its session what it should not."""

    what: str


class Try(Command[list[str]]):
    """Takes names, each in a savepoint."""

    names: list[str]


class Shown(Value):
    name: str
    states: list[str]
    notes: str


class Customers(Query[list[Shown]]): ...


class Letters(Query[list[str]]): ...


class Notes(Query[list[str]]): ...


class Peek(Query[int]): ...


class Enrolled(DomainEvent):
    name: str


class Welcomed(IntegrationEvent, version=1, key="name"):
    name: str


class Register(Aggregate[str, Enrolled]):
    count: int = 0

    def enrol(self, name: str) -> None:
        self.count += 1
        self.record(Enrolled(name=name))


sessions: list[AsyncSession] = []
"""The session of each run of `take`, kept so that each has an identity of its own."""

school, desk = Context("school"), Context("desk")
system = System("s", contexts=[school, desk])


@school.handle(Make)
async def make(command: Make, connection: AsyncConnection) -> None:
    await connection.run_sync(Base.metadata.create_all)
    await connection.execute(insert(Stock).values(id=1, pieces=100, version=1))


@school.handle(Enrol)
async def enrol(
    command: Enrol, registers: Repository[Register], session: AsyncSession, events: Events[Welcomed]
) -> int:
    customer = Customer(name=command.name, notes={"by": ["desk"]}, since=datetime(2026, 1, 1, tzinfo=UTC))
    customer.bills = [Bill(state=State.OPEN) for _ in range(command.bills)]
    session.add(customer)
    try:
        await session.flush()
    except IntegrityError as error:
        raise NameTaken(name=command.name) from error
    (await registers.obtain("all")).enrol(command.name)
    events.publish(Welcomed(name=command.name))
    if customer.bills:
        customer.bills[0].state = State.PAID  # written when the handler has ended
    if command.fails:
        await session.flush()
        raise RuntimeError
    return customer.id


@school.react(Enrolled, together=True)
async def note(event: Enrolled, session: AsyncSession) -> None:
    session.add(Noted(name=event.name))


@desk.react(Welcomed)
async def greet(event: Welcomed, connection: AsyncConnection) -> None:
    await connection.run_sync(Letter.metadata.tables["posted"].create, checkfirst=True)
    await connection.execute(insert(Letter).values(name=event.name))


@desk.answer(Letters)
async def letters(query: Letters, sql: Sql, session: AsyncSession) -> list[str]:
    return list(await session.run_sync(names_of))


def names_of(session: Session) -> list[str]:
    """Code that was written for a session which is not awaited."""
    return [letter.name for letter in session.query(Letter).order_by(Letter.name)]


@school.handle(Take)
async def take(command: Take, session: AsyncSession) -> int:
    sessions.append(session)
    stock = await session.get_one(Stock, 1)
    await asyncio.sleep(0)
    stock.pieces -= 1
    return stock.pieces


@school.handle(Try)
async def tried(command: Try, session: AsyncSession) -> list[str]:
    taken: list[str] = []
    for name in command.names:
        try:
            async with session.begin_nested():
                session.add(Customer(name=name, since=datetime(2026, 1, 1, tzinfo=UTC)))
        except IntegrityError:
            taken.append(name)
    return taken


@school.handle(Odd)
async def odd(command: Odd, session: AsyncSession, connection: AsyncConnection, sender: Sender) -> None:
    session.add(Noted(name=command.what))
    match command.what:
        case "commit":
            await session.commit()
        case "begin":
            async with connection.begin():
                await connection.execute(text("SELECT 1"))
        case "caught":
            try:
                await session.commit()
            except SqlError:
                return
        case "rollback" | "close" | "invalidate":
            await session.flush()
            await getattr(session, command.what)()
        case "invalidate the connection":
            await session.flush()
            await connection.invalidate()
        case "duplicate":
            session.add_all([Noted(id=7, name="secret"), Noted(id=7, name="secret")])
        case "isolation":
            await session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        case _:
            await session.execute(text(command.what))


@school.answer(Customers)
async def customers(query: Customers, session: AsyncSession) -> list[Shown]:
    found = await session.scalars(select(Customer).options(selectinload(Customer.bills)).order_by(Customer.name))
    return [
        Shown(name=each.name, states=[bill.state.value for bill in each.bills], notes=str(each.notes)) for each in found
    ]


@school.answer(Notes)
async def notes(query: Notes, connection: AsyncConnection) -> list[str]:
    return list(await connection.scalars(select(Noted.name).order_by(Noted.id)))


@school.answer(Peek)
async def peek(query: Peek, session: OwnSession) -> int:
    session.add(Noted(name="peek"))
    await session.flush()
    return len(await session.names())


@pytest.fixture
async def app(anywhere: str) -> AsyncIterator[Sender]:
    sessions.clear()
    async with system.connect(store=anywhere) as app:
        await app.send(Make())
        yield app


def code_of(caught: pytest.ExceptionInfo[HandlerFailed]) -> str:
    return str(getattr(caught.value.__cause__, "code", repr(caught.value.__cause__)))


async def test_objects_events_and_aggregates_are_written_together(app: Sender) -> None:
    assert await app.send(Enrol(name="ada", bills=2), key="once") == 1
    assert await app.send(Enrol(name="ada", bills=2), key="once") == 1
    assert await app.send(Enrol(name="bob")) == 2
    assert await app.ask(Customers()) == [
        Shown(name="ada", states=["paid", "open"], notes="{'by': ['desk']}"),
        Shown(name="bob", states=[], notes="{'by': ['desk']}"),
    ]
    assert await app.ask(Notes()) == ["ada", "bob"], "a reaction with together shares the session"
    assert await app.ask(Letters(), fresh=True) == ["ada", "bob"]


async def test_refusal_takes_back_what_was_flushed_and_is_kept(app: Sender) -> None:
    await app.send(Enrol(name="ada"))
    for _ in range(2):
        assert await app.attempt(Enrol(name="ada", bills=1), key="again") == NameTaken(name="ada")
    assert await app.ask(Notes()) == ["ada"]
    assert len(await app.ask(Customers())) == 1


async def test_exception_takes_back_what_was_flushed(app: Sender) -> None:
    with pytest.raises(HandlerFailed):
        await app.send(Enrol(name="ada", bills=1, fails=True))
    assert (await app.ask(Customers()), await app.ask(Notes())) == ([], [])


async def test_savepoint_takes_back_a_part(app: Sender) -> None:
    assert await app.send(Try(names=["ada", "ada", "bob", "bob"])) == ["ada", "bob"]
    assert [each.name for each in await app.ask(Customers())] == ["ada", "bob"]


async def test_writers_of_one_row_run_again_with_new_sessions(app: Sender) -> None:
    left = await asyncio.gather(*(app.send(Take()) for _ in range(32)))
    assert sorted(left) == list(range(68, 100))
    assert len(set(map(id, sessions))) == len(sessions) > 32


async def test_many_writers_of_different_rows(app: Sender) -> None:
    keys = await asyncio.gather(*(app.send(Try(names=[f"n{number}"])) for number in range(32)))
    assert keys == [[]] * 32
    assert len(await app.ask(Customers())) == 32


async def test_what_a_query_flushes_is_dropped(app: Sender) -> None:
    assert [await app.ask(Peek()) for _ in range(3)] == [1, 1, 1]
    assert await app.ask(Notes()) == []


async def test_transaction_is_not_ended_by_the_handler(app: Sender) -> None:
    calls = ("commit", "begin", "caught", "rollback", "close", "isolation", "invalidate", "invalidate the connection")
    for what in calls:
        with pytest.raises(HandlerFailed) as caught:
            await app.send(Odd(what=what))
        assert code_of(caught) == "sql.failed", what
        assert await app.ask(Notes()) == [], what


async def test_error_that_nobody_catches_tells_no_values(app: Sender, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(HandlerFailed) as caught:
        await app.send(Odd(what="INSERT INTO noted (id, name) VALUES (1, 'private'), (1, 'private')"))
    assert isinstance(caught.value.__cause__, IntegrityError)
    with pytest.raises(HandlerFailed):
        await app.send(Odd(what="duplicate"))
    assert "noted" in caplog.text
    assert "secret" not in caplog.text


async def test_session_is_of_no_use_when_the_unit_of_work_is_over(app: Sender) -> None:
    await app.send(Take())
    with pytest.raises(SqlError, match="the unit of work is over"):
        await sessions[-1].execute(text("SELECT 1"))


async def test_engine_of_a_session_gives_no_connections(app: Sender) -> None:
    await app.send(Take())
    connection: Any = sessions[-1].bind
    with pytest.raises(SqlError, match="asked for a connection"):
        await connection.engine.connect()


async def test_session_that_is_not_awaited_is_told_at_the_start() -> None:
    context = Context("school")

    @context.handle(Make)
    async def make(command: Make, session: Session) -> None: ...

    with pytest.raises(ModelError, match=r"AsyncSession in place of Session.*run_sync") as caught:
        System("s", contexts=[context]).model()
    assert [finding.code for finding in caught.value.findings] == ["handler.dependency"]


async def test_what_sqlalchemy_needs_and_is_not_installed_is_told_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context = Context("school")

    @context.handle(Make)
    async def make(command: Make, session: AsyncSession) -> None: ...

    monkeypatch.setitem(sys.modules, "remit.stores.alchemy.bound", None)
    with pytest.raises(StoreError, match=r"pip install 'remit\[sqlalchemy\]'"):
        async with System("s", contexts=[context]).connect(store="memory:"):
            pass


async def test_store_without_a_dialect_is_told_at_the_start() -> None:
    stores: dict[str, Store] = {}
    for name in system.names:
        stores[name] = store = MemoryStore()
        store.technology = replace(MEMORY, dialect="")
    with pytest.raises(ModelError, match="has no dialect of SQLAlchemy") as caught:
        assemble(system.model(), stores=stores)
    assert {finding.code for finding in caught.value.findings} == {"store.no-sql"}


async def test_session_that_the_user_provides_is_the_users(anywhere: str) -> None:
    context, given = Context("school"), AsyncSession()
    context.provide(AsyncSession, lambda: given)
    got: list[AsyncSession] = []

    @context.handle(Make)
    async def make(command: Make, session: AsyncSession) -> None:
        got.append(session)

    async with System("s", contexts=[context]).connect(store=anywhere) as app:
        await app.send(Make())
    assert got == [given]
