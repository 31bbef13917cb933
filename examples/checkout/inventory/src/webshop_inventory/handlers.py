"""Inventory: reserves goods for orders. There is one warehouse."""

from remit import Context, Repository
from remit.relations import CustomerSupplier
from webshop_checkout_api import OrderPlaced
from webshop_inventory.domain import InventoryEvent, Reserved, Warehouse
from webshop_inventory_api import InventoryReserved, OnHand, OrderId, ProductId, ReceiveStock

THE_WAREHOUSE = "main"

inventory = Context(
    "inventory",
    kind="supporting",
    owner="team-inventory",
    language="webshop_inventory/language.md",
    events=InventoryEvent,
    relations=[CustomerSupplier(supplier="checkout", customer="inventory", uses=[OrderPlaced])],
)
inventory.publish_as(Reserved, InventoryReserved)


@inventory.handle(ReceiveStock)
async def receive(command: ReceiveStock, warehouses: Repository[Warehouse]) -> None:
    (await warehouses.obtain(THE_WAREHOUSE)).receive(command.product, command.quantity)


@inventory.react(OrderPlaced)
async def reserve(event: OrderPlaced, warehouses: Repository[Warehouse]) -> None:
    goods = [(ProductId(line.product), line.quantity) for line in event.lines]
    (await warehouses.obtain(THE_WAREHOUSE)).ask(OrderId(event.order), goods)


@inventory.answer(OnHand)
async def on_hand(query: OnHand, warehouses: Repository[Warehouse]) -> int:
    warehouse = await warehouses.find(THE_WAREHOUSE)
    return warehouse.stock.get(query.product, 0) if warehouse else 0
