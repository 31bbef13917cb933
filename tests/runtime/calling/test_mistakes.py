"""Whose mistake it is that a call has failed: that of its caller, or that of its handler."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from remit import Aggregate, Command, Context, Later, Query, Repository, Sender, System
from remit.errors import AlreadyExists, BadKey, HandlerFailed, NotFound, RemitError
from remit.hosting.assembly import assemble
from remit.observability import CallEnded, HandlerRaised
from remit.runtime import Host
from remit.stores.memory.store import MemoryStore
from remit.stores.size import LARGEST_UNIT
from tests.runtime.heard import Heard


class Item(Aggregate[str]):
    text: str = ""


class Open(Command[None]):
    item: str


class Fill(Command[None]):
    item: str
    size: int = 0


class Size(Query[int]):
    item: str


class Ask(Command[None]):
    """What a person asks of the desk, which has the depot do it."""

    item: str


class See(Query[int]):
    item: str


def calls_within(desk: Context[Any], mend: Callable[[RemitError], BaseException]) -> None:
    """What the desk makes of its calls. `mend` gives what it raises instead of what they have ended with."""

    @desk.handle(Ask)
    async def ask(command: Ask, sender: Sender) -> None:
        try:
            await sender.send(Open(item=command.item))
        except RemitError as error:
            raise mend(error) from None

    @desk.answer(See)
    async def see(query: See, sender: Sender) -> int:
        try:
            return await sender.ask(Size(item=query.item))
        except RemitError as error:
            raise mend(error) from None


@asynccontextmanager
async def running(
    kept: Heard | None = None, mend: Callable[[RemitError], BaseException] = lambda error: error
) -> AsyncGenerator[Host]:
    desk, depot = Context("desk"), Context("depot")
    calls_within(desk, mend)

    @depot.handle(Open)
    async def open_item(command: Open, items: Repository[Item]) -> None:
        items.add(Item(id=command.item))

    @depot.handle(Fill)
    async def fill(command: Fill, items: Repository[Item]) -> None:
        (await items.get(command.item)).text = "x" * command.size

    @depot.answer(Size)
    async def size(query: Size, items: Repository[Item]) -> int:
        return len((await items.get(query.item)).text)

    system = System("shop", contexts=[desk, depot])
    app = assemble(
        system.model(), stores={"desk": MemoryStore(), "depot": MemoryStore()}, listeners=[] if kept is None else [kept]
    )
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


async def test_identity_that_is_wrong_in_a_message_is_the_mistake_of_who_sent_it() -> None:
    async with running() as app:
        with pytest.raises(NotFound):
            await app.ask(Size(item="nowhere"))
        await app.send(Open(item="a"))
        with pytest.raises(AlreadyExists):
            await app.send(Open(item="a"))
        with pytest.raises(BadKey):
            await app.send(Open(item="a" * 513))


async def test_identity_that_is_wrong_in_a_call_of_a_handler_is_the_mistake_of_the_handler() -> None:
    kept = Heard()
    async with running(kept) as app:
        with pytest.raises(HandlerFailed, match=r"desk\.See failed in its handler: NotFound: ") as failed:
            await app.ask(See(item="nowhere"))
        assert failed.value.where == "desk.see"
        await app.send(Ask(item="a"))
        with pytest.raises(HandlerFailed, match="AlreadyExists: "):
            await app.send(Ask(item="a"))
        with pytest.raises(HandlerFailed, match="BadKey: "):
            await app.send(Ask(item="a" * 513))
    outcomes = [(call.type.partition(".")[0], call.outcome) for call in kept.of(CallEnded)]
    failed_within = [("depot", "invalid"), ("desk", "failed")]
    assert outcomes == [*failed_within, ("depot", "replied"), ("desk", "replied"), *failed_within, *failed_within]


class Fetch(Command[None]):
    """A person asks the desk for it, and the desk gives its call a key, or sends it for later."""

    key: str
    item: str = ""


class Bring(Command[None], key="item"):
    item: str


@pytest.mark.parametrize("given", ["", "k" * 513, "k\0"])
@pytest.mark.parametrize("key", [None, "fetch"])
async def test_key_that_is_wrong_in_a_call_of_a_handler_is_the_mistake_of_the_handler(
    given: str, key: str | None
) -> None:
    desk = Context("desk")

    @desk.handle(Fetch)
    async def fetch(command: Fetch, sender: Sender, later: Later[Bring]) -> None:
        if command.item:
            later.send(Bring(item=command.item))
        else:
            await sender.send(Bring(item=command.item), key=command.key)

    @desk.handle(Bring)
    async def bring(command: Bring) -> None: ...

    kept = Heard()
    async with System("shop", contexts=[desk]).connect(store="memory:", listeners=[kept]) as app:
        with pytest.raises(HandlerFailed, match=r"desk\.Fetch failed in its handler: BadKey: the idempotency key "):
            await app.send(Fetch(key=given), key=key)
        if given:
            with pytest.raises(HandlerFailed, match=r"desk\.Fetch failed in its handler: BadKey: the ordering key "):
                await app.send(Fetch(key="", item=given), key=key)
        with pytest.raises(BadKey):
            await app.send(Fetch(key="good"), key=given)
    assert all(each.what.startswith("BadKey: ") for each in kept.of(HandlerRaised))


class Remark(NotFound):
    """An error with a constructor of its own."""

    def __init__(self, *, of: str) -> None:
        super().__init__(f"no {of}", where=of)
        self.of = of


@pytest.mark.parametrize("error", [NotFound("there is no till", where="desk"), Remark(of="till")])
async def test_error_that_a_module_keeps_is_told_to_each_caller_alike(error: NotFound) -> None:
    desk = Context("desk")

    @desk.answer(Size)
    async def size(query: Size) -> int:
        raise error

    @desk.answer(See)
    async def see(query: See, sender: Sender) -> int:
        return await sender.ask(Size(item=query.item))

    async with System("shop", contexts=[desk]).connect(store="memory:") as app:
        for _ in range(3):
            with pytest.raises(type(error)) as told:
                await app.ask(Size(item="a"))
            assert told.value.__dict__ == {**error.__dict__, "answered": True}
            assert (str(told.value), told.value.args) == (str(error), error.args)
            assert told.traceback[-1].name == "size", "who raised it is to be seen"
            with pytest.raises(HandlerFailed, match=error.what):
                await app.ask(See(item="a"))
    assert not error.answered


@pytest.mark.parametrize("kind", [NotFound, HandlerFailed])
async def test_handler_says_what_it_likes_of_a_call_that_it_has_made(kind: type[RemitError]) -> None:
    async with running(mend=lambda error: kind(f"instead of {type(error).__name__}")) as app:
        with pytest.raises(kind, match="instead of NotFound"):
            await app.ask(See(item="nowhere"))


async def test_unit_of_work_that_is_too_large_is_the_mistake_of_the_handler() -> None:
    kept = Heard()
    async with running(kept) as app:
        await app.send(Open(item="a"))
        with pytest.raises(HandlerFailed, match=r"depot\.Fill failed in its handler: TooLarge: a unit of work writes"):
            await app.send(Fill(item="a", size=LARGEST_UNIT + 1))
        assert await app.ask(Size(item="a")) == 0
    assert [call.outcome for call in kept.of(CallEnded)] == ["replied", "failed", "replied"]


@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize("message", [Ask(item="a"), See(item="a")])
async def test_call_that_is_closed_is_no_failure_of_its_handler(message: Ask | See, key: str | None) -> None:
    """Also where a task closes what it has begun by hand, and within which another call waits."""
    kept, entered = Heard(), asyncio.Event()
    desk, depot = Context("desk"), Context("depot")
    calls_within(desk, lambda error: error)

    @depot.handle(Open)
    async def open_item(command: Open) -> None:
        entered.set()
        await asyncio.Event().wait()

    @depot.answer(Size)
    async def size(query: Size) -> int:
        entered.set()
        await asyncio.Event().wait()
        return 0

    system = System("shop", contexts=[desk, depot])
    async with system.connect(store="memory:", listeners=[kept]) as app:

        async def caller() -> None:
            await (app.send(message, key=key) if isinstance(message, Ask) else app.ask(message))

        task = asyncio.create_task(caller())
        await entered.wait()
        coroutine: Any = task.get_coro()
        coroutine.close()
        task.cancel()
        with suppress(RuntimeError, asyncio.CancelledError):  # it cannot go on
            await task
        by_hand: Any = caller()
        by_hand.send(None)
        by_hand.close()
    assert kept.of(HandlerRaised) == []


def test_call_that_is_dropped_after_its_deadline_is_no_failure_of_its_handler() -> None:
    kept, asked = Heard(), asyncio.Event()
    desk = Context("desk")

    @desk.handle(Ask)
    async def ask(command: Ask) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        asked.set()
        await asyncio.Event().wait()

    app = assemble(System("shop", contexts=[desk]).model(), stores={"desk": MemoryStore()}, listeners=[kept])

    async def until_asked_to_end() -> asyncio.Task[None]:
        await app.start()
        task = asyncio.create_task(app.send(Ask(item="a"), deadline=0.01))
        await asked.wait()
        return task

    with asyncio.Runner() as runner:
        dropped: Any = runner.run(until_asked_to_end())
        dropped.get_coro().close()
        assert kept.of(HandlerRaised) == []
        runner.run(app.stop())
