"""How tasks are ended: what they are in the middle of may come to its end, and none is waited for without an end."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

from remit.runtime.work.deadlines import ask_to_end

DRAIN_SECONDS = 5.0
"""What is being handled when a process is to end has so long to come to its commit. Then it is cancelled, and done
again by whoever goes on."""
CANCELLED_SECONDS = 5.0
"""What has been cancelled has so long to end. Then it is left behind: it may swallow every cancellation."""
AGAIN_SECONDS = 0.1
"""Until what has not ended is cancelled again."""


async def end(tasks: Iterable[asyncio.Task[None]], busy: Collection[asyncio.Task[None]], drain: float) -> None:
    """Waits for the busy ones, for so many seconds; then cancels what runs of all until it has ended, for some more."""
    if busy and drain:
        await asyncio.wait(busy, timeout=drain)
    running = [task for task in tasks if not task.done()]
    latest = asyncio.get_running_loop().time() + CANCELLED_SECONDS
    while running and asyncio.get_running_loop().time() < latest:
        for task in running:
            ask_to_end(task)
        await asyncio.wait(running, timeout=AGAIN_SECONDS)
        running = [task for task in running if not task.done()]  # in their order, which a set does not have
