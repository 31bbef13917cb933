"""Statements of the user's in a simulated store keep the promises that those of every store do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from remit.testing.conformance import SqlConformance
from remit.testing.simulation.cluster.statements import StatementsStore


class TestStatementsStore(SqlConformance):
    """In a file."""

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[StatementsStore]:
        store = StatementsStore(tmp_path / "billing.db", "billing")
        await store.open()
        yield store
        await store.close()
