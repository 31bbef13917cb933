"""The simulated system: orders, which billing charges and shipping sends out. It only appends to lists.

So a message that is handled twice, too early or not at all stays visible, and no handler hides it by being idempotent
itself.
"""

from typing import NewType

from remit.contexts import Context, ContextMap, Later, Repository, Sender, View
from remit.domain import Aggregate, Projection
from remit.messages import Command, DomainEvent, IntegrationEvent, Query, Refusal, field
from remit.testing.simulation.cluster import Weather

__all__ = ["Credit", "Customer", "Listed", "Ordered", "PlaceOrder", "shop"]

Customer = NewType("Customer", str)


class PlaceOrder(Command[int]):
    customer: Customer
    order: str


class Placed(DomainEvent):
    customer: Customer
    order: str


class OrderPlaced(IntegrationEvent, key="customer"):
    customer: Customer
    order: str


class Ordered(Query[int]):
    customer: Customer


class Listed(Query[dict[str, list[str]]]):
    """What shipping has of a customer, by the name of each list."""

    customer: Customer


class Credit(Command[int]):
    customer: Customer
    note: str


class Charged(DomainEvent):
    customer: Customer
    order: str


class OrderCharged(IntegrationEvent):
    customer: Customer
    order: str


class SoldOut(Refusal):
    order: str


class Reserve(Command[int, SoldOut]):
    customer: Customer
    order: str


class Ship(Command[None]):
    customer: Customer
    order: str


class Book(Aggregate[Customer, Placed]):
    orders: list[str] = field(default_factory=list[str])

    def place(self, order: str) -> int:
        self.orders.append(order)
        self.record(Placed(customer=self.id, order=order))
        return len(self.orders)


class History(Projection[Customer, Placed]):
    orders: list[str] = field(default_factory=list[str])

    @staticmethod
    def key(event: Placed) -> Customer:
        return event.customer

    def evolve(self, event: Placed) -> None:
        self.orders.append(event.order)


class Account(Aggregate[Customer, Charged]):
    orders: list[str] = field(default_factory=list[str])
    credits: list[str] = field(default_factory=list[str])

    def charge(self, order: str) -> None:
        self.orders.append(order)
        self.record(Charged(customer=self.id, order=order))


class Stock(Aggregate[Customer]):
    orders: list[str] = field(default_factory=list[str])


class Dock(Aggregate[Customer]):
    orders: list[str] = field(default_factory=list[str])


class Notices(Aggregate[Customer]):
    orders: list[str] = field(default_factory=list[str])


def shop(weather: Weather) -> ContextMap:
    """The model, with handlers that the weather delays and disturbs."""
    contexts = [_orders(weather), _billing(weather), _shipping(weather)]
    return ContextMap(name="shop", contexts=tuple(contexts))


def _orders(weather: Weather) -> Context:
    orders = Context("orders")
    orders.project(History)

    @orders.handle(PlaceOrder)
    async def place(command: PlaceOrder, books: Repository[Book]) -> int:
        book = await books.obtain(command.customer)
        await weather.blow("place")
        return book.place(command.order)

    @orders.answer(Ordered)
    async def ordered(query: Ordered, histories: View[History]) -> int:
        history = await histories.get(query.customer)
        await weather.blow("ordered")
        return len(history.orders)

    @orders.publish(Placed)
    def placed(event: Placed) -> OrderPlaced:
        return OrderPlaced(customer=event.customer, order=event.order)

    return orders


def _billing(weather: Weather) -> Context:
    billing = Context("billing")

    @billing.handle(Credit)
    async def credit(command: Credit, accounts: Repository[Account]) -> int:
        account = await accounts.obtain(command.customer)
        await weather.blow("credit")
        account.credits.append(command.note)
        return len(account.credits)

    @billing.react(OrderPlaced)
    async def charge(event: OrderPlaced, accounts: Repository[Account], sender: Sender, later: Later[Ship]) -> None:
        account = await accounts.obtain(event.customer)
        await weather.blow("charge")
        if "poison" in event.order:
            weather.poison(event.customer)
        await sender.attempt(Reserve(customer=event.customer, order=event.order))
        account.charge(event.order)
        later.send(Ship(customer=event.customer, order=event.order))

    @billing.publish(Charged)
    def charged(event: Charged) -> OrderCharged:
        return OrderCharged(customer=event.customer, order=event.order)

    return billing


def _shipping(weather: Weather) -> Context:
    shipping = Context("shipping")

    @shipping.handle(Reserve)
    async def reserve(command: Reserve, stocks: Repository[Stock]) -> int:
        stock = await stocks.obtain(command.customer)
        await weather.blow("reserve")
        if "sold-out" in command.order:
            raise SoldOut(order=command.order)
        stock.orders.append(command.order)
        return len(stock.orders)

    @shipping.handle(Ship)
    async def ship(command: Ship, docks: Repository[Dock]) -> None:
        dock = await docks.obtain(command.customer)
        await weather.blow("ship")
        dock.orders.append(command.order)

    @shipping.answer(Listed)
    async def listed(
        query: Listed, stocks: Repository[Stock], docks: Repository[Dock], notices: Repository[Notices]
    ) -> dict[str, list[str]]:
        found = {
            "stock": await stocks.find(query.customer),
            "dock": await docks.find(query.customer),
            "notices": await notices.find(query.customer),
        }
        return {name: list(each.orders) if each else [] for name, each in found.items()}

    @shipping.react(OrderCharged)
    async def notify(event: OrderCharged, notices: Repository[Notices]) -> None:
        notice = await notices.obtain(event.customer)
        await weather.blow("notify")
        notice.orders.append(event.order)

    return shipping
