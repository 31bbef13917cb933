"""A caller that was cancelled while its commit ran into a conflict leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from remit.stores import Change, Unit
from remit.stores.sqlite.store import SqliteStore

T = TypeVar("T")


class HeldExecutor:
    """Runs inline, once it may."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.may.set()
        self.asked = asyncio.Event()

    async def run(self, function: Callable[[], T]) -> T:
        self.asked.set()
        await self.may.wait()
        return function()


async def test_the_conflict_of_a_cancelled_caller_is_not_reported_as_overlooked(tmp_path: Path) -> None:
    overlooked: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: overlooked.append(told))
    executor = HeldExecutor()
    store = SqliteStore(tmp_path / "a.db", "a", executor=executor)
    await store.open()
    await store.commit(Unit(changes=[Change("a.X", "1", 0, b"{}")]))
    executor.may.clear()
    executor.asked.clear()
    caller = asyncio.create_task(store.commit(Unit(changes=[Change("a.X", "1", 0, b"{}")])))
    await executor.asked.wait()
    caller.cancel()
    executor.may.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    del caller
    await store.close()
    gc.collect()
    assert overlooked == []
