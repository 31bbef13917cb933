"""A shipment leaves when it is ordered, paid, and its goods are reserved, in whichever sequence that is heard of."""

from remit import Aggregate, DomainEvent, field
from webshop_fulfilment_api import Awaited, Item, OrderId


class FulfilmentEvent(DomainEvent):
    """Something that happened in fulfilment."""


class Dispatched(FulfilmentEvent):
    order: OrderId
    items: list[Item]
    ship_to: str


class Shipment(Aggregate[OrderId, Dispatched]):
    items: list[Item] = field(default_factory=list[Item])
    ship_to: str = ""
    awaits: list[Awaited] = field(default_factory=lambda: list[Awaited](["order", "payment", "goods"]))

    def order(self, items: list[Item], ship_to: str) -> None:
        """Says what to pack, and where it goes."""
        self.items = items
        self.ship_to = ship_to
        self._has_come("order")

    def pay(self) -> None:
        """The payment is authorized."""
        self._has_come("payment")

    def reserve(self) -> None:
        """The goods are set aside."""
        self._has_come("goods")

    def _has_come(self, what: Awaited) -> None:
        self.awaits.remove(what)
        if not self.awaits:
            self.record(Dispatched(order=self.id, items=self.items, ship_to=self.ship_to))
