"""Places for stores, one for each test."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest


@pytest.fixture(params=["sqlite", "postgresql"])
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The place of stores that outlive a process: of every technology that has them."""
    async with _place(request, tmp_path) as place:
        yield place


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The place of stores of every technology."""
    async with _place(request, tmp_path) as place:
        yield place


@asynccontextmanager
async def _place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[str]:
    if request.param != "postgresql":
        yield "memory:" if request.param == "memory" else f"sqlite:{tmp_path}/{{context}}.db"
        return
    server: str = request.getfixturevalue("server")
    mark = f"t{uuid.uuid4().hex[:12]}"
    yield f"{server}{'&' if '?' in server else '?'}schema={mark}_{{context}}"
    connection = await asyncpg.connect(server)
    for row in await connection.fetch("SELECT nspname FROM pg_namespace WHERE nspname LIKE $1", f"{mark}\\_%"):
        await connection.execute(f'DROP SCHEMA "{row["nspname"]}" CASCADE')
    await connection.close()
