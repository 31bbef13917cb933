"""A desk that sells and a till that takes the money: two contexts, each in a process of its own, or both in one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    IntegrationEvent,
    Query,
    Refusal,
    Repository,
    Sender,
    System,
    Value,
)
from remit import field as default
from remit.errors import NotAllowed, NotFound, OutcomeUnknown, Unavailable
from remit.messages import Encoding
from remit.messages.component import Component
from remit.runtime import Channels, Host, Placed, Ports
from remit.runtime.remote.calls import RemoteCalls
from remit.stores import Store
from remit.stores.memory.store import MemoryStore
from remit.testing.in_process.calls import Exchange, InProcessCalls
from remit.transports import Answering, CallChannel, CallRequest, CallResponse
from tests.runtime.heard import Heard


class Coin(Value):
    cents: int


class TooMuch(Refusal):
    limit: Coin


class Pay(Command[int, TooMuch]):
    till: str
    coins: list[Coin]


class Receipt(Command[str]):
    """Takes a cent, and prints so many characters about it."""

    till: str
    characters: int


class Balance(Query[int]):
    till: str


class PaidIn(DomainEvent):
    till: str
    cents: int


class Paid(IntegrationEvent, version=1, key="till"):
    till: str
    cents: int


class Till(Aggregate[str, PaidIn]):
    cents: int = 0

    def take(self, cents: int) -> None:
        if cents > 1000:
            raise TooMuch(limit=Coin(cents=1000))
        self.cents += cents
        self.record(PaidIn(till=self.id, cents=cents))


class Buy(Command[int, TooMuch]):
    till: str
    cents: int


class Look(Query[int]):
    till: str


class Seen(Query[int]):
    till: str


class Shelf(Aggregate[str]):
    sold: list[int] = default(default_factory=list[int])
    seen: int = 0


@dataclass
class Shop:
    """The system, and what happens in its handlers."""

    system: System
    paying: list[Pay] = field(default_factory=list[Pay])
    """Commands that the till's handler has been given."""
    trouble: list[Exception] = field(default_factory=list[Exception])
    """What the handlers of the till raise, once each, before they work."""
    hold: asyncio.Event | None = None
    """What the handlers of the till wait for."""
    working: int = 0
    most: int = 0

    async def work(self) -> None:
        """What every handler of the till does first."""
        self.working += 1
        self.most = max(self.most, self.working)
        try:
            if self.hold is not None:
                await self.hold.wait()
            if self.trouble:
                raise self.trouble.pop()
        finally:
            self.working -= 1


def make_shop() -> Shop:
    """The desk and the till."""
    desk, till = Context("desk"), Context("till")
    shop = Shop(System("shop", contexts=[desk, till]))
    open_till(shop, till)
    open_desk(desk)
    return shop


def open_till(shop: Shop, till: Context[Any]) -> None:
    @till.handle(Pay)
    async def pay(command: Pay, tills: Repository[Till]) -> int:
        shop.paying.append(command)
        await shop.work()
        taken = await tills.obtain(command.till)
        taken.take(sum(coin.cents for coin in command.coins))
        return taken.cents

    @till.handle(Receipt)
    async def receipt(command: Receipt, tills: Repository[Till]) -> str:
        (await tills.obtain(command.till)).take(1)
        return "x" * command.characters

    @till.answer(Balance)
    async def balance(query: Balance, tills: Repository[Till]) -> int:
        await shop.work()
        return (await tills.get(query.till)).cents

    @till.publish(PaidIn)
    def publish(event: PaidIn) -> Paid:
        return Paid(till=event.till, cents=event.cents)


def open_desk(desk: Context[Any]) -> None:
    @desk.handle(Buy)
    async def buy(command: Buy, sender: Sender, shelves: Repository[Shelf]) -> int:
        balance = await sender.send(Pay(till=command.till, coins=[Coin(cents=command.cents)]))
        (await shelves.obtain(command.till)).sold.append(balance)
        return balance

    @desk.answer(Look)
    async def look(query: Look, sender: Sender) -> int:
        return await sender.ask(Balance(till=query.till))

    @desk.react(Paid)
    async def see(event: Paid, shelves: Repository[Shelf]) -> None:
        (await shelves.obtain(event.till)).seen += event.cents

    @desk.answer(Seen)
    async def seen(query: Seen, shelves: Repository[Shelf]) -> int:
        found = await shelves.find(query.till)
        return found.seen if found else 0


