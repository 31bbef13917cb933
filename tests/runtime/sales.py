"""Sales and billing, where a fresh answer waits for what follows from an order."""

from __future__ import annotations

import asyncio
from typing import Any

from remit import Aggregate, Command, Context, DomainEvent, Projection, Query, Repository, Sender, View
from remit.log import SubscriptionId
from remit.runtime.freshness.freshness import Freshness


async def freshen(freshness: Freshness, context: str, seconds: float = 20.0) -> None:
    await freshness.freshen(context, when=asyncio.get_running_loop().time() + seconds)


async def never(_: SubscriptionId) -> bool:
    """Nothing is broken."""
    return False


class Place(Command[None]):
    pass


class Placed(DomainEvent):
    pass


class Order(Aggregate[str, Placed]):
    pass


class Forward(Command[None]):
    pass


class Invoice(Command[None]):
    pass


class Invoiced(DomainEvent):
    pass


class Book(Aggregate[str, Invoiced]):
    pass


class Invoices(Projection[str, Invoiced]):
    count: int = 0

    @staticmethod
    def key(event: Invoiced) -> str:
        return "all"

    def evolve(self, event: Invoiced) -> None:
        self.count += 1


class Count(Query[int]):
    pass


class CountByOthers(Query[int]):
    pass


def selling(*, nested: bool = False) -> Context[Any]:
    """Its reaction calls billing, or has itself call it."""
    sales = Context("sales")

    @sales.handle(Place)
    async def place(command: Place, orders: Repository[Order]) -> None:
        (await orders.obtain("o")).record(Placed())

    async def invoice(event: Placed, sender: Sender) -> None:
        await asyncio.sleep(0.3)
        await sender.send(Forward() if nested else Invoice())

    sales.react(Placed)(invoice)

    @sales.handle(Forward)
    async def forward(command: Forward, sender: Sender) -> None:
        await asyncio.sleep(0.3)
        await sender.send(Invoice())

    @sales.answer(CountByOthers)
    async def by_others(query: CountByOthers, sender: Sender) -> int:
        return await sender.ask(Count())

    return sales


def billing_of() -> Context[Any]:
    billing = Context("billing")

    @billing.handle(Invoice)
    async def invoice(command: Invoice, books: Repository[Book]) -> None:
        (await books.obtain("b")).record(Invoiced())

    billing.project(Invoices)

    @billing.answer(Count)
    async def count(query: Count, invoices: View[Invoices]) -> int:
        found = await invoices.find("all")
        return found.count if found else 0

    return billing
