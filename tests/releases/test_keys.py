"""A release that orders an event by another key than what is stored of it does not start; a new version does."""

from __future__ import annotations

from typing import Any

import pytest

from remit import Aggregate, Command, Context, DomainEvent, IntegrationEvent, Repository, System
from remit.errors import ModelError
from remit.testing.conformance.stores import same
from tests.releases.running import Shops


def release(*, by: str | None = None, domain_by: str | None = None, version: int = 1) -> System:
    """A shop whose event `Sold` is ordered by a field, or by its aggregate."""

    class Sell(Command[None]):
        order: str

    class Sale(DomainEvent, key=domain_by):
        order: str
        customer: str

    class Sold(IntegrationEvent, key=by, version=version):
        order: str
        customer: str

    class Order(Aggregate[str, Sale]):
        pass

    sales, depot = Context("sales"), Context("depot")

    async def sell(command: Any, orders: Any) -> None:
        (await orders.obtain(command.order)).record(Sale(order=command.order, customer="ada"))

    def sold(event: Any) -> Any:
        return Sold(order=event.order, customer=event.customer)

    sell.__annotations__ = {"command": Sell, "orders": Repository[Order], "return": None}
    sold.__annotations__ = {"event": Sale, "return": Sold}
    sales.handle(Sell)(sell)
    sales.publish(Sale)(sold)
    return System("shop", contexts=[sales, depot])


async def test_an_event_keeps_its_key() -> None:
    shops = Shops()
    for _ in range(2):
        async with shops.running(release(by="order")):
            pass
    with pytest.raises(ModelError) as raised:
        async with shops.running(release(by="customer", domain_by="customer")):
            pass
    (sale, sold) = sorted(raised.value.findings, key=lambda finding: finding.where)
    same([sale.code, sold.code], ["event.key-changed"] * 2, "every event is said at once")
    same((sale.where, sold.where), ("sales.Sale version 1", "sales.Sold version 1"), "and which it is")
    assert "'customer'" in sold.what
    assert "'order'" in sold.what
    assert "the aggregate that recorded it" in sale.what
    async with shops.running(release(by="order")):
        pass


async def test_a_new_version_has_a_key_of_its_own() -> None:
    shops = Shops()
    async with shops.running(release(by="order")):
        pass
    async with shops.running(release(by="customer", version=2)):
        pass
    async with shops.running(release(by="order")):
        pass


async def test_who_only_follows_it_does_not_compare() -> None:
    shops = Shops()
    async with shops.running(release(by="order")):
        pass
    system = release(by="customer")
    async with shops.running(system, "depot"):
        pass
