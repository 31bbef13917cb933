"""A release that orders what is stored by another key does not start, whatever waits or is parked, on each store."""

from __future__ import annotations

from typing import Any

import pytest

from remit import Aggregate, Command, Context, DomainEvent, IntegrationEvent, Later, Repository, System
from remit.errors import ModelError


def release(*, event_by: str | None = None, domain_by: str | None = None, command_by: str | None = None) -> System:
    """A shop whose depot can handle nothing that it is told."""

    class Sell(Command[None]):
        order: str

    class Sale(DomainEvent, key=domain_by):
        order: str
        customer: str

    class Sold(IntegrationEvent, key=event_by):
        order: str
        customer: str

    class Pack(Command[None], key=command_by):
        order: str
        customer: str

    class Order(Aggregate[str, Sale]):
        pass

    sales, depot = Context("sales"), Context("depot")

    async def sell(command: Any, orders: Any, pack: Any) -> None:
        pack.send(Pack(order=command.order, customer="ada"))
        (await orders.obtain(command.order)).record(Sale(order=command.order, customer="ada"))

    def sold(event: Any) -> Any:
        return Sold(order=event.order, customer=event.customer)

    async def on_sold(event: Any) -> None:
        raise ValueError("it parks its key")

    async def packing(command: Any) -> None:
        raise ValueError("it parks its key")

    sell.__annotations__ = {"command": Sell, "orders": Repository[Order], "pack": Later[Pack]}
    sold.__annotations__ = {"event": Sale, "return": Sold}
    sales.handle(Sell)(sell)
    sales.publish(Sale)(sold)
    depot.react(Sold)(on_sold)
    depot.handle(Pack)(packing)
    return System("shop", contexts=[sales, depot])


async def sell_in(system: System, store: str) -> None:
    """Something is sold and not handled, or parked, when the process ends."""
    async with system.connect(store=store) as app:
        sell: Any = next(message for message in system.model().owners if message.__name__ == "Sell")
        await app.send(sell(order="o-1"))


CHANGES = [
    (release(event_by="order"), release(event_by="customer"), "sales.Sold version 1", "its field 'order'"),
    (release(event_by="order"), release(), "sales.Sold version 1", "its field 'order'"),
    (release(), release(event_by="order"), "sales.Sold version 1", "the aggregate that recorded it"),
    (release(), release(domain_by="customer"), "sales.Sale version 1", "the aggregate that recorded it"),
    (release(command_by="order"), release(command_by="customer"), "depot.Pack version 1", "its field 'order'"),
    (release(), release(command_by="order"), "depot.Pack version 1", "the message whose handler sent it"),
]


@pytest.mark.parametrize(("before", "after", "where", "was"), CHANGES)
async def test_another_key_is_refused(before: System, after: System, where: str, was: str, kept: str) -> None:
    await sell_in(before, kept)
    with pytest.raises(ModelError) as raised:
        await sell_in(after, kept)
    (finding,) = raised.value.findings
    assert (finding.code, finding.where) == ("event.key-changed", where)
    assert finding.what.endswith(f"but stored messages by {was}")
    await sell_in(before, kept)
