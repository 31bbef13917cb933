"""A PostgreSQL server for all tests of this folder, and a shop on new schemas of it for each."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from tests.outbox.shop import Shop
from tests.servers.postgres import given_or_started

Connection = Any  # asyncpg.Connection takes its parameter in stubs only


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a server that runs all the time."""
    with given_or_started() as address:
        yield address


@pytest.fixture
async def connection(server: str) -> AsyncIterator[Connection]:
    """A connection that is none of remit's."""
    connection = await asyncpg.connect(server)
    yield connection
    await connection.close()


@pytest.fixture
async def shop(server: str, connection: Connection) -> AsyncIterator[Shop]:
    """A shop that does not run yet, whose existing code has a table of its own."""
    mark = uuid.uuid4().hex[:12]
    await connection.execute(f"CREATE SCHEMA legacy_{mark}; CREATE TABLE legacy_{mark}.invoice (number int)")
    yield Shop(server, mark)
    for schema in ("legacy", "billing", "mail"):
        await connection.execute(f"DROP SCHEMA IF EXISTS {schema}_{mark} CASCADE")
