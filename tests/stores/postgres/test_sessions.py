"""Sessions of SQLAlchemy in PostgreSQL: which schemas they find, what they leave of a connection, what ends them."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import AsyncIterator, Coroutine, Generator, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import ARRAY, DateTime, Enum, Integer, Numeric, Uuid, select, text, update
from sqlalchemy.dialects.postgresql import JSONB, TSTZRANGE, Range
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from remit import Aggregate, Command, Context, Events, IntegrationEvent, Query, Repository, Sender, Sql, System
from remit.contexts import Relation
from remit.errors import DeadlineExceeded, HandlerFailed, Unavailable
from remit.relations import Partnership
from tests.servers.postgres import Server

Connection = Any  # asyncpg.Connection takes its parameter in stubs only


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Base(DeclarativeBase):
    pass


class Part(Base):
    """Its table and its type are in a schema of the team, which the search path of the user names."""

    __tablename__ = "part"
    id: Mapped[int] = mapped_column(primary_key=True)
    colour: Mapped[Colour] = mapped_column(Enum(Colour, name="colour"))
    colours: Mapped[list[Colour]] = mapped_column(ARRAY(Enum(Colour, name="colour")))
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    history: Mapped[list[dict[str, Any]]] = mapped_column(ARRAY(JSONB))
    made: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    valid: Mapped[Range[datetime]] = mapped_column(TSTZRANGE)
    serial: Mapped[UUID] = mapped_column(Uuid)
    sizes: Mapped[list[int]] = mapped_column(ARRAY(Integer))


MADE = datetime(2026, 5, 1, tzinfo=UTC)


def part(id: int) -> Part:
    return Part(
        id=id, colour=Colour.RED, colours=[Colour.BLUE, Colour.RED], price=Decimal("1.20"), facts={"a": [1, None]},
        history=[{"b": 2}], made=MADE, valid=Range(MADE, None), serial=UUID(int=id), sizes=[1, 2],
    )  # fmt: skip


_ASLEEP = """
    SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()
