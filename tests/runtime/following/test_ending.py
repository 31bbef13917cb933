"""How handlers end: with what is no exception, too late, not at all, or while somebody they began goes on."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    Later,
    Projection,
    Query,
    Refusal,
    Repository,
    Sender,
    System,
    View,
)
from remit.errors import DeadlineExceeded, HandlerFailed
from remit.runtime import Host, Ports
from remit.runtime.following.effect import HANDLER_SECONDS
from remit.runtime.following.ending import CANCELLED_SECONDS, DRAIN_SECONDS
from remit.stores.memory.store import MemoryStore
from tests.runtime.talk import LoopClock, on_virtual_time


class Panic(BaseException):
    """As other languages' libraries raise it."""


class Closed(Refusal):
    pass


class Pack(Command[None]):
    order: str


class Ship(Command[None, Closed], key="order"):
    order: str


class Look(Query[int]):
    order: str


class Packed(DomainEvent, key="order"):
    order: str


class Parcel(Aggregate[str, Packed]):
    times: int = 0


class Shelf(Projection[str, Packed]):
    times: int = 0

    @staticmethod
    def key(event: Packed) -> str:
        return event.order

    def evolve(self, event: Packed) -> None:
        if event.order == "projected":
            raise Panic
        self.times += 1


Body = Callable[[str], Awaitable[None]]


async def nothing(order: str) -> None: ...


class Works:
    """A context whose handlers do what a test says."""

    def __init__(self) -> None:
        self.store = MemoryStore(partitions=1)
        self.reaction: Body = nothing
        self.shipping: Body = nothing
        self.packing: Callable[[str, Repository[Parcel], Later[Ship], Sender], Awaitable[None]] | None = None
        self.asking: Body = nothing
        self.runs: list[str] = []

    def context(self) -> Context:
        works = Context("works")

        @works.handle(Pack)
        async def pack(command: Pack, parcels: Repository[Parcel], ship: Later[Ship], sender: Sender) -> None:
            parcel = await parcels.obtain(command.order)
            parcel.times += 1
            parcel.record(Packed(order=command.order))
            if self.packing is not None:
                await self.packing(command.order, parcels, ship, sender)

        @works.react(Packed)
        async def follow(event: Packed) -> None:
            self.runs.append(event.order)
            await self.reaction(event.order)

        @works.handle(Ship)
        async def on_ship(command: Ship) -> None:
            self.runs.append(f"ship {command.order}")
            await self.shipping(command.order)

        @works.answer(Look)
        async def look(query: Look, parcels: Repository[Parcel], shelves: View[Shelf]) -> int:
            await self.asking(query.order)
            return (await parcels.get(query.order)).times

        works.project(Shelf)
        return works

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Host]:
        model, ports = System("s", contexts=[self.context()]).model(), Ports(LoopClock())
        runtime = Host(model, {"works": self.store}, ports)
        await runtime.start()
        try:
            yield runtime
        finally:
            await runtime.stop()


async def raise_panic(order: str) -> None:
    if order == "bad":
        raise Panic("no exception")


async def leave(order: str) -> None:
    if order == "bad":
        sys.exit("no exception")


async def raise_generator_exit(order: str) -> None:
    if order == "bad":
        raise GeneratorExit("no exception")


async def raise_group(order: str) -> None:
    if order == "bad":
        raise BaseExceptionGroup("of a task group", [Panic("no exception")])


@on_virtual_time
@pytest.mark.parametrize("failure", [raise_panic, raise_group, leave, raise_generator_exit])
async def test_what_is_no_exception_parks_its_key_as_any_failure_does(failure: Body) -> None:
    works = Works()
    works.reaction = failure
    async with works.running() as app:
        for order in ("bad", "good", "projected"):
            await app.send(Pack(order=order))
        await asyncio.sleep(5.0)
        parked = {row.key: row.error for row in await works.store.parked()}
        assert parked.keys() == {"bad", "projected"}
        assert parked["bad"].startswith("RuntimeError: ")
        assert parked["bad"].endswith(": no exception")
        assert works.runs.count("bad") == 3
        assert {each.state for each in app.subscriptions} == {"running"}
        await app.send(Pack(order="other"))
        for each in app.subscriptions:
            await works.store.retry(each.name, None, LoopClock().seconds())
        await asyncio.sleep(5.0)
        assert works.runs.count("bad") == 4
        assert works.runs[-1] == "projected" or "other" in works.runs


async def catch_what_a_group_fails_with(_: str) -> None:
    async def fail() -> None:
        raise Panic("in a branch")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
    except BaseExceptionGroup:
        return


@on_virtual_time
async def test_a_handler_that_catches_what_its_task_group_fails_with_runs_once() -> None:
    """Some versions of Python leave a cancellation in a task whose group has failed; nobody has asked it to end."""
    works = Works()
    works.reaction = works.shipping = catch_what_a_group_fails_with
    async with works.running() as app:
        for order in ("one", "two"):
            await app.send(Pack(order=order))
        await asyncio.sleep(5.0)
        assert sorted(works.runs) == ["one", "two"]
        assert {each.state for each in app.subscriptions} == {"running"}


@on_virtual_time
@pytest.mark.parametrize("failure", [raise_panic, raise_group, leave, raise_generator_exit])
async def test_what_is_no_exception_reaches_no_caller(failure: Body) -> None:
    works = Works()
    works.asking = failure

    async def packing(order: str, *_: object) -> None:
        await failure(order)

    works.packing = packing
    async with works.running() as app:
        with pytest.raises(HandlerFailed):
            await app.send(Pack(order="bad"))
        with pytest.raises(HandlerFailed):
            await app.ask(Look(order="bad"))


