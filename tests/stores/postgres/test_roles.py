"""What a context's role may do in its own schema, and that it may do nothing in another's."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from remit.errors import StoreError
from remit.stores import Store
from remit.stores.postgres.place import address_of
from remit.stores.postgres.roles import role
from remit.stores.postgres.rows import make
from remit.stores.postgres.store import PostgresStore
from remit.testing.conformance import IsolationConformance, StoreConformance
from remit.testing.conformance.rows import LONG, MORE, TABLE

Connection = Any  # asyncpg.Connection takes its parameter in stubs only


@asynccontextmanager
async def migrated(server: str, connection: Connection, schema: str, context: str) -> AsyncGenerator[dict[str, str]]:
    """A context, migrated by the owner: the address of its own role, by its schema."""
    own = f"{schema}_{context}"
    store = PostgresStore(f"{server}?schema={own}", context)
    await store.open()
    await store.close()
    for _ in range(2):
        await connection.execute(role(own, f"{own}_role"))
    yield {own: server.replace("postgres@", f"{own}_role@", 1) + f"?schema={own}"}
    await connection.execute(f"DROP SCHEMA {own} CASCADE; DROP ROLE {own}_role")


@pytest.fixture
async def billing(server: str, connection: Connection, schema: str) -> AsyncIterator[dict[str, str]]:
    async with migrated(server, connection, schema, "billing") as context:
        yield context


@pytest.fixture
async def contexts(
    server: str, connection: Connection, schema: str, billing: dict[str, str]
) -> AsyncIterator[dict[str, str]]:
    """Two contexts."""
    async with migrated(server, connection, schema, "learning") as context:
        yield billing | context


class TestCredentialsOfAContext(IsolationConformance):
    """Each store entered by the role of its context."""

    @pytest.fixture
    async def store(self, contexts: dict[str, str]) -> AsyncIterator[Store]:
        store = PostgresStore(next(iter(contexts.values())), "billing")
        await store.open()
        yield store
        await store.close()

    @pytest.fixture
    async def intruder(self, store: Store, contexts: dict[str, str]) -> Store:
        mine, theirs = contexts
        return PostgresStore(contexts[theirs].replace(f"schema={theirs}", f"schema={mine}"), "billing")


class TestPostgresStoreUnderARole(StoreConformance):
    """A role's rights are enough for everything that a store promises, once the tables of row models are made."""

    @pytest.fixture
    async def store(self, billing: dict[str, str], server: str) -> AsyncIterator[Store]:
        await make(address_of(f"{server}?schema={next(iter(billing))}", "billing"), [MORE, LONG])
        store = PostgresStore(next(iter(billing.values())), "billing")
        await store.open()
        yield store
        await store.close()

    @pytest.fixture
    async def twin(self, store: Store, billing: dict[str, str]) -> AsyncIterator[Store]:
        twin = PostgresStore(next(iter(billing.values())), "billing")
        await twin.open()
        yield twin
        await twin.close()


async def test_a_role_is_told_that_tables_of_row_models_are_missing(billing: dict[str, str], server: str) -> None:
    ((own, address),) = billing.items()
    store = PostgresStore(address, "billing")
    await store.open()
    with pytest.raises(StoreError, match=r"row_Line_1(.|\n)*run remit migrate"):
        await store.prepare_rows([TABLE])
    owner = address_of(f"{server}?schema={own}", "billing")
    assert await make(owner, [TABLE]) == ["row_Line_1"]
    assert await make(owner, [TABLE]) == []
    await store.prepare_rows([TABLE])
    with pytest.raises(StoreError, match="may not make it"):
        await store.prepare_rows([MORE])
    await store.close()


async def test_a_role_can_neither_read_nor_write_another_store(
    contexts: dict[str, str], connection: Connection, server: str
) -> None:
    mine, theirs = contexts
    tables = [row[0] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", theirs)]
    assert "remit_log" in tables
    intruder = await asyncpg.connect(contexts[mine].partition("?")[0])
    for table in tables:
        for statement in (
            f"SELECT * FROM {theirs}.{table}",
            f"INSERT INTO {theirs}.{table} DEFAULT VALUES",
            f"DELETE FROM {theirs}.{table}",
            f"TRUNCATE {theirs}.{table}",
            f"DROP TABLE {theirs}.{table}",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await intruder.execute(statement)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await intruder.fetch(f"SELECT {theirs}.remit_commit({', '.join(['NULL'] * 32)})")
    await intruder.close()


async def test_a_role_cannot_change_its_own_schema(contexts: dict[str, str]) -> None:
    own, address = next(iter(contexts.items()))
    connection = await asyncpg.connect(address.partition("?")[0])
    for statement in (f"CREATE TABLE {own}.more (id int)", f"DROP TABLE {own}.remit_log", f"TRUNCATE {own}.remit_log"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()


async def test_tables_of_later_migrations_are_its_own_too(contexts: dict[str, str], connection: Connection) -> None:
    own, address = next(iter(contexts.items()))
    await connection.execute(f"CREATE TABLE {own}.remit_later (id int)")
    theirs = await asyncpg.connect(address.partition("?")[0])
    await theirs.execute(f"INSERT INTO {own}.remit_later VALUES (1)")
    await theirs.close()


async def test_a_later_function_or_procedure_is_its_own_and_nobody_elses(
    contexts: dict[str, str], connection: Connection
) -> None:
    """A function that runs with the rights of its owner could tell others everything."""
    mine, theirs = contexts
    for each in (mine, theirs):
        await connection.execute(f"""
            CREATE TABLE {each}.secret (x int); INSERT INTO {each}.secret VALUES (42);
            CREATE FUNCTION {each}.total() RETURNS bigint LANGUAGE sql SECURITY DEFINER
              AS 'SELECT sum(x) FROM {each}.secret';
            CREATE PROCEDURE {each}.clear() LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM {each}.secret'
        """)
    role = await asyncpg.connect(contexts[mine].partition("?")[0])
    assert await role.fetchval(f"SELECT {mine}.total()") == 42
    await role.execute(f"CALL {mine}.clear()")
    for statement in (f"SELECT {theirs}.total()", f"CALL {theirs}.clear()"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await role.execute(statement)
    await role.close()


async def test_a_function_or_procedure_from_before_the_roles_is_its_own_and_nobody_elses(
    contexts: dict[str, str], connection: Connection
) -> None:
    mine, theirs = contexts
    for each in (mine, theirs):
        await connection.execute(f"""
            CREATE PROCEDURE {each}.clear() LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
            GRANT EXECUTE ON PROCEDURE {each}.clear() TO PUBLIC
        """)
        await connection.execute(role(each, f"{each}_role"))
    intruder = await asyncpg.connect(contexts[mine].partition("?")[0])
    await intruder.execute(f"CALL {mine}.clear()")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await intruder.execute(f"CALL {theirs}.clear()")
    await intruder.close()


@pytest.mark.parametrize("is_later", [False, True])
async def test_a_table_that_numbers_its_rows_takes_rows_of_its_own_role_only(
    contexts: dict[str, str], connection: Connection, *, is_later: bool
) -> None:
    mine, theirs = contexts
    for each in (mine, theirs):
        await connection.execute(f"CREATE TABLE {each}.numbered (id serial PRIMARY KEY, x int)")
        if not is_later:
            await connection.execute(role(each, f"{each}_role"))
    own = await asyncpg.connect(contexts[mine].partition("?")[0])
    assert await own.fetchval(f"INSERT INTO {mine}.numbered (x) VALUES (7) RETURNING id") == 1
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await own.execute(f"SELECT nextval('{theirs}.numbered_id_seq')")
    await own.close()
