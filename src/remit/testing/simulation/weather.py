"""What handlers suffer from in the simulated shop: slowness, dependencies that are away, and poison."""

from __future__ import annotations

import asyncio

from remit.errors import Unavailable
from remit.testing.simulation.choices import Choices

__all__ = ["Poison", "Weather"]


class Poison(ValueError):
    """The bug in the shop's own code, until somebody fixes it."""


class Weather:
    """Asked by every handler."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self.fixed = False

    async def blow(self, handler: str) -> None:
        """Takes a while, and fails now and then with an error that passes by itself."""
        await asyncio.sleep(self._choices.delay(handler, 0.05))
        if self._choices.chance("dependency away", 15):
            raise Unavailable(f"simulated: what {handler} depends on is away")

    def poison(self, order: str) -> None:
        """Raises `Poison` for some orders, each time, until `fixed`."""
        if "poison" in order and not self.fixed:
            raise Poison(order)

    @staticmethod
    def sold_out(order: str) -> bool:
        """Whether reserving this order is refused."""
        return "sold-out" in order
