"""The published language of inventory."""

__context__ = "inventory"

from typing import Annotated

from msgspec import Meta

from remit import Command, IntegrationEvent, Query
from remit.values import Identifier

Quantity = Annotated[int, Meta(ge=1)]


class OrderId(Identifier): ...


class ProductId(Identifier): ...


class ReceiveStock(Command[None]):
    """Goods have arrived. Orders that wait for them are served, the oldest first."""

    product: ProductId
    quantity: Quantity


class InventoryReserved(IntegrationEvent, version=1, key="order"):
    """Everything in an order is set aside for it."""

    order: OrderId


class OnHand(Query[int]):
    """How many of a product are not set aside for an order."""

    product: ProductId
