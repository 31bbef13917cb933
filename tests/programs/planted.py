"""Bugs that are planted in processes of generated programs. Each leaves a moment in which a kill does harm."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from remit.stores import Unit
from remit.stores.postgres.store import PostgresStore
from remit.stores.sqlite.store import SqliteStore
from tests.simulation import planted

__all__ = ["acknowledged_too_early", "checkpoint_apart", "claim_apart"]

MOMENT_SECONDS = 0.05
"""How long what should be one is half done: as long as a slow disk takes."""

Store = type[SqliteStore] | type[PostgresStore]
_STORES: tuple[Store, ...] = (SqliteStore, PostgresStore)


def checkpoint_apart(patch: pytest.MonkeyPatch) -> None:
    """The checkpoint is written in a transaction of its own, after the effects."""
    _in_two_transactions(patch, planted.checkpoint_apart)


def claim_apart(patch: pytest.MonkeyPatch) -> None:
    """The idempotency key is written in a transaction of its own, after the effects."""
    _in_two_transactions(patch, planted.claim_apart)


def acknowledged_too_early(patch: pytest.MonkeyPatch) -> None:
    """Who calls is answered before the effect is written."""
    writing: set[asyncio.Task[None]] = set()

    def plant(store: Store) -> None:
        commit: Any = store.commit

        async def later(self: Any, unit: Unit) -> None:
            await asyncio.sleep(MOMENT_SECONDS)
            await commit(self, unit)

        async def soon(self: Any, unit: Unit) -> None:
            if unit.claim is None:
                await commit(self, unit)
                return
            task = asyncio.create_task(later(self, unit))
            writing.add(task)
            task.add_done_callback(writing.discard)

        patch.setattr(store, "commit", soon)

    for store in _STORES:
        plant(store)


def _in_two_transactions(patch: pytest.MonkeyPatch, cut: Callable[[Unit], tuple[Unit, Unit] | None]) -> None:
    def plant(store: Store) -> None:
        commit: Any = store.commit

        async def both(self: Any, unit: Unit) -> None:
            parts = cut(unit) or (unit,)
            await commit(self, parts[0])
            for part in parts[1:]:
                await asyncio.sleep(MOMENT_SECONDS)
                await commit(self, part)

        patch.setattr(store, "commit", both)

    for store in _STORES:
        plant(store)
