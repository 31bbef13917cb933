"""lato: a command handler that publishes an event inside its transaction context, which is the unit of work."""

import itertools
import time
from collections.abc import Awaitable, Callable
from typing import Any

from lato import Application, Command, Event, TransactionContext

from benchmarks import loops, sampling
from benchmarks.dispatch.memory import Store, UnitOfWork
from benchmarks.sampling import Sample, Work


class PlaceOrder(Command):
    order: str
    amount: int


class Placed(Event):
    order: str
    amount: int


def run_sync(work: Work) -> Sample:
    app, store, seen = Application("sales"), Store(), itertools.count()
    seconds = 0.0

    @app.on_enter_transaction_context
    def begin(ctx: TransactionContext) -> None:
        ctx.set_dependencies(unit=UnitOfWork(store))

    @app.on_exit_transaction_context
    def end(ctx: TransactionContext, exception: Exception | None = None) -> None:
        if exception is None:
            ctx["unit"].commit()

    @app.transaction_middleware
    def observe(ctx: TransactionContext, call_next: Callable[[], Any]) -> Any:
        nonlocal seconds
        started = time.perf_counter()
        reply = call_next()
        seconds += time.perf_counter() - started
        return reply

    @app.handler(PlaceOrder)
    def place(command: PlaceOrder, unit: UnitOfWork, ctx: TransactionContext) -> str:
        order = unit.obtain(command.order)
        order.place(command.amount)
        placed = Placed(order=order.id, amount=order.amount)
        unit.record(order.id, "sales.Placed", placed.model_dump_json().encode())
        ctx.publish(placed)
        return order.id

    @app.handler(Placed)
    def note(event: Placed) -> None:
        next(seen)

    return loops.per_call(work, lambda number: app.execute(PlaceOrder(order=f"o-{number % 1000}", amount=number)))


def run_async(work: Work) -> Sample:
    app, store, seen = Application("sales"), Store(), itertools.count()
    seconds = 0.0

    @app.on_enter_transaction_context
    async def begin(ctx: TransactionContext) -> None:
        ctx.set_dependencies(unit=UnitOfWork(store))

    @app.on_exit_transaction_context
    async def end(ctx: TransactionContext, exception: Exception | None = None) -> None:
        if exception is None:
            ctx["unit"].commit()

    @app.transaction_middleware
    async def observe(ctx: TransactionContext, call_next: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal seconds
        started = time.perf_counter()
        reply = await call_next()
        seconds += time.perf_counter() - started
        return reply

    @app.handler(PlaceOrder)
    async def place(command: PlaceOrder, unit: UnitOfWork, ctx: TransactionContext) -> str:
        order = unit.obtain(command.order)
        order.place(command.amount)
        placed = Placed(order=order.id, amount=order.amount)
        unit.record(order.id, "sales.Placed", placed.model_dump_json().encode())
        await ctx.publish_async(placed)
        return order.id

    @app.handler(Placed)
    async def note(event: Placed) -> None:
        next(seen)

    async def send(number: int) -> Any:
        return await app.execute_async(PlaceOrder(order=f"o-{number % 1000}", amount=number))

    return sampling.run_async(loops.per_await(work, send))
