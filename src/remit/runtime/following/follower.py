"""What follows a log with a checkpoint, and is looked after the same way: a subscription, or a relay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from remit.errors import RemitError
from remit.runtime.plan import FollowPlan

__all__ = ["DRAIN_SECONDS", "Follower", "always", "end"]

DRAIN_SECONDS = 5.0
"""What is being handled when a process is to end has so long to come to its commit. Then it is cancelled, and done
again by whoever goes on."""
CANCELLED_SECONDS = 5.0
"""What has been cancelled has so long to end. Then it is left behind: it may swallow every cancellation."""
AGAIN_SECONDS = 0.1
"""Until what has not ended is cancelled again."""


async def end(tasks: Iterable[asyncio.Task[None] | None]) -> None:
    """Cancels what runs of these until it has ended, for some seconds."""
    running = {task for task in tasks if task is not None and not task.done()}
    latest = asyncio.get_running_loop().time() + CANCELLED_SECONDS
    while running and asyncio.get_running_loop().time() < latest:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=AGAIN_SECONDS)


def always() -> bool:
    """Says that a follower may go on: for one that nobody else can run."""
    return True


class Follower(Protocol):
    """Started, stopped, watched and shared among processes by the runtime."""

    name: str
    """`<context>.<name>`: whose store holds its checkpoints, and under which name."""
    follow: FollowPlan
    held: Callable[[], bool]
    """Whether this process may go on with it: asked before each batch."""

    @property
    def state(self) -> str: ...
    @property
    def note(self) -> str: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def stand_by(self, *, lost: bool = False) -> None: ...
    async def housekeeping(self, reload: bool) -> None: ...
    def ring(self) -> None: ...
    def hindered(self, error: RemitError | None) -> None: ...
    def give_up_on_the_stuck(self) -> None: ...
