"""A store in PostgreSQL keeps what every store promises."""

from collections.abc import AsyncIterator

import pytest

from remit.stores import Store
from remit.stores.postgres.store import PostgresStore
from remit.testing.conformance import SqlConformance, StoreConformance


class TestPostgresStore(StoreConformance, SqlConformance):
    """In a database of its own."""

    partitions = 16

    @pytest.fixture
    async def store(self, address: str) -> AsyncIterator[Store]:
        store = PostgresStore(address, "billing", partitions=self.partitions)
        await store.open()
        yield store
        await store.close()

    @pytest.fixture
    async def twin(self, store: Store, address: str) -> AsyncIterator[Store]:
        twin = PostgresStore(address, "billing", partitions=self.partitions)
        await twin.open()
        yield twin
        await twin.close()


class TestPostgresStoreWithOnePartition(TestPostgresStore):
    """Where all keys share a partition."""

    partitions = 1
