"""What a context's role may do in its own schema, and that it may do nothing in another's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from remit.errors import StoreError
from remit.stores import PRIVATE, Change, Entry, Unit
from remit.stores.postgres import PostgresStore
from remit.stores.postgres.roles import role

Connection = Any  # asyncpg.Connection takes its parameter in stubs only


@pytest.fixture
async def contexts(server: str, connection: Connection, schema: str) -> AsyncIterator[dict[str, str]]:
    """Two contexts, each migrated by the owner: the address of its own role, by its schema."""
    addresses: dict[str, str] = {}
    for context in ("billing", "learning"):
        own = f"{schema}_{context}"
        store = PostgresStore(f"{server}?schema={own}", context)
        await store.open()
        await store.close()
        for _ in range(2):
            await connection.execute(role(own, f"{own}_role"))
        addresses[own] = server.replace("postgres@", f"{own}_role@", 1) + f"?schema={own}"
    yield addresses
    for own in addresses:
        await connection.execute(f"DROP SCHEMA {own} CASCADE; DROP ROLE {own}_role")


async def test_a_role_can_do_everything_in_its_own_store(contexts: dict[str, str]) -> None:
    for address, context in zip(contexts.values(), ("billing", "learning"), strict=True):
        store = PostgresStore(address, context)
        await store.open()
        entry = Entry(PRIVATE, "k", "m1", "billing.Settled", 1, 1.0, "{}", b"{}")
        await store.commit(Unit([Change("Account", "a", 0, b"{}")], [entry]))
        assert await store.load("Account", "a") == (1, b"{}")
        await store.beat("p", 1.0, "{}")
        assert await store.prune(beats=2.0, outcomes=0.0, tombstones=0.0, limit=10) == 1
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
    store = PostgresStore(contexts[mine].replace(f"schema={mine}", f"schema={theirs}"), "learning")
    with pytest.raises(StoreError, match="may not do that"):
        await store.open()


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
