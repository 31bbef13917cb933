"""What the contexts of the web shop decide, one step at a time."""

from collections.abc import Callable
from itertools import permutations

import pytest

import webshop_inventory_api as stock
from remit import IntegrationEvent
from remit.testing import given
from remit.values import Money
from tests.checkout.scenario import ADA, ITEMS, LAMPS, LINES, ORDER, PEN, PENS, PLACE, SHIPPED, euros
from webshop_checkout.domain import Authorized, Customer, Order, Placed
from webshop_checkout.handlers import checkout
from webshop_checkout.payments import Payments, PretendedCards
from webshop_checkout_api import (
    EmptyOrder,
    FindOrder,
    MixedCurrencies,
    NoSuchOrder,
    OrderLine,
    OrderPlaced,
    OrderTaken,
    OrderView,
    PaymentAuthorized,
    PaymentDeclined,
    PayOrder,
    UnknownCustomer,
)
from webshop_fulfilment.domain import Dispatched, Shipment
from webshop_fulfilment.handlers import fulfilment
from webshop_fulfilment_api import Awaited, FindShipment, NoSuchShipment, ShipmentDispatched, ShipmentView
from webshop_identity.domain import Registered
from webshop_identity.handlers import identity
from webshop_identity_api import RegisterUser, UserRegistered
from webshop_inventory.domain import Reserved, Warehouse
from webshop_inventory.handlers import THE_WAREHOUSE, inventory
from webshop_inventory_api import InventoryReserved, OnHand, ReceiveStock

TOTAL = euros("20.29")
KNOWN = Customer(id=ADA)
PLACED = Order(id=ORDER, customer=ADA, lines=LINES, total=TOTAL)
PAID = Order(id=ORDER, customer=ADA, lines=LINES, total=TOTAL, state="paid")
ORDERED = OrderPlaced(order=ORDER, lines=LINES, total=TOTAL, ship_to="Ada, London")
SENT = ShipmentDispatched(order=SHIPPED)
GOODS = stock.OrderId(ORDER)


# ── checkout ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_order_of_a_customer_is_placed_with_its_exact_total() -> None:
    placed = given(checkout, KNOWN).when(PLACE)
    placed.then(Placed(order=ORDER, customer=ADA, lines=LINES, total=TOTAL, ship_to="Ada, London")).replies(TOTAL)
    placed.publishes(ORDERED)
    placed.leaves(PLACED)


@pytest.mark.parametrize(
    ("prices", "total"), [(["0.1"] * 3, "0.3"), (["100000000000000", "0.01"], "100000000000000.01"), (["0.00"], "0.00")]
)
def test_totals_are_exact(prices: list[str], total: str) -> None:
    lines = [OrderLine(product=PEN, quantity=1, price=euros(price)) for price in prices]
    given(checkout, KNOWN).when(PLACE.replace(lines=lines)).replies(euros(total))


def test_an_order_without_a_line_is_refused() -> None:
    given(checkout, KNOWN).when(PLACE.replace(lines=[])).then(EmptyOrder())


def test_an_order_in_two_currencies_is_refused() -> None:
    dollars = OrderLine(product=PEN, quantity=1, price=Money.of(1, "USD"))
    given(checkout, KNOWN).when(PLACE.replace(lines=[*LINES, dollars])).then(MixedCurrencies(currencies=["EUR", "USD"]))


def test_only_customers_order_and_an_identity_is_used_once() -> None:
    given(checkout).when(PLACE).then(UnknownCustomer(customer=ADA))
    given(checkout, KNOWN, PLACED).when(PLACE).then(OrderTaken(order=ORDER))


def test_an_order_is_paid_once() -> None:
    pay = PayOrder(order=ORDER, card="visa")
    paid = given(checkout, PLACED).provide(Payments, PretendedCards).when(pay)
    paid.then(Authorized(order=ORDER, amount=TOTAL)).leaves(PAID)
    paid.publishes(PaymentAuthorized(order=ORDER, amount=TOTAL))
    given(checkout, PAID).provide(Payments, PretendedCards).when(pay).then().leaves(PAID)


def test_a_payment_that_is_declined_leaves_the_order_as_it_was() -> None:
    empty = PayOrder(order=ORDER, card="empty")
    declined = given(checkout, PLACED).provide(Payments, PretendedCards).when(empty)
    declined.then(PaymentDeclined(reason="20.29 EUR is more than the card has")).leaves(PLACED)


def test_an_order_that_does_not_exist_is_neither_paid_nor_found() -> None:
    for message in (PayOrder(order=ORDER, card="visa"), FindOrder(order=ORDER)):
        given(checkout).provide(Payments, PretendedCards).when(message).then(NoSuchOrder(order=ORDER))


