"""A tour of a system on real stores, in a process that dies, or loses a task, at one point where a task waits.

    python -m tests.points.walk STORE

reads one JSON line for each walk, and answers it with one. Each walk is a process of its own, forked off from this one:

    {"name": "w7", "place": "…", "kind": "crash"}  →  {"status": -9, "said": null}

Without a place nothing happens to it, and what it says at the end is true for ever.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypedDict

from remit import System
from remit.contexts import Sender
from remit.errors import CallError
from remit.messages import Command, Query
from remit.runtime.work.deadlines import ask_to_end
from remit.testing.simulation.cluster import Choices, Weather
from remit.testing.simulation.cluster.points import Points, WatchedTask, place_of
from remit.testing.simulation.workloads.shop_system import Credit, Customer, Listed, Ordered, PlaceOrder, shop

SEPARATOR = " > "
PATIENCE_SECONDS = 20.0
ORDERS = ("first", "second", "third-sold-out", "fourth")


class Job(TypedDict):
    """One walk."""

    name: str
    """Whose orders are placed: another one each time, but for who sees whether all is well."""
    place: str
    """Where something happens, the first time a task comes there; empty for nowhere."""
    kind: str
    """`crash` or `cancel`."""


class Calm(Weather):
    """Nothing fails and nothing takes long; still every handler waits."""

    async def blow(self, handler: str) -> None:
        await asyncio.sleep(0)


class AtPlace(Points):
    """What happens at one place, the first time a task waits there; and all places, with what may happen at them."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job
        self.met = False

    def came(self, waiting: WatchedTask) -> None:
        super().came(waiting)
        if self.met or not self._job["place"] or SEPARATOR.join(place_of(waiting.work)) != self._job["place"]:
            return
        self.met = True
        if self._job["kind"] == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        assert waiting.task is not None
        asyncio.get_running_loop().call_soon(ask_to_end, waiting.task)  # as a task that handles messages is ended


async def walk(job: Job, store: str) -> dict[str, Any]:
    """What the customer has at the end, as the system says."""
    customer = Customer(job["name"])
    whole = shop(Calm(Choices(0, only=())))
    async with System("shop", contexts=list(whole.contexts)).connect(store=store) as app:

        async def wish(name: str, command: Command[int]) -> None:
            await until_answered(lambda: app.send(command, key=f"{customer} {name}", deadline=PATIENCE_SECONDS))

        def order(name: str) -> Coroutine[Any, Any, None]:
            return wish(name, PlaceOrder(customer=customer, order=name))

        await order(ORDERS[0])
        credit = wish("credit", Credit(customer=customer, note="credit"))
        await asyncio.gather(order(ORDERS[1]), order(ORDERS[2]), credit)
        await order(ORDERS[3])
        return await everything(app, customer)


async def until_answered(ask: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Asks, with the same key, until there is an answer: errors say that it is worth it, and cancellations too."""
    while True:
        try:
            return await asyncio.create_task(ask())
        except (CallError, asyncio.CancelledError):
            await asyncio.sleep(0.01)


async def everything(app: Sender, customer: Customer) -> dict[str, Any]:
    """All that there is of a customer once everything was handled."""

    async def ask(query: Query[Any]) -> Any:
        return await until_answered(lambda: app.ask(query, fresh=True, deadline=PATIENCE_SECONDS))

    return {"ordered": await ask(Ordered(customer=customer)), **await ask(Listed(customer=customer))}


def run(job: Job, store: str) -> dict[str, Any]:
    """One walk, with the places at which tasks waited."""
    points = AtPlace(job)

    def watched(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **options: Any) -> asyncio.Task[Any]:
        waiting = points.of(work)
        waiting.task = asyncio.Task(waiting, loop=loop, **options)
        return waiting.task

    with asyncio.Runner() as runner:
        runner.get_loop().set_task_factory(watched)  # type: ignore[arg-type]  # takes what create_task gives it
        said = runner.run(walk(job, store))
    found = dict(zip(map(SEPARATOR.join, points.places), points.cancellable, strict=True))
    return {**said, "met": points.met, "places": found}


def main(store: str) -> None:
    """Answers one line after the other, each from a process of its own."""
    for line in sys.stdin:
        job: Job = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            with os.fdopen(writing, "w") as out:
                json.dump(run(job, store), out)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as answers:
            said = answers.read()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(json.dumps({"status": status, "said": json.loads(said) if status == 0 else None}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
