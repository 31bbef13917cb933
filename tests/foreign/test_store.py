"""A store of another distribution keeps what every store promises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from remit.stores import Store
from remit.testing.conformance import StoreConformance
from tests.foreign.remit_shelf.store import ShelfStore


class TestShelfStore(StoreConformance):
    """On a shelf."""

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[Store]:
        store = ShelfStore(tmp_path / "billing.shelf")
        await store.open()
        yield store
        await store.close()

    @pytest.fixture
    async def twin(self, store: Store, tmp_path: Path) -> AsyncIterator[Store]:
        twin = ShelfStore(tmp_path / "billing.shelf")
        await twin.open()
        yield twin
        await twin.close()
