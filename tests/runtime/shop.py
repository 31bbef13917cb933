"""A small system for the tests of the runtime; each test makes its own, so that it can break it in its own way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NewType

from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    IntegrationEvent,
    Later,
    Projection,
    Query,
    Refusal,
    Repository,
    Sender,
    System,
    View,
)
from remit import field as default

OrderId = NewType("OrderId", str)
Buyer = NewType("Buyer", str)


class TooMuch(Refusal):
    limit: int


class Undeclared(Refusal):
    reason: str


class Place(Command[OrderId, TooMuch]):
    order: OrderId
    buyer: Buyer
    amount: int = 1


class Placed(DomainEvent):
    order: OrderId
    buyer: Buyer
    amount: int


class OrderPlaced(IntegrationEvent, version=1, key="buyer"):
    order: OrderId
    buyer: Buyer
    amount: int


class Order(Aggregate[OrderId, Placed]):
    amount: int = 0

    def place(self, buyer: Buyer, amount: int) -> None:
        if amount > 1000:
            raise TooMuch(limit=1000)
        self.amount += amount
        self.record(Placed(order=self.id, buyer=buyer, amount=amount))


class Orders(Projection[Buyer, Placed]):
    orders: list[OrderId] = default(default_factory=list[OrderId])

    @staticmethod
    def key(event: Placed) -> Buyer:
        return event.buyer

    def evolve(self, event: Placed) -> None:
        self.orders.append(event.order)


class OrdersOf(Query[list[OrderId]]):
    buyer: Buyer


class Charge(Command[int]):
    buyer: Buyer
    amount: int


class Owed(Query[int]):
    buyer: Buyer


class Account(Aggregate[Buyer]):
    owed: int = 0
    orders: list[OrderId] = default(default_factory=list[OrderId])


@dataclass
class Shop:
    """The system, and what its handlers have seen."""

    system: System
    placing: list[Place] = field(default_factory=list[Place])
    charged: list[OrderPlaced] = field(default_factory=list[OrderPlaced])
    poison: set[str] = field(default_factory=set[str])
    """Orders at which the reaction of billing fails for good."""
    down: list[Exception] = field(default_factory=list[Exception])
    """What the reaction of billing raises, once each, before it works."""


def make_shop() -> Shop:
    """Two contexts: sales places orders, billing charges accounts for them."""
    sales, billing = Context("sales"), Context("billing")
    shop = Shop(System("shop", contexts=[sales, billing]))

    @sales.handle(Place)
    async def place(command: Place, orders: Repository[Order]) -> OrderId:
        shop.placing.append(command)
        order = await orders.obtain(command.order)
        order.place(command.buyer, command.amount)
        return order.id

    @sales.publish(Placed)
    def publish(event: Placed) -> OrderPlaced:
        return OrderPlaced(order=event.order, buyer=event.buyer, amount=event.amount)

    sales.project(Orders)

    @sales.answer(OrdersOf)
    async def orders_of(query: OrdersOf, view: View[Orders]) -> list[OrderId]:
        found = await view.find(query.buyer)
        return found.orders if found else []

    @billing.react(OrderPlaced)
    async def charge(event: OrderPlaced, accounts: Repository[Account]) -> None:
        if shop.down:
            raise shop.down.pop()
        if event.order in shop.poison:
            raise ValueError(f"cannot charge {event.order}")
        shop.charged.append(event)
        account = await accounts.obtain(event.buyer)
        account.owed += event.amount
        account.orders.append(event.order)

    @billing.handle(Charge)
    async def charge_now(command: Charge, accounts: Repository[Account]) -> int:
        account = await accounts.obtain(command.buyer)
        account.owed += command.amount
        return account.owed

    @billing.answer(Owed)
    async def owed(query: Owed, accounts: Repository[Account]) -> int:
        account = await accounts.find(query.buyer)
        return account.owed if account else 0

    return shop


__all__ = [
    "Account", "Aggregate", "Buyer", "Charge", "Later", "Order", "OrderId", "OrderPlaced", "Orders", "OrdersOf", "Owed",
    "Place", "Placed", "Sender", "Shop", "TooMuch", "Undeclared", "make_shop",
]  # fmt: skip
