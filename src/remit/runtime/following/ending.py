"""Ends tasks: running work may finish, and waiting for it is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

from remit.runtime.work.deadlines import ask_to_end

DRAIN_SECONDS = 5.0
"""When a process stops, running work has this long to reach its commit. Then it is cancelled, and done again by the
process that takes over."""
CANCELLED_SECONDS = 5.0
"""A cancelled task has this long to end. Then it is abandoned: it may swallow every cancellation."""
AGAIN_SECONDS = 0.1
"""Pause before a task that has not ended is cancelled again."""


async def end(tasks: Iterable[asyncio.Task[None]], busy: Collection[asyncio.Task[None]], drain: float) -> None:
    """Waits up to `drain` seconds for the busy tasks; then cancels all that run, until they end or 5 s have passed."""
    if busy and drain:
        await asyncio.wait(busy, timeout=drain)
    running = [task for task in tasks if not task.done()]
    latest = asyncio.get_running_loop().time() + CANCELLED_SECONDS
    while running and asyncio.get_running_loop().time() < latest:
        for task in running:
            ask_to_end(task)
        await asyncio.wait(running, timeout=AGAIN_SECONDS)
        running = [task for task in running if not task.done()]  # keeps the order, which a set would lose