"""


class Store(Command[None]):
    id: int


class Paint(Command[str]):
    id: int


class Nap(Command[None]):
    id: int


class Doze(Command[str]):
    """Waits in a savepoint."""

    swallows: bool


class Write(Command[int]):
    statement: str


class Plain(Query[str]): ...


class Raw(Query[list[str]]): ...


class Stored(IntegrationEvent, version=1, key="id"):
    id: int


class Shelf(Aggregate[str]):
    parts: int = 0


def made(relations: list[Relation] | None = None) -> System:
    parts, desk = Context("parts"), Context("desk")

    @parts.handle(Store)
    async def store(command: Store, session: AsyncSession, shelves: Repository[Shelf], events: Events[Stored]) -> None:
        session.add(part(command.id))
        await session.flush()
        (await shelves.obtain("all")).parts += 1
        events.publish(Stored(id=command.id))

    @parts.handle(Paint)
    async def paint(command: Paint, session: AsyncSession) -> str:
        found = await session.get_one(Part, command.id, with_for_update=True)
        same = found.colours, found.price, found.facts, found.history, found.made, found.valid, found.serial
        wanted = part(command.id)
        assert same == (
            wanted.colours, wanted.price, wanted.facts, wanted.history, wanted.made, wanted.valid, wanted.serial
        )  # fmt: skip
        found.colour = Colour.BLUE
        await session.execute(update(Part).where(Part.colour == Colour.RED).values(sizes=[3]))
        return (await session.scalars(select(Part.colour).where(Part.sizes == [1, 2]))).one().value

    @parts.handle(Nap)
    async def nap(command: Nap, session: AsyncSession, shelves: Repository[Shelf]) -> None:
        session.add(part(command.id))
        await session.flush()
        (await shelves.obtain("all")).parts += 1
        await session.execute(text("SELECT pg_sleep(60)"))

    @parts.handle(Doze)
    async def doze(command: Doze, session: AsyncSession, shelves: Repository[Shelf]) -> str:
        (await shelves.obtain("all")).parts += 1
        try:
            async with asyncio.timeout(0.1 if command.swallows else None), session.begin_nested():
                session.add(part(1))
                await session.flush()
                await session.execute(text("SELECT pg_sleep(60)"))
        except TimeoutError:
            return "went on"
        return ""

    @parts.handle(Write)
    async def write(command: Write, connection: AsyncConnection) -> int:
        return (await connection.execute(text(command.statement))).rowcount

    @parts.answer(Raw)
    async def raw(query: Raw, session: AsyncSession) -> list[str]:
        row = (await session.execute(text("SELECT facts, history, CAST(NULL AS json) AS none FROM part"))).one()
        return [repr(each) for each in row]

    @parts.answer(Plain)
    async def plain(query: Plain, sql: Sql) -> str:
        (row,) = await sql.fetch("""SELECT '{"a": 1}'::jsonb AS found""")
        return repr(row["found"])

    @desk.react(Stored)
    async def hear(event: Stored, connection: AsyncConnection) -> None:
        await connection.execute(text("SELECT 1"))

    return System("s", contexts=[parts, desk], relations=relations or [])


@pytest.fixture
async def team(connection: Connection, schema: str) -> AsyncIterator[str]:
    """A schema that the team had before, with a table and a type."""
    name = f"{schema}_team"
    await connection.execute(f"""
        CREATE SCHEMA {name};
        CREATE TYPE {name}.colour AS ENUM ('RED', 'BLUE');
        CREATE TABLE {name}.part (
            id int PRIMARY KEY, colour {name}.colour, colours {name}.colour[], price numeric(10, 2), facts jsonb,
            history jsonb[], made timestamptz, valid tstzrange, serial uuid, sizes int[]
        );
    """)
    yield name
    for each in (name, f"{schema}_parts", f"{schema}_desk"):
        await connection.execute(f"DROP SCHEMA IF EXISTS {each} CASCADE")


@pytest.fixture
def address(server: str, schema: str, team: str) -> str:
    return f"{server}?schema={schema}_{{context}}&search_path={team},public"


class Written:
    """What is in the tables, seen from outside."""

    def __init__(self, connection: Connection, schema: str) -> None:
        self._connection, self._schema = connection, schema

    async def parts(self) -> list[int]:
        return [row[0] for row in await self._connection.fetch(f"SELECT id FROM {self._schema}_team.part ORDER BY id")]

    async def rest(self) -> tuple[int, int]:
        """How often the aggregate was written, and how many events were published."""
        sql = f"SELECT max(version) FROM {self._schema}_parts.remit_state WHERE kind = 'parts.Shelf'"
        state = await self._connection.fetchval(sql)
        return state or 0, await self._connection.fetchval(f"SELECT count(*) FROM {self._schema}_parts.remit_log")

    async def open_transactions(self) -> int:
        sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state LIKE 'idle in transaction%'"
        return int(await self._connection.fetchval(sql, f"remit {self._schema}_parts sql"[:63]))


@pytest.fixture
def written(connection: Connection, schema: str) -> Written:
    return Written(connection, schema)


@pytest.fixture
async def app(address: str) -> AsyncIterator[Sender]:
    async with made().connect(store=address) as app:
        yield app


async def test_models_and_types_of_the_team_are_found_and_come_back_as_they_were(app: Sender, written: Written) -> None:
    await app.send(Store(id=1))
    assert await app.send(Paint(id=1)) == "blue"
    assert await app.ask(Raw()) == ["{'a': [1, None]}", "[{'b': 2}]", "None"]
    assert await written.parts() == [1]


async def test_connection_is_as_before_for_statements_of_others(app: Sender) -> None:
    before = await app.ask(Plain())
    await app.send(Store(id=1))
    assert await app.send(Paint(id=1)) == "blue"
    assert await app.ask(Plain()) == before == repr('{"a": 1}')


async def test_of_32_at_a_time_each_writes_all_or_nothing(app: Sender, written: Written) -> None:
    """Every second one writes a row that is there: it fails, and its event and its part of the aggregate with it."""
    ids = [*range(16), *range(16)]
    ended = await asyncio.gather(*(app.send(Store(id=id)) for id in ids), return_exceptions=True)
    assert sum(isinstance(each, HandlerFailed) for each in ended) == 16
    assert await written.parts() == list(range(16))
    assert await written.rest() == (16, 16)


async def test_deadline_leaves_no_row_and_no_transaction(app: Sender, written: Written) -> None:
    with pytest.raises(DeadlineExceeded):
        await app.send(Nap(id=1), deadline=0.3)
    await app.send(Store(id=1))
    assert (await written.parts(), await written.rest()) == ([1], (1, 1))
    assert await written.open_transactions() == 0


class CutShort:
    """Awaits a call, and cancels its task when it waits for the n-th time."""

    def __init__(self, call: Coroutine[Any, Any, None], at: int) -> None:
        self._call, self._at = call, at
        self.waited = 0

    def __await__(self) -> Generator[Any, Any, None]:
        steps, error = self._call.__await__(), None
        while True:
            try:
                waits = steps.send(None) if error is None else steps.throw(error)
            except StopIteration:
                return
            self.waited += 1
            task = asyncio.current_task()
            if self.waited == self._at and task is not None:
                task.cancel()
            error = None
            try:
                yield waits
            except BaseException as thrown:  # noqa: BLE001  # thrown into the call
                error = thrown


async def await_(cut: CutShort) -> None:
    await cut


async def test_call_that_is_cancelled_at_any_await_is_written_whole_or_not_at_all(
    app: Sender, written: Written
) -> None:
    await app.send(Store(id=0))
    cancelled = 0
    for at in range(1, 100):
        cut = CutShort(app.send(Store(id=at)), at)
        (ended,) = await asyncio.gather(asyncio.ensure_future(await_(cut)), return_exceptions=True)
        cancelled += isinstance(ended, asyncio.CancelledError)
        count = len(await written.parts())
        assert await written.rest() == (count, count), f"cancelled at await {at}"
        if cut.waited < at:
            break
    assert cancelled >= 8, "begin, two statements with their preparation, commit"
    assert await written.open_transactions() == 0


async def test_statement_that_is_cancelled_in_a_savepoint_ends_its_handler(
    app: Sender, written: Written, connection: Connection
) -> None:
    with pytest.raises(HandlerFailed) as caught:
        await app.send(Doze(swallows=True))
    assert "was cancelled, and with it the transaction" in str(caught.value.__cause__)
    task = asyncio.ensure_future(app.send(Doze(swallows=False)))
    while not await connection.fetchval(_ASLEEP):
        pass
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await written.parts(), await written.rest()) == ([], (0, 0))


async def test_column_that_was_added_meanwhile_runs_the_handler_again(
    app: Sender, connection: Connection, team: str
) -> None:
    """Its statement was prepared for the old type of the row."""
    await app.send(Store(id=1))
    await app.send(Paint(id=1))
    await connection.execute(f"ALTER TABLE {team}.part ALTER COLUMN price TYPE numeric(12, 2)")
    await connection.execute(f"UPDATE {team}.part SET colour = 'RED', sizes = '{{1, 2}}'")
    assert await app.send(Paint(id=1)) == "blue"


async def test_table_of_another_context_is_refused_and_not_found_without_its_schema(
    address: str, schema: str, connection: Connection
) -> None:
    store = f"{address},{schema}_desk"
    async with made([Partnership("parts", "desk")]).connect(store=store) as app:
        await connection.execute(f"CREATE TABLE {schema}_desk.note (id int); INSERT INTO {schema}_desk.note VALUES (1)")
        with pytest.raises(HandlerFailed) as caught:
            await app.send(Write(statement=f"UPDATE {schema}_desk.note SET id = 2"))
        assert getattr(caught.value.__cause__, "code", "") == "sql.not-covered"
        with pytest.raises(HandlerFailed) as missing:
            await app.send(Write(statement="UPDATE note SET id = 2"))
        assert "does not exist" in str(missing.value.__cause__)


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A server that this test may kill."""
    with Server() as server:
        yield server


async def test_killed_server_is_told_and_gone_on_with(own: Server) -> None:
    own_url = own.url()
    connection = await asyncpg.connect(own_url)
    await connection.execute("CREATE TYPE colour AS ENUM ('RED', 'BLUE')")
    await connection.close()
    async with made().connect(store=own_url) as app:
        connection = await asyncpg.connect(own_url)
        await connection.execute("""
            CREATE TABLE part (id int PRIMARY KEY, colour colour, colours colour[], price numeric(10, 2), facts jsonb,
            history jsonb[], made timestamptz, valid tstzrange, serial uuid, sizes int[])
        """)
        await app.send(Store(id=1))
        nap = asyncio.ensure_future(app.send(Nap(id=2)))
        while not await connection.fetchval(_ASLEEP):
            pass
        await asyncio.to_thread(own.kill)
        with pytest.raises(Unavailable):
            await nap
        await asyncio.to_thread(own.start)
        while True:
            try:
                await app.send(Store(id=3), key="third")
                break
            except Unavailable:
                continue
        connection = await asyncpg.connect(own_url)
        assert [row[0] for row in await connection.fetch("SELECT id FROM part ORDER BY id")] == [1, 3]
        await connection.close()
