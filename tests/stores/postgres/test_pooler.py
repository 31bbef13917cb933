"""Behind a pooler in transaction mode a store keeps what every store promises."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from remit.stores import Change, Store, Unit
from remit.stores.postgres.store import PostgresStore
from remit.testing.conformance import SqlConformance, StoreConformance
from tests.servers.pooler import pooler_to


class TestPostgresStoreBehindAPooler(StoreConformance, SqlConformance):
    """Each transaction on another connection."""

    @pytest.fixture
    async def pooled(self, server: str, schema: str) -> AsyncIterator[str]:
        async with pooler_to(server.partition("?")[0]) as address:
            yield f"{address}?schema={schema}"

    @pytest.fixture
    async def store(self, pooled: str) -> AsyncIterator[Store]:
        store = PostgresStore(pooled, "billing")
        await store.open()
        yield store
        await store.close()

    @pytest.fixture
    async def twin(self, store: Store, pooled: str) -> AsyncIterator[Store]:
        twin = PostgresStore(pooled, "billing")
        await twin.open()
        yield twin
        await twin.close()

    async def test_the_pooler_gives_each_transaction_another_connection(self, store: Store, pooled: str) -> None:
        """Otherwise the tests before would show nothing."""
        connection = await asyncpg.connect(pooled.partition("?")[0], statement_cache_size=0)
        processes = set[int]()
        for _ in range(4):
            async with connection.transaction():
                processes.add(await connection.fetchval("SELECT pg_backend_pid()"))
        await connection.execute("SET application_name = 'left behind'")
        async with connection.transaction():
            assert await connection.fetchval("SHOW application_name") != "left behind"
        await connection.close()
        assert len(processes) > 1
        await store.commit(Unit([Change("Account", "a1", 0, b"{}")]))
