"""An order from the registration of the customer to the shipment, as a client of the web shop sees it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Protocol

from remit import Command, Query
from webshop_checkout_api import (
    EmptyOrder,
    FindOrder,
    Money,
    NoSuchOrder,
    OrderId,
    OrderLine,
    OrderView,
    PaymentDeclined,
    PayOrder,
    PlaceOrder,
    ProductId,
)
from webshop_fulfilment_api import FindShipment, Item, ShipmentView
from webshop_identity_api import RegisterUser, UserId
from webshop_inventory_api import OnHand, ReceiveStock

ADA, ORDER = UserId("ada"), OrderId("o-1")
PEN, LAMP = ProductId("pen"), ProductId("lamp")


class Client(Protocol):
    """What `SyncSender` and `SyncApp` have in common."""

    def send(self, command: Command[Any, Any], /) -> Any: ...
    def ask(self, query: Query[Any, Any], /, *, fresh: bool = False) -> Any: ...
    def attempt(self, message: Command[Any, Any], /) -> Any: ...


def euros(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="EUR")


LINES = [
    OrderLine(product=PEN, quantity=3, price=euros("0.10")),
    OrderLine(product=LAMP, quantity=1, price=euros("19.99")),
]
PLACE = PlaceOrder(order=ORDER, customer=ADA, lines=LINES, ship_to="Ada, London")


def play(client: Client) -> None:
    """Plays the scenario in a web shop without data. Raises `AssertionError` where it goes otherwise."""
    client.send(RegisterUser(user=ADA, email="ada@example.org"))
    assert client.ask(OnHand(product=PEN)) == 0
    wait_for_customer(client)
    assert client.attempt(PLACE.replace(lines=[])) == EmptyOrder()
    assert client.send(PLACE) == euros("20.29")
    assert isinstance(client.attempt(PayOrder(order=ORDER, card="empty")), PaymentDeclined)
    client.send(PayOrder(order=ORDER, card="visa"))
    items = [Item(product=PEN, count=3), Item(product=LAMP, count=1)]
    assert client.ask(FindShipment(order=ORDER), fresh=True) == ShipmentView(items=items, awaits=["goods"])
    client.send(ReceiveStock(product=LAMP, quantity=1))
    client.send(ReceiveStock(product=PEN, quantity=5))
    assert client.ask(FindOrder(order=ORDER), fresh=True) == OrderView(total=euros("20.29"), state="dispatched")
    assert client.ask(FindShipment(order=ORDER)) == ShipmentView(items=items, awaits=[])
    assert client.ask(OnHand(product=PEN)) == 2


def wait_for_customer(client: Client) -> None:
    """A user is known to checkout a moment after the registration."""
    try:
        client.ask(FindOrder(order=OrderId("none")), fresh=True)
    except NoSuchOrder:
        return
