"""A tour of what a system does, with few random decisions: for strikes at every point of it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from remit.testing.simulation.cluster import ClusterDoor
from remit.testing.simulation.workloads.shop import Shop
from remit.testing.simulation.workloads.shop_system import Customer, Ordered

__all__ = ["Tour"]


class Tour(Shop):
    """One customer: an order, two at once with a credit, one sold out, one with poison, and a query."""

    def people(self, door: ClusterDoor) -> Iterable[Coroutine[Any, Any, None]]:
        return [self._tour(door, Customer("c0"))]

    async def _tour(self, door: ClusterDoor, customer: Customer) -> None:
        await self._order(door, customer, "c0-first")
        together = [self._order(door, customer, name) for name in ("c0-second", "c0-third-sold-out")]
        await asyncio.gather(*together, self._credit(door, customer, "c0-credit"))
        await self._order(door, customer, "c0-fourth-poison")
        await self._order(door, customer, "c0-fifth")
        await door.question(Ordered(customer=customer))
