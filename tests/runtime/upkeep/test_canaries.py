"""Rows that are removed soon after they were written are not taken for lost writes, and lost rows are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from remit import Command as _Command
from remit import Context, DomainEvent, Events, Freshness, IntegrationEvent, Row, System
from remit.log import Channel, SubscriptionId
from remit.relations import CustomerSupplier
from remit.runtime import Host, Ports
from remit.runtime.upkeep.ages import ModelAge
from remit.stores import Advance, RowChange, Unit
from remit.stores.memory.store import MemoryStore
from tests.runtime.talk import LoopClock, now, on_virtual_time
from tests.runtime.upkeep.board import Loses

PLACED = SubscriptionId("shipping.Open", "sales", Channel.PUBLISHED)
SHIPPED = SubscriptionId("shipping.Open", "shipping", Channel.PRIVATE)


class Place(_Command[None]):
    order: str


class Ship(_Command[None]):
    order: str
    truck: str = "a"


class Placed(DomainEvent, key="order"):
    order: str


class OrderPlaced(IntegrationEvent, version=1, key="order"):
    order: str


class Shipped(DomainEvent, key="truck"):
    order: str
    truck: str


broken = set[str]()
"""Trucks whose events cannot be folded."""


class Open(Row[str, OrderPlaced | Shipped], indexes=[("order",)], freshness=Freshness(warn=5, critical=60)):
    order: str = ""

    @staticmethod
    def key(event: OrderPlaced | Shipped) -> str:
        return event.order

    def evolve(self, event: OrderPlaced | Shipped) -> None:
        if not isinstance(event, Shipped):
            self.order = event.order
        elif event.truck in broken:
            raise ValueError(event.truck)
        else:
            self.remove()


class Shop:
    def __init__(self, host: Host, store: MemoryStore) -> None:
        self.host, self.store = host, store

    def model(self) -> ModelAge:
        return self.host.ages.models()[0]

    async def missed(self) -> bool:
        return bool(await self.store.missed(PLACED) or await self.store.missed(SHIPPED))


@asynccontextmanager
async def shop() -> AsyncGenerator[Shop]:
    sales, shipping = Context("sales"), Context("shipping")

    @sales.handle(Place)
    async def place(command: Place, events: Events[Placed]) -> None:
        events.publish(Placed(order=command.order))

    sales.publish_as(Placed, OrderPlaced)

    @shipping.handle(Ship)
    async def ship(command: Ship, events: Events[Shipped]) -> None:
        events.publish(Shipped(order=command.order, truck=command.truck))

    shipping.project(Open)
    relations = [CustomerSupplier(supplier=sales, customer=shipping)]
    model = System("shop", contexts=[sales, shipping], relations=relations).model()
    store = MemoryStore()
    host = Host(model, {"sales": MemoryStore(), "shipping": store}, Ports(LoopClock()))
    await host.start()
    try:
        await host.send(Place(order="first"))
        await asyncio.sleep(1.5)  # so that the first canary was read, and the next one waits for 5 s
        yield Shop(host, store)
    finally:
        broken.clear()
        await host.stop()


async def well(shop: Shop, seconds: float) -> None:
    """Nothing is said to be lost for so long: first while nothing happens, then while orders are placed."""
    await asyncio.sleep(7)
    for each in range(round(seconds)):
        await asyncio.sleep(1)
        assert shop.model().state != "wedged", shop.model().note
        await shop.host.send(Place(order=f"later-{each}"))
    assert not await shop.missed()


async def wedged(shop: Shop, seconds: float) -> None:
    """The model is said to be wedged within so long."""
    begun, number = now(), 0
    while shop.model().state != "wedged":
        assert now() - begun < seconds, "lost rows were not noticed"
        number += 1
        await shop.host.send(Place(order=f"new-{number}"))
        await shop.host.send(Ship(order=f"other-{number}"))
        await asyncio.sleep(1)
    assert await shop.missed()


@on_virtual_time
async def test_a_row_that_another_source_removes_is_not_lost() -> None:
    async with shop() as it:
        await it.host.send(Place(order="gone"))
        await asyncio.sleep(1)
        await it.host.send(Ship(order="gone"))
        await well(it, 8)


@on_virtual_time
async def test_a_row_that_a_letter_removes_is_not_lost() -> None:
    async with shop() as it:
        broken.add("b")
        await it.host.send(Ship(order="none", truck="b"))
        await asyncio.sleep(6)
        broken.clear()
        await it.host.send(Place(order="before"))
        await asyncio.sleep(1)
        await it.host.send(Place(order="gone"))
        await asyncio.sleep(0.4)
        await it.host.send(Ship(order="gone", truck="b"))
        await it.store.retry("shipping.Open", None, 0.0)
        await well(it, 8)


@pytest.mark.parametrize("again", [False, True], ids=["removed", "made again"])
@on_virtual_time
async def test_a_row_that_another_process_removes_is_not_lost(again: bool) -> None:
    async with shop() as it:
        (plan,) = it.host.shared.workplaces["shipping"].plan.row_models
        await it.host.send(Place(order="gone"))
        await asyncio.sleep(1)
        version, _ = (await it.store.load_rows(plan.table, ["gone"]))["gone"]
        move = Advance(SHIPPED, 0, 0, "", 1, "m-1", 0.0)
        await it.store.commit(Unit(rows=[RowChange(plan.table, "gone", version, version + 1, b"", ())], advance=move))
        if again:
            values = plan.values(Open(order="gone"))
            await it.store.commit(Unit(rows=[RowChange(plan.table, "gone", 0, 7, b"{}", values)]))
        await well(it, 8)


@on_virtual_time
async def test_new_rows_that_are_lost_are_noticed_within_a_minute_while_both_sources_go_on() -> None:
    async with shop() as it:
        Loses(it.store)
        await wedged(it, 60)


@on_virtual_time
async def test_new_rows_that_are_lost_are_noticed_although_a_key_is_parked_and_rows_were_removed() -> None:
    async with shop() as it:
        broken.add("b")
        await it.host.send(Ship(order="none", truck="b"))
        await it.host.send(Place(order="gone"))
        await asyncio.sleep(1)
        await it.host.send(Ship(order="gone"))
        await asyncio.sleep(5)
        Loses(it.store)
        await wedged(it, 60)
