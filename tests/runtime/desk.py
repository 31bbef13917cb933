"""A desk whose handlers do what a test says, and a shelf that notes what it is sent: two contexts in one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from remit import (
    Aggregate,
    Clock,
    Command,
    Context,
    DomainEvent,
    Ids,
    Query,
    Refusal,
    Repository,
    Sender,
    System,
    field,
)
from remit.runtime import Host


class Put(Command[int]):
    text: str


class Charge(Command[int], identity="order"):
    order: str
    cents: int


class Closed(Refusal):
    pass


class Enter(Command[int, Closed]):
    text: str


class Open(Command[None]):
    pass


class Shelf(Aggregate[str]):
    texts: list[str] = field(default_factory=list[str])
    open: bool = False


class Shown(Query[list[str]]):
    pass


class Go(Command[str]):
    order: str


class Gone(Command[str]):
    order: str


class Touch(Command[None]):
    order: str


class Went(DomainEvent, key="order"):
    order: str


class Start(Command[None]):
    order: str


class Order(Aggregate[str, Went]):
    touched: int = 0
    handled: int = 0


Body = Callable[[Sender, Order], Awaitable[None]]


class Desk:
    """Two contexts: `desk`, whose handlers do what a test says, and `shelf`, which notes what it is sent."""

    def __init__(self) -> None:
        self.runs = 0
        self.body: Callable[..., Awaitable[None]] = self._nothing
        self.branch: asyncio.Task[None] | None = None
        self.system = self._make()

    async def _nothing(self, *_: object) -> None: ...

    def _make(self) -> System:
        return System("s", contexts=[self._desk(), shelf_of()])

    def _desk(self) -> Context:
        desk = Context("desk")

        async def handle(order: str, orders: Repository[Order], sender: Sender, ids: Ids, clock: Clock) -> None:
            self.runs += 1
            found = await orders.obtain(order)
            await self.body(sender, found, ids, clock)
            found.handled += 1

        @desk.handle(Go)
        async def go(command: Go, orders: Repository[Order], sender: Sender, ids: Ids, clock: Clock) -> str:
            await handle(command.order, orders, sender, ids, clock)
            return "gone"

        @desk.handle(Gone)
        async def gone(command: Gone, orders: Repository[Order], sender: Sender, ids: Ids, clock: Clock) -> str:
            await handle(command.order, orders, sender, ids, clock)
            return "gone again"

        @desk.handle(Touch)
        async def touch(command: Touch, orders: Repository[Order]) -> None:
            (await orders.obtain(command.order)).touched += 1

        @desk.handle(Start)
        async def start(command: Start, orders: Repository[Order]) -> None:
            order = await orders.obtain(command.order)
            order.touched += 1
            order.record(Went(order=command.order))

        @desk.react(Went)
        async def follow(event: Went, orders: Repository[Order], sender: Sender, ids: Ids, clock: Clock) -> None:
            await handle(event.order, orders, sender, ids, clock)

        return desk

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Host]:
        async with self.system.connect(store="memory:") as app:
            assert isinstance(app, Host)
            self.app = app
            yield app

    async def shown(self) -> list[str]:
        texts: list[str] = await self.app.ask(Shown())
        return texts

    async def disturb(self) -> None:
        """Somebody else writes the aggregate of the first run, which therefore meets a conflict."""
        if self.runs == 1:
            task = asyncio.create_task(self.app.send(Touch(order="o")))
            await asyncio.wait([task])


def shelf_of() -> Context:
    shelf = Context("shelf")

    @shelf.handle(Put)
    async def put(command: Put, shelves: Repository[Shelf]) -> int:
        return note(await shelves.obtain("s"), command.text)

    @shelf.handle(Charge)
    async def charge(command: Charge, shelves: Repository[Shelf]) -> int:
        return note(await shelves.obtain("s"), f"{command.order}: {command.cents}")

    @shelf.handle(Enter)
    async def enter(command: Enter, shelves: Repository[Shelf]) -> int:
        shelf = await shelves.obtain("s")
        if not shelf.open:
            await asyncio.sleep(0.01)
            raise Closed
        return note(shelf, command.text)

    @shelf.handle(Open)
    async def open_(command: Open, shelves: Repository[Shelf]) -> None:
        (await shelves.obtain("s")).open = True

    @shelf.answer(Shown)
    async def shown(query: Shown, shelves: Repository[Shelf]) -> list[str]:
        found = await shelves.find("s")
        return found.texts if found else []

    return shelf


def note(shelf: Shelf, text: str) -> int:
    shelf.texts.append(text)
    return len(shelf.texts)
