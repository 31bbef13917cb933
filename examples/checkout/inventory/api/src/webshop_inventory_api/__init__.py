"""The published language of inventory."""

__context__ = "inventory"

from remit import Command, IntegrationEvent, Query
from webshop_checkout_api import OrderId, ProductId, Quantity


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
