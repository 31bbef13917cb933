"""A shop that sends a mail for each order, run by as many processes as a test likes. It writes down what it does.

python post.py serve            runs until SIGTERM
python post.py sell             the same, and places orders all the time
python post.py script ORDER     places one order and ends
uvicorn post:app --workers 4    the HTTP edge, as people run it
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from itertools import count
from typing import Any

from remit import Aggregate, Command, Context, DomainEvent, IntegrationEvent, Repository, Sender, System
from remit.edges import HttpEdge
from remit.edges.http import HttpApp

MAIL_SECONDS = 0.01


class PlaceOrder(Command[None]):
    order: str


class Placed(DomainEvent):
    order: str


class OrderPlaced(IntegrationEvent, version=1, key="order"):
    order: str


class Order(Aggregate[str, Placed]):
    placed: bool = False


desk, post = Context("desk"), Context("post")


@desk.handle(PlaceOrder)
async def place(command: PlaceOrder, orders: Repository[Order]) -> None:
    order = await orders.obtain(command.order)
    order.placed = True
    order.record(Placed(order=command.order))


@desk.publish(Placed)
def publish(event: Placed) -> OrderPlaced:
    return OrderPlaced(order=event.order)


@post.react(OrderPlaced)
async def send_mail(event: OrderPlaced) -> None:
    tell("begun", event.order)
    await asyncio.sleep(MAIL_SECONDS)
    tell("mailed", event.order)  # the mail server has it, and
    await asyncio.sleep(MAIL_SECONDS)  # says so after a while


desk_edge = HttpEdge(desk)
desk_edge.post("/orders", PlaceOrder, status=201)
shop = System("shop", contexts=[desk, post], edges=[desk_edge])


def tell(what: str, order: str = "-") -> None:
    """A line in the diary that all processes share: written at once, and whole."""
    line = f"{time.monotonic():.4f} {os.getpid()} {what} {order}\n"
    diary = os.open(os.environ["DIARY"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(diary, line.encode())
    os.close(diary)


class Application:
    """The edge, which runs the shop as long as the server runs it."""

    def __init__(self) -> None:
        self._stack = contextlib.AsyncExitStack()
        self._edge: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await self._edge(scope, receive, send)
            return
        await receive()
        self._edge = HttpApp(shop, await self._stack.enter_async_context(shop.connect(store=os.environ["STORE"])))
        tell("started")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._stack.aclose()
        await send({"type": "lifespan.shutdown.complete"})


app = Application()


async def serve(*, sells: bool) -> None:
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    async with shop.connect(store=os.environ["STORE"]) as sender:
        tell("started")
        if sells:
            await sell(sender, ending)
        await ending.wait()
        tell("ending")
    tell("ended")


async def sell(sender: Sender, ending: asyncio.Event) -> None:
    for number in count():
        if ending.is_set():
            return
        order = f"{os.getpid()}-{number}"
        await sender.send(PlaceOrder(order=order))
        tell("placed", order)
        await asyncio.sleep(0.005)


def script(order: str) -> None:
    with shop.connect_sync(store=os.environ["STORE"]) as sender:
        sender.send(PlaceOrder(order=order))
        tell("placed", order)


if __name__ == "__main__":
    if sys.argv[1] == "script":
        script(sys.argv[2])
    else:
        asyncio.run(serve(sells=sys.argv[1] == "sell"))
