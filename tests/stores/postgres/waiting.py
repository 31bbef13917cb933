"""Waiting until a transaction waits."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


async def waits(server: str, task: asyncio.Task[Any]) -> bool:
    """Returns as soon as somebody waits for a lock in this database; False when the task has ended before."""
    watcher = await asyncpg.connect(server)
    try:
        for _ in iter(task.done, True):
            if await watcher.fetchval(_WAITING):
                return True
        return False
    finally:
        await watcher.close()
