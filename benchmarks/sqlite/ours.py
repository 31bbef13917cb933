"""remit over its embedded store, with the idempotency key of each call. `postgres/` measures the same shop."""

from typing import NewType

from benchmarks import loops, sampling
from benchmarks.sampling import Sample, Work
from benchmarks.sqlite.orders import placement
from remit import Aggregate, Command, Context, DomainEvent, Repository, System, Value

OrderId = NewType("OrderId", str)


class Line(Value):
    sku: str
    quantity: int
    price: int


class PlaceOrder(Command[OrderId]):
    order: OrderId
    customer: str
    lines: tuple[Line, ...]
    total: int


class Placed(DomainEvent):
    order: OrderId
    customer: str
    lines: tuple[Line, ...]
    total: int


class Order(Aggregate[OrderId, Placed]):
    customer: str = ""
    lines: tuple[Line, ...] = ()
    total: int = 0
    changes: int = 0

    def place(self, customer: str, lines: tuple[Line, ...], total: int) -> None:
        self.customer, self.lines, self.total = customer, lines, total
        self.changes += 1
        self.record(Placed(order=self.id, customer=customer, lines=lines, total=total))


sales = Context("sales", kind="core")


@sales.handle(PlaceOrder)
async def place(command: PlaceOrder, orders: Repository[Order]) -> OrderId:
    order = await orders.obtain(command.order)
    order.place(command.customer, command.lines, command.total)
    return order.id


async def measure(work: Work, store: str, in_flight: int, size: int = 0) -> Sample:
    """Commands per second on a store of that address, with messages and states of about `size` bytes."""
    async with System("shop", contexts=[sales]).connect(store=store) as app:

        async def send(number: int) -> OrderId:
            asked = placement(number, size)
            lines = tuple(Line(sku=line.sku, quantity=line.quantity, price=line.price) for line in asked.lines)
            order = OrderId(asked.order)
            command = PlaceOrder(order=order, customer=asked.customer, lines=lines, total=asked.total)
            return await app.send(command, key=asked.key)

        return await loops.tasks_in_flight(work, in_flight, send)


def _run(work: Work, in_flight: int, size: int = 0) -> Sample:
    return sampling.run_async(measure(work, f"sqlite:{work.folder}/{{context}}.db", in_flight, size))


def run_1(work: Work) -> Sample:
    return _run(work, 1)


def run_32(work: Work) -> Sample:
    return _run(work, 32)


def run_1_kb(work: Work) -> Sample:
    return _run(work, 1, 1_000)


def run_100_kb(work: Work) -> Sample:
    return _run(work, 1, 100_000)


def run_1_mb(work: Work) -> Sample:
    return _run(work, 1, 1_000_000)
