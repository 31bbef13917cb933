"""What follows a log with a checkpoint, and is looked after the same way: a subscription, or a relay."""

from __future__ import annotations

from typing import Protocol

from remit.runtime.plan import FollowPlan

__all__ = ["Follower"]


class Follower(Protocol):
    """Started, stopped, watched and shared among replicas by the runtime."""

    name: str
    """`<context>.<name>`: whose store holds its checkpoints, and under which name."""
    follow: FollowPlan

    @property
    def state(self) -> str: ...
    @property
    def note(self) -> str: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def stand_by(self) -> None: ...
    async def housekeeping(self, reload: bool) -> None: ...
    def give_up_on_the_stuck(self) -> None: ...
