"""An order: its lines, its total, and how far it is."""

from collections.abc import Sequence

from remit import Aggregate, DomainEvent, Record
from remit.values import Money
from webshop_checkout_api import EmptyOrder, MixedCurrencies, OrderId, OrderLine, OrderState
from webshop_identity_api import UserId


class CheckoutEvent(DomainEvent):
    """Something that happened in checkout."""


class Placed(CheckoutEvent):
    order: OrderId
    customer: UserId
    lines: list[OrderLine]
    total: Money
    ship_to: str


class Authorized(CheckoutEvent):
    order: OrderId
    amount: Money


class Customer(Record[UserId]):
    """A user, as far as checkout knows one: somebody who may order."""


class Order(Aggregate[OrderId, Placed | Authorized]):
    customer: UserId
    lines: list[OrderLine]
    total: Money
    state: OrderState = "placed"

    @classmethod
    def place(cls, order: OrderId, customer: UserId, lines: list[OrderLine], ship_to: str) -> "Order":
        """A new order. Raises `EmptyOrder` and `MixedCurrencies`."""
        placed = cls(id=order, customer=customer, lines=lines, total=total_of(lines))
        placed.record(Placed(order=order, customer=customer, lines=lines, total=placed.total, ship_to=ship_to))
        return placed

    def authorize(self) -> None:
        """The payment provider has reserved the total."""
        self.state = "paid"
        self.record(Authorized(order=self.id, amount=self.total))

    def dispatch(self) -> None:
        """The goods have left."""
        self.state = "dispatched"


def total_of(lines: Sequence[OrderLine]) -> Money:
    """What the lines cost together. Raises `EmptyOrder` and `MixedCurrencies`."""
    if not lines:
        raise EmptyOrder
    currencies = sorted({line.price.currency for line in lines})
    if len(currencies) > 1:
        raise MixedCurrencies(currencies=currencies)
    return sum((line.price * line.quantity for line in lines), Money.zero(currencies[0]))
