"""A warehouse sets goods aside for orders: all that an order asks for, or nothing yet."""

from collections.abc import Iterable

from remit import Aggregate, DomainEvent, field
from webshop_inventory_api import OrderId, ProductId


class InventoryEvent(DomainEvent, key="order"):
    """Something that happened to the goods of one order."""

    order: OrderId


class Reserved(InventoryEvent):
    """Everything in the order is set aside."""


class Warehouse(Aggregate[str, Reserved]):
    stock: dict[ProductId, int] = field(default_factory=dict[ProductId, int])
    waiting: dict[OrderId, dict[ProductId, int]] = field(default_factory=dict[OrderId, dict[ProductId, int]])
    """What orders ask for that are not served yet, the oldest first."""

    def receive(self, product: ProductId, quantity: int) -> None:
        """Takes goods in."""
        self.stock[product] = self.stock.get(product, 0) + quantity
        self._serve()

    def ask(self, order: OrderId, goods: Iterable[tuple[ProductId, int]]) -> None:
        """Sets the goods of an order aside, now or when there are enough."""
        wanted = self.waiting[order] = dict[ProductId, int]()
        for product, quantity in goods:
            wanted[product] = wanted.get(product, 0) + quantity
        self._serve()

    def _serve(self) -> None:
        for order, wanted in list(self.waiting.items()):
            if all(self.stock.get(product, 0) >= quantity for product, quantity in wanted.items()):
                for product, quantity in wanted.items():
                    self.stock[product] -= quantity
                del self.waiting[order]
                self.record(Reserved(order=order))
