"""A call that failed in its handler has what the handler raised as its cause, wherever both are in one process."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from remit import Aggregate, Command, Context, DomainEvent, Query, Refusal, Repository, Sender, System
from remit.edges import HttpEdge
from remit.edges.http import HttpApp
from remit.errors import HandlerFailed, Unavailable
from remit.hosting.assembly import assemble
from remit.observability import HandlerRaised, KeyParked
from remit.runtime import Host
from remit.testing.in_process.calls import Exchange, InProcessCalls
from tests.edges.shop import call
from tests.runtime.apart import Side
from tests.runtime.heard import Heard
from tests.runtime.talk import until_parked


class Fail(Command[None]): ...


class Explain(Query[int]): ...


class Have(Command[None]):
    """Of the desk, which has the depot fail."""


class Catch(Command[str]):
    """Of the desk, which says what the cause was."""


class Tell(Command[None]): ...


class Told(DomainEvent): ...


class Item(Aggregate[str, Told]): ...


class No(Refusal): ...


class Held:
    """Something in the frame of a handler."""


class Places:
    """A depot whose handlers raise what `makes` makes, and a desk that calls it."""

    def __init__(self, makes: Callable[[], BaseException]) -> None:
        self.raised: list[BaseException] = []
        self.frames: list[weakref.ref[Held]] = []
        self.makes = makes
        self.keeps = True
        desk, depot = Context("desk"), Context("depot")
        edge = HttpEdge(depot)
        edge.post("/fail", Fail)
        edge.get("/explain", Explain)

        @depot.handle(Fail)
        async def fail(command: Fail) -> None:
            held = Held()
            self.frames.append(weakref.ref(held))
            self.throw()

        @depot.answer(Explain)
        async def explain(query: Explain) -> int:
            self.throw()
            return 0

        @desk.handle(Have)
        async def have(command: Have, sender: Sender) -> None:
            await sender.send(Fail())

        @desk.handle(Catch)
        async def catch(command: Catch, sender: Sender) -> str:
            with pytest.raises(HandlerFailed) as caught:
                await sender.send(Fail())
            return repr(caught.value.__cause__)

        @desk.handle(Tell)
        async def tell(command: Tell, items: Repository[Item]) -> None:
            (await items.obtain("one")).record(Told())

        @desk.react(Told)
        async def on_told(event: Told, sender: Sender) -> None:
            await sender.send(Fail())

        self.system = System("places", contexts=[desk, depot], edges=[edge])

    def throw(self) -> None:
        raise self.made()  # not by a name: a frame that has the error it has raised is a cycle of its own

    def made(self) -> BaseException:
        error = self.makes()
        if self.keeps:
            self.raised.append(error)
        return error


@asynccontextmanager
async def running(places: Places, *, parity: bool = False) -> AsyncGenerator[tuple[Host, Heard]]:
    heard = Heard()
    host = assemble(places.system.model(), store="memory:", parity=parity, listeners=[heard])
    await host.start()
    try:
        yield host, heard
    finally:
        await host.stop()


def bug() -> ValueError:
    return ValueError("a bug")


MAKES: list[Callable[[], BaseException]] = [bug, No, lambda: asyncio.CancelledError(), lambda: SystemExit(3)]


@pytest.mark.parametrize("parity", [False, True])
@pytest.mark.parametrize("message", [Fail(), Explain()])
@pytest.mark.parametrize("makes", MAKES, ids=["bug", "refusal", "cancelled", "exit"])
async def test_a_failed_call_has_what_its_handler_raised_as_its_cause(
    makes: Callable[[], BaseException], message: Any, parity: bool
) -> None:
    places = Places(makes)
    async with running(places, parity=parity) as (host, heard):
        with pytest.raises(HandlerFailed) as caught:
            await (host.send(message, key="k") if isinstance(message, Fail) else host.ask(message))
        cause = caught.value.__cause__
        assert cause is not None
        if makes is MAKES[3]:  # what is no exception fails the message and nothing else
            assert (type(cause), str(cause)) == (RuntimeError, "SystemExit: 3")
            cause = cause.__cause__
        assert cause is places.raised[0]
        assert len(heard.of(HandlerRaised)) == 1
        assert not isinstance(caught.value, Unavailable)


async def test_the_cause_of_a_group_is_what_is_in_it() -> None:
    inner = bug()
    async with running(Places(lambda: ExceptionGroup("several", [inner]))) as (host, _):
        with pytest.raises(HandlerFailed) as caught:
            await host.send(Fail())
        assert caught.value.__cause__ is inner


async def test_a_failure_that_passes_through_another_handler_is_not_wrapped_again() -> None:
    places = Places(bug)
    async with running(places) as (host, heard):
        with pytest.raises(HandlerFailed, match=r"depot\.Fail failed in its handler") as caught:
            await host.send(Have())
        assert caught.value.__cause__ is places.raised[0]
        assert await host.send(Catch()) == "ValueError('a bug')"
        assert [each.handler for each in heard.of(HandlerRaised)] == ["depot.fail", "depot.fail"], "said once each"


async def test_a_reaction_whose_call_failed_is_parked_with_the_failure_and_its_cause() -> None:
    places = Places(bug)
    async with running(places) as (host, heard):
        await host.send(Tell())
        await until_parked(host.stores["desk"], 1)
        (parked,) = heard.of(KeyParked)
        assert (type(parked.error), parked.error.__cause__) == (HandlerFailed, places.raised[-1])


async def test_a_reaction_that_cancels_itself_is_parked_with_what_it_raised_as_the_cause() -> None:
    places = Places(asyncio.CancelledError)

    @places.system.contexts[0].react(Told)
    async def cancels(event: Told) -> None:
        places.throw()

    async with running(places) as (host, heard):
        await host.send(Tell())
        await until_parked(host.stores["desk"], 2)
        (parked,) = (each for each in heard.of(KeyParked) if each.subscription == "desk.cancels")
        assert type(parked.error.__cause__) is asyncio.CancelledError


def test_the_cause_is_there_without_an_event_loop() -> None:
    places = Places(bug)
    with places.system.connect_sync(store="memory:") as app:
        with pytest.raises(HandlerFailed) as caught:
            app.send(Fail())
        assert caught.value.__cause__ is places.raised[0]


async def test_a_client_of_the_edge_is_told_of_a_failure_and_nothing_of_its_cause() -> None:
    async with running(Places(bug)) as (host, _):
        edge: Any = HttpApp(host.model, host)
        for got in (await call(edge, "POST", "/fail", {}), await call(edge, "GET", "/explain")):
            assert (got.status, got.json["code"]) == (500, "call.handler-failed")
            assert "retry-after" not in got.headers
            assert b"bug" not in got.body


async def test_a_failure_in_another_process_has_no_cause_here() -> None:
    places, exchange = Places(bug), Exchange()
    desk, depot = (Side(places.system, name, InProcessCalls(exchange)) for name in ("desk", "depot"))
    for side in (desk, depot):
        await side.start()
    try:
        for message in (Fail(), Have()):
            with pytest.raises(HandlerFailed, match=r"depot\.Fail failed in its handler") as caught:
                await desk.host.send(message)
            assert caught.value.__cause__ is None
            assert "bug" not in str(caught.value)
    finally:
        for side in (desk, depot):
            await side.stop()


async def test_a_failure_that_nobody_keeps_keeps_no_frame(caplog: pytest.LogCaptureFixture) -> None:
    """No cycle runs through the frames of the handler: they go with the failure, also without a garbage collector."""
    caplog.set_level(logging.CRITICAL, "remit")  # what it keeps has a traceback
    places = Places(bug)
    places.keeps = False
    async with running(places) as (host, heard):
        gc.disable()
        try:
            for key in (None, "k"):
                with pytest.raises(HandlerFailed):
                    await host.send(Fail(), key=key)
                heard.events.clear()
                heard.clear()
            assert [each() for each in places.frames] == [None, None]
        finally:
            gc.enable()


class Both(Query[int, No]): ...


async def test_the_branches_of_a_query_fail_as_those_of_a_command_do() -> None:
    """A refusal in a task group is a refusal, and what is no exception fails the query alone."""
    places = Places(No)

    @places.system.contexts[0].answer(Both)
    async def both(query: Both) -> int:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.to_thread(places.throw))
        return 0

    async with running(places) as (host, _):
        assert await host.attempt(Both()) == No()
        places.makes = bug
        with pytest.raises(HandlerFailed) as caught:
            await host.ask(Both())
        assert caught.value.__cause__ is places.raised[-1]