def test_an_order_shows_that_it_was_dispatched() -> None:
    sent = given(checkout, PAID).when(SENT).then()
    sent.leaves(Order(id=ORDER, customer=ADA, lines=LINES, total=TOTAL, state="dispatched"))
    given(checkout, PAID).when(FindOrder(order=ORDER)).then(OrderView(total=TOTAL, state="paid"))


def test_who_has_registered_is_a_customer() -> None:
    given(checkout).when(UserRegistered(user=ADA)).then().leaves(KNOWN)


# ── identity ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_registration_is_published_once() -> None:
    register = RegisterUser(user=ADA, email="ada@example.org")
    registered = Registered(user=ADA, email="ada@example.org")
    given(identity).when(register).then(registered).publishes(UserRegistered(user=ADA))


# ── inventory ───────────────────────────────────────────────────────────────────────────────────────────────────────


def warehouse(counts: dict[str, int], *waiting: str) -> Warehouse:
    wanted = {PENS: 3, LAMPS: 1}
    return Warehouse(
        id=THE_WAREHOUSE,
        stock={stock.ProductId(product): count for product, count in counts.items()},
        waiting={stock.OrderId(order): dict(wanted) for order in waiting},
    )


def test_goods_are_reserved_for_a_whole_order() -> None:
    reserved = given(inventory, warehouse({"pen": 5, "lamp": 1})).when(ORDERED)
    reserved.then(Reserved(order=GOODS)).publishes(InventoryReserved(order=GOODS))
    reserved.leaves(warehouse({"pen": 2, "lamp": 0}))


def test_nothing_is_reserved_for_half_an_order() -> None:
    given(inventory, warehouse({"pen": 5})).when(ORDERED).then().leaves(warehouse({"pen": 5}, "o-1"))


def test_orders_that_wait_are_served_when_goods_arrive_the_oldest_first() -> None:
    arrived = given(inventory, warehouse({"pen": 7}, "o-1", "o-2")).when(ReceiveStock(product=LAMPS, quantity=1))
    arrived.then(Reserved(order=GOODS)).leaves(warehouse({"pen": 4, "lamp": 0}, "o-2"))


def test_lines_of_one_product_are_added_up() -> None:
    twice = ORDERED.replace(lines=[LINES[0], LINES[0]])
    given(inventory, warehouse({"pen": 5})).when(twice).then()
    given(inventory, warehouse({"pen": 6})).when(twice).then(Reserved(order=GOODS))


def test_what_is_on_hand_is_not_reserved() -> None:
    given(inventory).when(OnHand(product=PENS)).then(0)
    given(inventory, warehouse({"pen": 5})).when(OnHand(product=PENS)).then(5)


# ── fulfilment ──────────────────────────────────────────────────────────────────────────────────────────────────────

STEPS: dict[Awaited, Callable[[Shipment], None]] = {
    "order": lambda shipment: shipment.order(ITEMS, "Ada, London"),
    "payment": Shipment.pay,
    "goods": Shipment.reserve,
}


@pytest.mark.parametrize("heard", [*permutations(STEPS)], ids=", ".join)
def test_a_shipment_leaves_when_everything_was_heard_of_in_any_order(heard: tuple[Awaited, ...]) -> None:
    shipment = Shipment(id=SHIPPED)
    for step in heard[:-1]:
        STEPS[step](shipment)
    given(shipment).when(STEPS[heard[-1]]).then(Dispatched(order=SHIPPED, items=ITEMS, ship_to="Ada, London"))


@pytest.mark.parametrize(
    ("event", "what"),
    [
        (ORDERED, "order"),
        (PaymentAuthorized(order=ORDER, amount=TOTAL), "payment"),
        (InventoryReserved(order=GOODS), "goods"),
    ],
)
def test_the_last_event_that_a_shipment_awaits_is_followed_by_its_dispatch(
    event: IntegrationEvent, what: Awaited
) -> None:
    shipment = Shipment(id=SHIPPED, items=ITEMS, ship_to="Ada, London", awaits=[what])
    left = given(fulfilment, shipment).when(event)
    left.then(Dispatched(order=SHIPPED, items=ITEMS, ship_to="Ada, London")).publishes(SENT)


def test_a_shipment_that_nobody_has_heard_of_is_not_found() -> None:
    given(fulfilment).when(FindShipment(order=SHIPPED)).then(NoSuchShipment(order=SHIPPED))
    awaits_payment = Shipment(id=SHIPPED, items=ITEMS, ship_to="Ada, London", awaits=["payment"])
    found = given(fulfilment, awaits_payment).when(FindShipment(order=SHIPPED))
    found.then(ShipmentView(items=ITEMS, awaits=["payment"]))