async def refuse_when_cancelled(order: str) -> None:
    try:
        await asyncio.sleep(2 * HANDLER_SECONDS)
    except asyncio.CancelledError:
        raise Closed from None


async def ship_later(order: str, parcels: object, ship: Later[Ship], sender: object) -> None:
    ship.send(Ship(order=order))


@on_virtual_time
async def test_refusal_after_the_deadline_is_no_outcome_of_a_command_sent_for_later() -> None:
    works = Works()
    works.packing, works.shipping = ship_later, refuse_when_cancelled
    async with works.running() as app:
        await app.send(Pack(order="o"))
        await asyncio.sleep(4 * HANDLER_SECONDS)
        assert [row.error.partition(":")[0] for row in await works.store.parked()] == ["TimeoutError"]
        assert works.runs.count("ship o") == 3


@on_virtual_time
async def test_refusal_while_the_process_ends_is_no_outcome_of_a_command_sent_for_later() -> None:
    works = Works()
    works.packing, works.shipping = ship_later, refuse_when_cancelled
    async with works.running() as app:
        await app.send(Pack(order="o"))
        await asyncio.sleep(1.0)
    works.shipping = nothing
    async with works.running():
        await asyncio.sleep(1.0)
    assert works.runs.count("ship o") == 2


async def takes_no_cancelling(order: str) -> None:
    for _ in range(10_000):
        try:
            await asyncio.sleep(1.0)
        except asyncio.CancelledError:
            continue


async def cleans_up(order: str) -> None:
    try:
        await asyncio.sleep(1000.0)
    finally:
        for _ in range(3):
            try:
                await asyncio.sleep(1000.0)
            except asyncio.CancelledError:
                continue


@on_virtual_time
@pytest.mark.parametrize("body", [takes_no_cancelling, cleans_up])
async def test_process_ends_whatever_its_handlers_make_of_that(body: Body) -> None:
    works, loop = Works(), asyncio.get_running_loop()
    works.reaction = body
    async with works.running() as app:
        await app.send(Pack(order="o"))
        await asyncio.sleep(1.0)
        begun = loop.time()
    assert loop.time() - begun < DRAIN_SECONDS + CANCELLED_SECONDS + 1.0
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in left:
        while not task.done():
            task.cancel()
            await asyncio.sleep(0)
    assert len(left) == (body is takes_no_cancelling)


@on_virtual_time
async def test_branch_that_outlives_its_handler_changes_nothing() -> None:
    works, said = Works(), list[str]()
    branches: list[asyncio.Task[None]] = []

    async def packing(order: str, parcels: Repository[Parcel], ship: Later[Ship], sender: Sender) -> None:
        async def try_all() -> None:
            await asyncio.sleep(1.0)
            attempts: list[Callable[[], object]] = [
                lambda: ship.send(Ship(order=order)),
                lambda: parcels.add(Parcel(id="new")),
            ]
            for each in attempts:
                with pytest.raises(Exception, match="after its handler had ended") as late:
                    each()
                said.append(type(late.value).__name__)
            for ask in (parcels.find, parcels.get, parcels.obtain):
                with pytest.raises(Exception, match="after its handler had ended") as late:
                    await ask(order)
                said.append(type(late.value).__name__)

        branches.append(asyncio.create_task(try_all()))

    works.packing = packing
    async with works.running() as app:
        await app.send(Pack(order="o"))
        await branches[0]
        assert said == ["CallError"] * 5


class Shut(Closed):
    """Its caller knows nothing of it."""


class Ask(Query[None, Closed]):
    how: str


class Say(Command[None, Closed]):
    how: str


class Told(Refusal):
    text: str


class Tell(Query[None, Told]):
    text: str


@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize("parity", [False, True])
async def test_refusal_of_a_subclass_is_not_declared(key: str | None, parity: bool) -> None:
    """Elsewhere, and the next time, nobody would know what it is."""
    works = Context("works")

    @works.handle(Say)
    async def say(command: Say) -> None:
        raise Shut if command.how == "shut" else Closed

    @works.answer(Ask)
    async def answer(query: Ask) -> None:
        raise Shut if query.how == "shut" else Closed

    @works.answer(Tell)
    async def tell(query: Tell) -> None:
        raise Told(text="\ud800")

    async with System("s", contexts=[works]).connect(store="memory:", parity=parity) as app:
        for _ in range(2):
            with pytest.raises(HandlerFailed, match="does not declare: Shut"):
                await app.send(Say(how="shut"), key=key and f"{key} shut")
            assert await app.attempt(Say(how="closed"), key=key) == Closed()
        with pytest.raises(HandlerFailed, match="does not declare: Shut"):
            await app.ask(Ask(how="shut"))
        with pytest.raises(HandlerFailed, match="cannot be written"):
            await app.ask(Tell(text="no text"))


@pytest.mark.parametrize("deadline", [0, -1.0, float("nan")])
async def test_call_without_time_is_not_begun(deadline: float) -> None:
    works, runs = Context("works"), list[str]()

    @works.handle(Say)
    async def say(command: Say) -> None:
        runs.append(command.how)

    @works.answer(Ask)
    async def answer(query: Ask) -> None:
        runs.append(query.how)

    async with System("s", contexts=[works]).connect(store="memory:") as app:
        for key in (None, "k"):
            with pytest.raises(DeadlineExceeded):
                await app.send(Say(how="said"), key=key, deadline=deadline)
        with pytest.raises(DeadlineExceeded):
            await app.ask(Ask(how="asked"), deadline=deadline)
        assert runs == []
        await app.send(Say(how="said"), deadline=float("inf"))
        assert runs == ["said"]
