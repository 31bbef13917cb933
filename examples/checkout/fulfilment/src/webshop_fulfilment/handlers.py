"""Fulfilment: packs what was ordered, and dispatches it."""

from remit import Context, Repository
from remit.relations import CustomerSupplier
from webshop_checkout_api import OrderPlaced, PaymentAuthorized
from webshop_fulfilment.domain import Dispatched, FulfilmentEvent, Shipment
from webshop_fulfilment_api import (
    FindShipment,
    Item,
    NoSuchShipment,
    OrderId,
    ProductId,
    ShipmentDispatched,
    ShipmentView,
)
from webshop_inventory_api import InventoryReserved

fulfilment = Context(
    "fulfilment",
    kind="supporting",
    owner="team-fulfilment",
    language="webshop_fulfilment/language.md",
    events=FulfilmentEvent,
    relations=[
        CustomerSupplier(supplier="checkout", customer="fulfilment", uses=[OrderPlaced, PaymentAuthorized]),
        CustomerSupplier(supplier="inventory", customer="fulfilment", uses=[InventoryReserved]),
    ],
)
fulfilment.publish_as(Dispatched, ShipmentDispatched)


@fulfilment.react(OrderPlaced)
async def prepare(event: OrderPlaced, shipments: Repository[Shipment]) -> None:
    items = [Item(product=ProductId(line.product), count=line.quantity) for line in event.lines]
    (await shipments.obtain(OrderId(event.order))).order(items, event.ship_to)


@fulfilment.react(PaymentAuthorized)
async def note_payment(event: PaymentAuthorized, shipments: Repository[Shipment]) -> None:
    (await shipments.obtain(OrderId(event.order))).pay()


@fulfilment.react(InventoryReserved)
async def note_goods(event: InventoryReserved, shipments: Repository[Shipment]) -> None:
    (await shipments.obtain(OrderId(event.order))).reserve()


@fulfilment.answer(FindShipment)
async def find(query: FindShipment, shipments: Repository[Shipment]) -> ShipmentView:
    shipment = await shipments.find(query.order)
    if shipment is None:
        raise NoSuchShipment(order=query.order)
    return ShipmentView(items=shipment.items, awaits=shipment.awaits)
