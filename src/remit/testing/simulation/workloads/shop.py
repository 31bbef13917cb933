"""The shop: clients that place orders and ask for credits, and what they were promised."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from remit.contexts import ContextMap
from remit.testing.simulation.cluster import Choices, ClusterDoor, Weather
from remit.testing.simulation.judges import Files, Verdict
from remit.testing.simulation.workloads.ledger import Ledger, judge_lists, placed_orders
from remit.testing.simulation.workloads.shop_system import Credit, Customer, PlaceOrder, shop
from remit.testing.simulation.workloads.workload import Workload

__all__ = ["Shop"]


class Shop(Workload):
    """Three contexts in a chain, with a call, a command for later and a projection."""

    contexts: ClassVar[Sequence[str]] = ("orders", "billing", "shipping")
    effects: ClassVar[Mapping[str, tuple[str, str]]] = {
        "billing.charge": ("orders.OrderPlaced", "billing.OrderCharged")
    }

    def __init__(self, choices: Choices, weather: Weather, clients: int | None, rounds: int | None) -> None:
        super().__init__(choices, weather, clients, rounds)
        self._ledger = Ledger()

    def system(self) -> ContextMap:
        return shop(self.weather)

    def people(self, door: ClusterDoor) -> Iterable[Coroutine[Any, Any, None]]:
        drawn = 3 + self.choices.draw("clients", 3)
        clients = drawn if self.clients is None else min(drawn, self.clients)
        return [self._client(door, Customer(f"c{number}")) for number in range(clients)]

    @property
    def answered(self) -> int:
        return len(self._ledger.orders)

    def replaced(self, context: str, restore: Callable[[], None], files: Files) -> None:
        placed = placed_orders(files)
        restore()
        self._ledger.forgotten |= placed - placed_orders(files)
        {"orders": self._ledger.orders, "billing": self._ledger.credits}[context].clear()

    async def afterwards(self, door: ClusterDoor) -> None:
        for customer in ("c0", "c1", "c2"):
            await self._place(door, Customer(customer), f"{customer}-late")

    def judge(self, files: Files, stopped: Collection[str]) -> Iterable[Verdict]:
        return judge_lists(files, self._ledger, stopped)

    async def _client(self, door: ClusterDoor, customer: Customer) -> None:
        drawn = 3 + self.choices.draw("orders", 4)
        for number in range(drawn if self.rounds is None else min(drawn, self.rounds)):
            await asyncio.sleep(self.choices.delay("client", 3.0))
            at_once = [self._place(door, customer, f"{customer}-{number}")]
            if self.choices.draw("another order", 3) == 0:
                at_once.append(self._place(door, customer, f"{customer}-{number}b"))
            if self.choices.draw("credit", 2):
                at_once.append(self._credit(door, customer, f"{customer}-{number}"))
            await asyncio.gather(*at_once)

    async def _place(self, door: ClusterDoor, customer: Customer, name: str) -> None:
        kind = ("", "", "", "-poison", "-sold-out")[self.choices.draw("kind of order", 5)]
        await self._order(door, customer, name + kind)

    async def _order(self, door: ClusterDoor, customer: Customer, order: str) -> None:
        command = PlaceOrder(customer=customer, order=order)
        self._ledger.orders[customer, order] = await door.send(command, f"place {order}")

    async def _credit(self, door: ClusterDoor, customer: Customer, note: str) -> None:
        await asyncio.sleep(self.choices.delay("credit", 2.0))
        command = Credit(customer=customer, note=note)
        self._ledger.credits[customer, note] = await door.send(command, f"credit {note}")
