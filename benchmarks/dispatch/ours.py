"""remit with its memory store: the plan, unit of work, claims, log and deadlines that `remit run` has, and no disk."""

import itertools
from typing import NewType

from benchmarks import loops, sampling
from benchmarks.sampling import Sample, Work
from remit import Aggregate, Command, Context, DomainEvent, Repository, System

OrderId = NewType("OrderId", str)

seen = itertools.count()


class PlaceOrder(Command[OrderId]):
    order: OrderId
    amount: int


class Placed(DomainEvent):
    order: OrderId
    amount: int


class Order(Aggregate[OrderId, Placed]):
    amount: int = 0

    def place(self, amount: int) -> None:
        self.amount = amount
        self.record(Placed(order=self.id, amount=amount))


sales = Context("sales", kind="core")


@sales.handle(PlaceOrder)
async def place(command: PlaceOrder, orders: Repository[Order]) -> OrderId:
    order = await orders.obtain(command.order)
    order.place(command.amount)
    return order.id


@sales.react(Placed, together=True)
async def note(event: Placed) -> None:
    next(seen)


async def _run(work: Work) -> Sample:
    async with System("shop", contexts=[sales]).connect(store="memory:") as app:

        async def send(number: int) -> OrderId:
            return await app.send(PlaceOrder(order=OrderId(f"o-{number % 1000}"), amount=number))

        return await loops.per_await(work, send)


def run(work: Work) -> Sample:
    return sampling.run_async(_run(work))
