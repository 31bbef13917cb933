"""What cannot be published is refused before anything is written, and says what to do."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any, Literal, get_args

import asyncpg
import psycopg
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import scoped_session, sessionmaker

from remit import Command, Context, DomainEvent, IntegrationEvent, Query, System
from remit.errors import ModelError, OutboxError, TooLarge
from remit.stores.size import LARGEST_UNIT
from tests.outbox.libraries import async_outbox, django, driven_by, settled, sync_outbox
from tests.outbox.shop import Closed, Remind, Settled, Shop

Connection = Any  # asyncpg.Connection takes its parameter in stubs only


class Unknown(IntegrationEvent):
    student: str


class Paid(DomainEvent):
    student: str


class Ask(Query[int]):
    student: str


class Nobody(Command[None]):
    student: str


@pytest.fixture
async def made(shop: Shop) -> Shop:
    """A shop whose schemas are there."""
    async with shop.running():
        return shop


def refuses(what: str) -> Any:
    return pytest.raises(OutboxError, match=what)


async def test_a_message_must_be_declared_and_have_one_key(made: Shop, connection: Connection) -> None:
    outbox = async_outbox(made)
    async with connection.transaction():
        with refuses("Unknown is not in this outbox"):
            await outbox.publish(connection, Unknown(student="ada"))
        with refuses("Closed needs an ordering key"):
            await outbox.publish(connection, Closed(student="ada"))
        with refuses("Settled has an ordering key of its own"):
            await outbox.publish(connection, settled(1), key="bob")
        with refuses("Remind needs an ordering key"):
            await outbox.send(connection, Remind(student="ada", number=1))
    assert await connection.fetchval(f"SELECT count(*) FROM {made.schema}.remit_staging") == 0


async def test_a_message_that_no_store_takes_is_refused(made: Shop, connection: Connection) -> None:
    async with connection.transaction():
        with pytest.raises(TooLarge):
            await async_outbox(made).publish(connection, Closed(student="x" * LARGEST_UNIT), key="ada")


async def test_an_asyncpg_connection_must_be_in_a_transaction(made: Shop, connection: Connection) -> None:
    with refuses("in no transaction"):
        await async_outbox(made).publish(connection, settled(1))
    with refuses("is asynchronous"):
        sync_outbox(made).publish(connection, settled(1))


async def test_a_psycopg_connection_that_commits_by_itself_is_refused(made: Shop) -> None:
    async with await psycopg.AsyncConnection.connect(made.server, autocommit=True) as connection:
        with refuses("in no transaction"):
            await async_outbox(made).publish(connection, settled(1))
    with psycopg.connect(made.server, autocommit=True) as plain:
        with refuses("in no transaction"):
            sync_outbox(made).publish(plain, settled(1))
        with refuses("is synchronous"):
            await async_outbox(made).publish(plain, settled(1))


async def test_a_pipeline_of_psycopg_that_commits_by_itself_is_refused(made: Shop) -> None:
    connection = await psycopg.AsyncConnection.connect(made.server, autocommit=True)
    async with connection, connection.pipeline():
        await connection.execute("SELECT 1")
        with refuses("in no transaction"):
            await async_outbox(made).publish(connection, settled(1))


async def test_a_sqlalchemy_connection_that_commits_by_itself_is_refused(made: Shop) -> None:
    engine = create_async_engine(driven_by(made.server, "asyncpg"), execution_options={"isolation_level": "AUTOCOMMIT"})
    async with engine.connect() as connection:
        with refuses("in no transaction"):
            await async_outbox(made).publish(connection, settled(1))
    await engine.dispose()


Wanted = Literal["engine", "options of the engine", "session", "connection"]
"""Where AUTOCOMMIT is asked for."""


@pytest.mark.parametrize("wanted", get_args(Wanted))
async def test_wherever_sqlalchemy_is_told_to_commit_by_itself_it_is_refused(made: Shop, wanted: Wanted) -> None:
    """What was rolled back would be delivered."""

    def publish() -> None:
        engine = sqlalchemy.create_engine(driven_by(made.server, "psycopg"), **asked_for(wanted, "engine"))
        try:
            if wanted == "connection":
                with engine.connect().execution_options(**AUTOCOMMIT) as connection, refuses("in no transaction"):
                    sync_outbox(made).publish(connection, settled(1))
            else:
                scoped = scoped_session(sessionmaker(engine))
                with scoped() as session:
                    session.connection(execution_options=asked_for(wanted, "session"))
                    with refuses("in no transaction"):
                        sync_outbox(made).publish(session, settled(1))
                    with refuses("in no transaction"):
                        sync_outbox(made).publish(scoped, settled(1))
        finally:
            engine.dispose()

    await asyncio.to_thread(publish)


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize("wanted", get_args(Wanted))
async def test_so_it_is_where_sqlalchemy_is_awaited(made: Shop, wanted: Wanted, driver: str) -> None:
    engine = create_async_engine(driven_by(made.server, driver), **asked_for(wanted, "engine"))
    try:
        if wanted == "connection":
            async with engine.connect() as connection:
                await connection.execution_options(**AUTOCOMMIT)
                with refuses("in no transaction"):
                    await async_outbox(made).publish(connection, settled(1))
        else:
            async with AsyncSession(engine) as session:
                if options := asked_for(wanted, "session"):
                    await session.connection(execution_options=options)
                with refuses("in no transaction"):
                    await async_outbox(made).publish(session, settled(1))
    finally:
        await engine.dispose()


AUTOCOMMIT: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"}


def asked_for(wanted: Wanted, where: Literal["engine", "session"]) -> dict[str, Any]:
    """What the engine, or the session, is given for it."""
    if wanted == "options of the engine":
        return {"execution_options": AUTOCOMMIT} if where == "engine" else {}
    return AUTOCOMMIT if wanted == where else {}


async def test_an_engine_or_a_pool_is_no_connection(made: Shop) -> None:
    """Each of their statements is a transaction by itself."""
    engine = create_async_engine(driven_by(made.server, "asyncpg"))
    async with asyncpg.create_pool(made.server, min_size=1) as pool:
        for each in (pool, engine):
            with refuses("cannot be published with this connection"):
                await async_outbox(made).publish(each, settled(1))
        with refuses("cannot be published with this connection"):
            sync_outbox(made).publish(engine.sync_engine, settled(1))
    await engine.dispose()


async def test_django_outside_of_atomic_is_refused(made: Shop) -> None:
    def publish() -> None:
        db = django(made.server)
        try:
            db.connection.ensure_connection()
            with refuses("in no transaction"):
                sync_outbox(made).publish(db.connection, settled(1))
            with refuses("cannot be published with this connection"):
                sync_outbox(made).publish(db.connections["elsewhere"], settled(1))
        finally:
            db.connection.close()

    await asyncio.to_thread(publish)


async def test_what_is_no_connection_to_postgresql_is_refused(shop: Shop) -> None:
    outbox = sync_outbox(shop)
    file = sqlite3.connect(":memory:")
    with refuses("cannot be published with this connection"):
        outbox.publish(file, settled(1))
    file.close()
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.begin() as connection, refuses("cannot be published with this connection"):
        outbox.publish(connection, settled(1))
    engine.dispose()


async def test_a_database_without_the_store_is_told_from_others(shop: Shop, connection: Connection) -> None:
    with refuses("this database has no outbox in schema 'billing_"):
        async with connection.transaction():
            await async_outbox(shop).publish(connection, settled(1))
    with psycopg.connect(shop.server) as plain, refuses("this database has no outbox"):
        sync_outbox(shop).publish(plain, settled(1))


async def test_who_may_insert_may_publish_and_needs_no_other_right(made: Shop, connection: Connection) -> None:
    user = f"legacy_{made.mark}"
    outbox = async_outbox(made)
    await connection.execute(f"CREATE ROLE {user}; GRANT USAGE ON SCHEMA {made.schema} TO {user}")
    try:
        with refuses("this user may not publish"):
            async with connection.transaction():
                await connection.execute(f"SET LOCAL ROLE {user}")
                await outbox.publish(connection, settled(1))
        await connection.execute(f"GRANT INSERT ON {made.schema}.remit_staging TO {user}")
        async with connection.transaction():
            await connection.execute(f"SET LOCAL ROLE {user}")
            await outbox.publish(connection, settled(1))
        assert await connection.fetchval(f"SELECT count(*) FROM {made.schema}.remit_staging") == 1
    finally:
        await connection.execute(f"DROP OWNED BY {user}; DROP ROLE {user}")


def test_a_context_that_the_system_does_not_have_has_no_outbox() -> None:
    with refuses("no context 'sales'"):
        System("shop", contexts=[Context("billing")]).outbox("sales")


def found(*contexts: Context[Any]) -> list[str]:
    with pytest.raises(ModelError) as caught:
        System("shop", contexts=contexts).outbox(contexts[0])
    return [finding.code for finding in caught.value.findings]


def test_an_outbox_holds_events_of_its_context_and_commands_that_somebody_handles() -> None:
    assert found(Context("billing", outbox=[Paid, Ask])) == ["outbox.kind", "outbox.kind"]  # type: ignore[list-item]  # on purpose
    assert found(Context("billing", outbox=[Nobody])) == ["handler.missing"]
    assert found(Context("billing", outbox=[Settled]), Context("sales", outbox=[Settled])) == ["message.two-owners"]


def test_what_is_in_an_outbox_is_published() -> None:
    billing, mail = Context("billing", outbox=[Settled]), Context("mail")

    @mail.react(Settled)
    async def on_settled(event: Settled) -> None: ...

    assert System("shop", contexts=[billing, mail]).check() == []
    assert [finding.code for finding in System("shop", contexts=[mail]).check()] == ["event.unpublished"]
