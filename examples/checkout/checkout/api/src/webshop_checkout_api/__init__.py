"""The published language of checkout."""

__context__ = "checkout"

from typing import Annotated, Literal

from msgspec import Meta

from remit import Command, IntegrationEvent, Query, Refusal, Value
from remit.values import Identifier, Money
from webshop_identity_api import UserId

Quantity = Annotated[int, Meta(ge=1)]
OrderState = Literal["placed", "paid", "dispatched"]


class OrderId(Identifier): ...


class ProductId(Identifier): ...


class OrderLine(Value):
    """So many of a product, each at this price."""

    product: ProductId
    quantity: Quantity
    price: Money


class EmptyOrder(Refusal):
    """The order has no line."""


class MixedCurrencies(Refusal):
    """The lines are priced in several currencies. An order has one."""

    currencies: list[str]


class UnknownCustomer(Refusal):
    """The customer has not registered. Who has just done so is known a moment later."""

    customer: UserId


class OrderTaken(Refusal):
    """There is an order of this identity already."""

    order: OrderId


class NoSuchOrder(Refusal):
    order: OrderId


class PaymentDeclined(Refusal):
    """The payment provider says no. The order stays, and may be paid with another card."""

    reason: str


class PlaceOrder(Command[Money, EmptyOrder | MixedCurrencies | UnknownCustomer | OrderTaken]):
    """Replies with the total of the order."""

    order: OrderId
    customer: UserId
    lines: list[OrderLine]
    ship_to: str


class PayOrder(Command[None, NoSuchOrder | PaymentDeclined]):
    """Authorises the payment of an order. An order is paid once, however often it is asked for."""

    order: OrderId
    card: str


class OrderPlaced(IntegrationEvent, version=1, key="order"):
    order: OrderId
    lines: list[OrderLine]
    total: Money
    ship_to: str


class PaymentAuthorized(IntegrationEvent, version=1, key="order"):
    """The amount is reserved on the card of the customer."""

    order: OrderId
    amount: Money


class OrderView(Value):
    total: Money
    state: OrderState


class FindOrder(Query[OrderView, NoSuchOrder]):
    order: OrderId
