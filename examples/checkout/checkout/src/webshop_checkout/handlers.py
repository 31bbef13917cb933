"""Checkout: takes orders and payments, and shows how far an order is."""

from remit import Context, Records, Repository
from remit.relations import Conformist
from remit.values import Money
from webshop_checkout.domain import Authorized, CheckoutEvent, Customer, Order, Placed
from webshop_checkout.payments import Payments, PretendedCards
from webshop_checkout_api import (
    FindOrder,
    NoSuchOrder,
    OrderId,
    OrderPlaced,
    OrderTaken,
    OrderView,
    PaymentAuthorized,
    PayOrder,
    PlaceOrder,
    UnknownCustomer,
)
from webshop_fulfilment_api import ShipmentDispatched
from webshop_identity_api import UserRegistered

checkout = Context(
    "checkout",
    kind="core",
    owner="team-checkout",
    language="webshop_checkout/language.md",
    events=CheckoutEvent,
    relations=[Conformist(upstream="identity", downstream="checkout", uses=[UserRegistered])],
)
checkout.provide(Payments, PretendedCards)
checkout.publish_as(Placed, OrderPlaced)
checkout.publish_as(Authorized, PaymentAuthorized)


@checkout.handle(PlaceOrder)
async def place(command: PlaceOrder, orders: Repository[Order], customers: Records[Customer]) -> Money:
    if await customers.find(command.customer) is None:
        raise UnknownCustomer(customer=command.customer)
    if await orders.find(command.order) is not None:
        raise OrderTaken(order=command.order)
    order = Order.place(command.order, command.customer, command.lines, command.ship_to)
    orders.add(order)
    return order.total


@checkout.handle(PayOrder)
async def pay(command: PayOrder, orders: Repository[Order], payments: Payments) -> None:
    order = await orders.find(command.order)
    if order is None:
        raise NoSuchOrder(order=command.order)
    if order.state == "placed":
        await payments.authorize(command.card, order.total, reference=order.id)
        order.authorize()


@checkout.answer(FindOrder)
async def find(query: FindOrder, orders: Repository[Order]) -> OrderView:
    order = await orders.find(query.order)
    if order is None:
        raise NoSuchOrder(order=query.order)
    return OrderView(total=order.total, state=order.state)


@checkout.react(UserRegistered)
async def welcome(event: UserRegistered, customers: Records[Customer]) -> None:
    await customers.put(Customer(id=event.user))


@checkout.react(ShipmentDispatched)
async def close(event: ShipmentDispatched, orders: Repository[Order]) -> None:
    (await orders.get(OrderId(event.order))).dispatch()
