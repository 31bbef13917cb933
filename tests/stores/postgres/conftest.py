"""A new schema of a PostgreSQL server for each test."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest


@pytest.fixture
async def connection(server: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Looks at what a store has written."""
    connection = await asyncpg.connect(server)
    yield connection
    await connection.close()


@pytest.fixture
async def schema(connection: asyncpg.Connection[asyncpg.Record]) -> AsyncIterator[str]:
    """The name of a schema that does not exist yet."""
    schema = f"remit_test_{uuid.uuid4().hex}"
    yield schema
    await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


@pytest.fixture
async def address(server: str, schema: str) -> str:
    """The address of that schema."""
    return f"{server}{'&' if '?' in server else '?'}schema={schema}"
