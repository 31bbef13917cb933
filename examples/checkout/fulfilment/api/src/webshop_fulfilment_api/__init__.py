"""The published language of fulfilment."""

__context__ = "fulfilment"

from typing import Literal

from remit import IntegrationEvent, Query, Refusal, Value
from remit.values import Identifier

Awaited = Literal["order", "payment", "goods"]


class OrderId(Identifier): ...


class ProductId(Identifier): ...


class NoSuchShipment(Refusal):
    """Nothing was heard of this order yet."""

    order: OrderId


class Item(Value):
    """Something to pack."""

    product: ProductId
    count: int


class ShipmentView(Value):
    items: list[Item]
    awaits: list[Awaited]
    """What has to happen before it is dispatched. Empty: it was dispatched."""


class FindShipment(Query[ShipmentView, NoSuchShipment]):
    order: OrderId


class ShipmentDispatched(IntegrationEvent, version=1, key="order"):
    """The goods of an order are on their way."""

    order: OrderId
