"""A place for stores on each technology that keeps them."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest


@pytest.fixture(params=["sqlite", "postgres"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:{tmp_path}/{{context}}.db"
        return
    server, schema = request.getfixturevalue("server"), f"remit_test_{uuid.uuid4().hex}"
    yield f"{server}{'&' if '?' in server else '?'}schema={schema}"
    connection = await asyncpg.connect(server)
    await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    await connection.close()
