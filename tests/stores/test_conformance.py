"""The stores of the house keep what every store promises."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from remit.stores import Store
from remit.stores.memory.store import MemoryStore
from remit.stores.sqlite.store import SqliteStore
from remit.testing.conformance import StoreConformance


class TestMemoryStore(StoreConformance):
    """In memory."""

    @pytest.fixture
    async def store(self) -> AsyncIterator[Store]:
        store = MemoryStore()
        await store.open()
        yield store
        await store.close()

    @pytest.fixture
    async def twin(self, store: Store) -> Store:
        return store


class TestSqliteStore(StoreConformance):
    """In a file."""

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[Store]:
        store = SqliteStore(tmp_path / "billing.db", "billing")
        await store.open()
        yield store
        await store.close()

    @pytest.fixture
    async def twin(self, store: Store, tmp_path: Path) -> AsyncIterator[Store]:
        twin = SqliteStore(tmp_path / "billing.db", "billing")
        await twin.open()
        yield twin
        await twin.close()


class TestSqliteStoreWithOnePartition(TestSqliteStore):
    """In a file, where all keys share a partition."""

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[Store]:
        store = SqliteStore(tmp_path / "billing.db", "billing", partitions=1)
        await store.open()
        yield store
        await store.close()

    @pytest.fixture
    async def twin(self, store: Store, tmp_path: Path) -> AsyncIterator[Store]:
        twin = SqliteStore(tmp_path / "billing.db", "billing", partitions=1)
        await twin.open()
        yield twin
        await twin.close()
