"""A shop on new schemas of a PostgreSQL server for each test."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.outbox.shop import Shop

Connection = Any  # asyncpg.Connection takes its parameter in stubs only


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
