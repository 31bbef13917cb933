"""What follows a log with a checkpoint, and is looked after the same way: a subscription, or a relay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from remit.runtime.plan import FollowPlan

__all__ = ["DRAIN_SECONDS", "Follower", "always"]

DRAIN_SECONDS = 5.0
"""What is being handled when a follower is to end has so long to come to its commit. Then it is cancelled, and done
again by whoever goes on."""


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
    def give_up_on_the_stuck(self) -> None: ...
