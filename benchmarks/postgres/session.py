"""remit over PostgreSQL, with the model of `sqlite/sqlalchemy_orm.py`: the handler asks for an `AsyncSession`."""

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from benchmarks import loops, sampling
from benchmarks.postgres.server import running_server
from benchmarks.sampling import Sample, Work
from benchmarks.sqlite.orders import placement
from benchmarks.sqlite.ours import Line, OrderId, Placed, PlaceOrder
from benchmarks.sqlite.sqlalchemy_orm import Order
from remit import Command, Context, Events, System


class Prepare(Command[None]): ...


sales = Context("sales", kind="core")


@sales.handle(Prepare)
async def prepare(command: Prepare, connection: AsyncConnection) -> None:
    await connection.run_sync(Order.metadata.tables[Order.__tablename__].create)


@sales.handle(PlaceOrder)
async def place(command: PlaceOrder, session: AsyncSession, events: Events[Placed]) -> OrderId:
    order = await session.get(Order, command.order)
    if order is None:
        order = Order(id=command.order, changes=0)
        session.add(order)
    order.customer, order.total = command.customer, command.total
    order.lines = [{"sku": line.sku, "quantity": line.quantity, "price": line.price} for line in command.lines]
    order.changes += 1
    events.publish(
        Placed(order=command.order, customer=command.customer, lines=command.lines, total=command.total),
        key=command.order,
    )
    return command.order


async def _measured(work: Work, store: str, in_flight: int) -> Sample:
    async with System("shop", contexts=[sales]).connect(store=store) as app:
        await app.send(Prepare())

        async def send(number: int) -> OrderId:
            asked = placement(number)
            lines = tuple(Line(sku=line.sku, quantity=line.quantity, price=line.price) for line in asked.lines)
            order = OrderId(asked.order)
            command = PlaceOrder(order=order, customer=asked.customer, lines=lines, total=asked.total)
            return await app.send(command, key=asked.key)

        return await loops.tasks_in_flight(work, in_flight, send)


def _run(work: Work, in_flight: int) -> Sample:
    with running_server(work) as server:
        return sampling.run_async(_measured(work, server.url(), in_flight))


def run_1(work: Work) -> Sample:
    return _run(work, 1)


def run_32(work: Work) -> Sample:
    return _run(work, 32)
