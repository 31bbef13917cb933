"""An order from the registration of the customer to the shipment, as a client of the web shop sees it."""

from __future__ import annotations

from typing import Any, Protocol

import webshop_fulfilment_api as shipments
import webshop_inventory_api as stock
from remit import Command, Query
from remit.values import Money
from webshop_checkout_api import (
    EmptyOrder,
    FindOrder,
    NoSuchOrder,
    OrderId,
    OrderLine,
    OrderView,
    PaymentDeclined,
    PayOrder,
    PlaceOrder,
    ProductId,
)
from webshop_identity_api import RegisterUser, UserId

ADA, ORDER = UserId("ada"), OrderId("o-1")
PEN, LAMP = ProductId("pen"), ProductId("lamp")
SHIPPED = shipments.OrderId(ORDER)
PENS, LAMPS = stock.ProductId(PEN), stock.ProductId(LAMP)
ITEMS = [
    shipments.Item(product=shipments.ProductId(PEN), count=3),
    shipments.Item(product=shipments.ProductId(LAMP), count=1),
]


class Client(Protocol):
    """What `SyncSender` and `SyncApp` have in common."""

    def send(self, command: Command[Any, Any], /) -> Any: ...
    def ask(self, query: Query[Any, Any], /, *, fresh: bool = False) -> Any: ...
    def attempt(self, message: Command[Any, Any], /) -> Any: ...


def euros(amount: str) -> Money:
    return Money.of(amount, "EUR")


LINES = [
    OrderLine(product=PEN, quantity=3, price=euros("0.10")),
    OrderLine(product=LAMP, quantity=1, price=euros("19.99")),
]
PLACE = PlaceOrder(order=ORDER, customer=ADA, lines=LINES, ship_to="Ada, London")


def play(client: Client) -> None:
    """Plays the scenario in a web shop without data. Raises `AssertionError` where it goes otherwise."""
    client.send(RegisterUser(user=ADA, email="ada@example.org"))
    assert client.ask(stock.OnHand(product=PENS)) == 0
    wait_for_customer(client)
    assert client.attempt(PLACE.replace(lines=[])) == EmptyOrder()
    assert client.send(PLACE) == euros("20.29")
    assert isinstance(client.attempt(PayOrder(order=ORDER, card="empty")), PaymentDeclined)
    client.send(PayOrder(order=ORDER, card="visa"))
    find = shipments.FindShipment(order=SHIPPED)
    assert client.ask(find, fresh=True) == shipments.ShipmentView(items=ITEMS, awaits=["goods"])
    client.send(stock.ReceiveStock(product=LAMPS, quantity=1))
    client.send(stock.ReceiveStock(product=PENS, quantity=5))
    assert client.ask(FindOrder(order=ORDER), fresh=True) == OrderView(total=euros("20.29"), state="dispatched")
    assert client.ask(find) == shipments.ShipmentView(items=ITEMS, awaits=[])
    assert client.ask(stock.OnHand(product=PENS)) == 2


def wait_for_customer(client: Client) -> None:
    """A user is known to checkout a moment after the registration."""
    try:
        client.ask(FindOrder(order=OrderId("none")), fresh=True)
    except NoSuchOrder:
        return
