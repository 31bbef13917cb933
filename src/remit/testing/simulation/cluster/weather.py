"""Faults inside handlers: slowness, missing dependencies, and bugs."""

from __future__ import annotations

import asyncio
from contextvars import Context, copy_context

from remit.errors import Unavailable
from remit.testing.simulation.cluster.choices import Choices
from remit.testing.simulation.cluster.nodes import is_dead

__all__ = ["Poison", "Weather"]


HANGING = 5
"""The number of handlers in a thousand that hang."""


class Poison(ValueError):
    """A bug in the simulated system, until it is fixed."""


class Weather:
    """Called by every handler."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self.fixed = False
        self.poisoned: set[str] = set()
        """The keys of messages that failed by `Poison`. Their last failure may be another one."""
        self._hangs: list[tuple[float, Context]] = []

    async def blow(self, handler: str) -> None:
        """Takes a while, or an hour, and sometimes fails with a transient error."""
        await asyncio.sleep(self._choices.delay(handler, 0.05))
        if self._choices.chance("handler hangs", HANGING):
            await self._hang()
        if self._choices.chance("dependency away", 15):
            raise Unavailable(f"simulated: what {handler} depends on is away")

    async def _hang(self) -> None:
        hang = (asyncio.get_running_loop().time(), copy_context())
        self._hangs.append(hang)
        try:
            await asyncio.sleep(3600.0)
        finally:
            self._hangs.remove(hang)

    def hanging(self) -> list[float]:
        """For how many seconds each handler of a living process has been hanging."""
        now = asyncio.get_running_loop().time()
        return [now - begun for begun, context in self._hangs if not is_dead(context)]

    def poison(self, key: str) -> None:
        """Raises `Poison` for a message with this key, until `fixed`."""
        if not self.fixed:
            self.poisoned.add(key)
            raise Poison(key)