class Side:
    """One process of a system that runs in several."""

    def __init__(self, system: System, hosted: str, channel: CallChannel, *, encoding: Encoding = "json") -> None:
        self.said = Heard()
        self.channel = channel
        self.store: Store = MemoryStore()
        model = system.model()
        others = [context.name for context in model.contexts if context.name != hosted]
        placed = Placed(elsewhere=[Component(name, part) for name in others for part in ("write", "read", "log")])
        self.host = Host(
            model, {hosted: self.store}, Ports(), placed=placed, channels=Channels(channel, encoding=encoding),
            listeners=[self.said],
        )  # fmt: skip
        self.start, self.stop, self.reception = self.host.start, self.host.stop, self.host.reception

    @property
    def remote(self) -> RemoteCalls:
        """How it calls the other side."""
        assert self.host.remote is not None
        return self.host.remote

    def said_of(self, address: str) -> list[str]:
        """What was said about an address."""
        return [line.word for line in self.said if line.where == address]


class Wire:
    """A channel that does to requests and answers what a test tells it; otherwise it is the one it stands before."""

    def __init__(self, channel: CallChannel) -> None:
        self.capabilities = channel.capabilities
        self.requests: list[tuple[str, CallRequest]] = []
        """Everything that was asked, but for questions about logs."""
        self.lost_answers = 0
        """So many answers are lost; the connection breaks instead."""
        self.silent = False
        """Requests arrive, and nothing comes back."""
        self.down = False
        """Nobody can be reached."""
        self.denies_probes = False
        """The broker does not let probes through."""
        self.latency = 0.0
        """Seconds in each direction."""
        self._channel = channel
        self.open = channel.open
        self.close = channel.close

    async def serve(self, address: str, answering: Answering) -> None:
        await self._channel.serve(address, answering)

    async def call(self, address: str, request: CallRequest, seconds: float) -> CallResponse:
        if self.down:
            self._note(address, request)
            raise Unavailable("the test has cut the wire", where=address)
        if self.denies_probes and request.kind == "ping":
            raise NotAllowed("the broker denies this", where=address)
        if address.endswith(".log"):
            return await self._channel.call(address, request, seconds)
        self._note(address, request)
        await asyncio.sleep(self.latency)
        answer = await self._channel.call(address, request, seconds)
        if self.silent:
            await asyncio.sleep(seconds)
            raise OutcomeUnknown("the test swallows answers", where=address)
        if self.lost_answers:
            self.lost_answers -= 1
            raise OutcomeUnknown("the test has lost the answer", where=address)
        await asyncio.sleep(self.latency)
        return answer

    def _note(self, address: str, request: CallRequest) -> None:
        if not address.endswith(".log"):
            self.requests.append((address, request))

    def asked(self, kind: str) -> int:
        return sum(request.kind == kind for _, request in self.requests)


@dataclass
class Apart:
    """Both sides, running."""

    shop: Shop
    desk: Side
    till: Side
    wire: Wire
    """Between the desk and everybody else."""

    async def send(self, command: Command[Any, Any], **options: Any) -> Any:
        """Sends from the desk's process."""
        return await self.desk.host.send(command, **options)

    async def ask(self, query: Query[Any, Any], **options: Any) -> Any:
        """Asks from the desk's process."""
        return await self.desk.host.ask(query, **options)

    async def error(self, command: Command[Any, Any], **options: Any) -> Exception:
        """What a command ends with that has to fail."""
        try:
            reply = await self.send(command, **options)
        except Exception as error:  # noqa: BLE001  # the test looks at whatever it is
            return error
        raise AssertionError(f"it was answered: {reply}")


@asynccontextmanager
async def apart(
    channel: Callable[[], CallChannel] | None = None, *, encoding: Encoding = "json"
) -> AsyncGenerator[Apart]:
    """The shop in two processes, over channels that are made by `channel`."""
    exchange = Exchange()
    make = channel or (lambda: InProcessCalls(exchange))
    shop = make_shop()
    wire = Wire(make())
    desk = Side(shop.system, "desk", wire, encoding=encoding)
    till = Side(shop.system, "till", make(), encoding=encoding)
    await till.start()
    await desk.start()
    try:
        yield Apart(shop, desk, till, wire)
    finally:
        if shop.hold is not None:
            shop.hold.set()
        await desk.stop()
        await till.stop()


def pay(cents: int, till: str = "t") -> Pay:
    return Pay(till=till, coins=[Coin(cents=cents)])


__all__ = [
    "Apart", "Balance", "Buy", "Coin", "Look", "NotFound", "Paid", "Pay", "Receipt", "Seen", "Shop", "Side", "TooMuch",
    "Wire", "apart", "make_shop", "pay",
]  # fmt: skip
