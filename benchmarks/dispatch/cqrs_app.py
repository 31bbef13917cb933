"""python-cqrs: a request handler whose domain event the mediator gives to an event handler.

The unit of work is a generator in a scope per `send`, the way its documentation recommends; domain events are handled
one after another, which costs it less than a task for each.
"""

import itertools
import time
from collections.abc import AsyncIterator
from typing import Any

import cqrs
import di
import msgspec
from cqrs.bootstrap import requests
from cqrs.middlewares import Middleware
from di.dependent import Dependent

from benchmarks import loops, sampling
from benchmarks.dispatch.memory import Store, UnitOfWork
from benchmarks.sampling import Sample, Work

seen = itertools.count()


class OrderReply(cqrs.Response):
    order: str


class PlaceOrder(cqrs.Request[OrderReply]):
    order: str
    amount: int


class Placed(cqrs.DomainEvent):
    order: str
    amount: int


class PlaceOrderHandler(cqrs.RequestHandler[PlaceOrder]):
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit
        self._events: list[cqrs.DomainEvent] = []

    @property
    def events(self) -> list[cqrs.DomainEvent]:
        return self._events

    async def handle(self, request: PlaceOrder) -> OrderReply:
        order = self._unit.obtain(request.order)
        order.place(request.amount)
        placed = Placed(order=order.id, amount=order.amount)
        self._events.append(placed)
        self._unit.record(order.id, "sales.Placed", msgspec.json.encode(placed))
        return OrderReply(order=order.id)


class PlacedHandler(cqrs.EventHandler[Placed]):
    async def handle(self, event: Placed) -> None:
        next(seen)


class Observe(Middleware[Any, Any]):
    def __init__(self) -> None:
        self.seconds = 0.0

    async def __call__(self, request: Any, handle: Any) -> Any:
        started = time.perf_counter()
        reply = await handle(request)
        self.seconds += time.perf_counter() - started
        return reply


def _container(store: Store) -> di.Container:
    async def unit_of_work() -> AsyncIterator[UnitOfWork]:
        unit = UnitOfWork(store)
        yield unit
        unit.commit()

    container = di.Container()
    container.bind(di.bind_by_type(Dependent(unit_of_work, scope="request"), UnitOfWork))
    return container


def run(work: Work) -> Sample:
    mediator = requests.bootstrap(
        di_container=_container(Store()),
        commands_mapper=lambda commands: commands.bind(PlaceOrder, PlaceOrderHandler),
        domain_events_mapper=lambda events: events.bind(Placed, PlacedHandler),
        middlewares=[Observe()],
        scope_strategy=cqrs.ScopeStrategy.SEND,
    )

    async def send(number: int) -> OrderReply:
        return await mediator.send(PlaceOrder(order=f"o-{number % 1000}", amount=number))

    return sampling.run_async(loops.per_await(work, send))
