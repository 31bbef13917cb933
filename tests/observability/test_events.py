"""What happens in a process: each kind is said by a real run, with its time and its cause, to who wants to know."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from remit import Aggregate, Command, Context, DomainEvent, Later, Query, Refusal, Repository, Sender, System
from remit.edges import HttpEdge
from remit.edges.http import HttpApp
from remit.errors import (
    BadKey,
    CallError,
    DeadlineExceeded,
    HandlerFailed,
    KeyReused,
    ListenerError,
    NotFound,
    Stale,
    StoreError,
    Unavailable,
)
from remit.log import Channel, MessageRecord
from remit.observability import (
    BatchHandled,
    BreakerClosed,
    BreakerOpened,
    CallBegun,
    CallEnded,
    HandlerRaised,
    KeyParked,
    KeyReleased,
    LaterRefused,
    Listener,
    LoopBlocked,
    MessagesPublished,
    ProcessStarted,
    ProcessStopping,
    Retrying,
    RuntimeEvent,
    StateChanged,
    TroubleBegun,
    TroubleEnded,
    UnitCommitted,
)
from remit.relations import CustomerSupplier
from remit.runtime import Host, Listeners, Ports, SystemClock
from remit.runtime.failures import IN_A_ROW
from remit.runtime.upkeep.loop_watch import LoopWatch
from remit.stores import Entry, Unit
from remit.stores.memory.store import MemoryStore
from remit.testing.in_process.calls import Exchange, InProcessCalls
from remit.testing.in_process.events import InProcessBroker, InProcessEvents
from tests.edges.shop import call
from tests.runtime.apart import Buy, Look, Side, apart
from tests.runtime.heard import Heard
from tests.runtime.relays import relaying
from tests.runtime.talk import LoopClock, now, on_virtual_time, until

START = 1_700_000_000.0
"""What `LoopClock` says when the loop begins."""


class Full(Refusal):
    pass


class Put(Command[None, Full]):
    item: str


class Keep(Command[None, Full]):
    item: str


class Forward(Command[None]):
    item: str


class Count(Query[int]):
    item: str


class Wonder(Command[int]):
    pass


class HowMany(Query[int]):
    pass


class PutIn(DomainEvent):
    item: str


class Box(Aggregate[str, PutIn]):
    times: int = 0


async def work(item: str) -> None:
    """Is refused, fails, or takes long, as the name of the item says."""
    if item == "full":
        raise Full
    if item == "bug":
        raise ValueError("a bug")
    if item == "slow":
        await asyncio.sleep(60.0)


def desk_of(failures: Sequence[Exception]) -> System:
    """A desk whose reaction fails with these, once each, before it works."""
    failing = list(failures)
    desk = Context("desk")

    @desk.handle(Put)
    async def put(command: Put, boxes: Repository[Box], later: Later[Keep]) -> None:
        await work(command.item)
        box = await boxes.obtain(command.item)
        box.times += 1
        box.record(PutIn(item=command.item))
        if command.item == "later":
            later.send(Keep(item="full"))

    @desk.handle(Keep)
    async def keep(command: Keep) -> None:
        raise Full

    @desk.handle(Forward)
    async def forward(command: Forward, sender: Sender) -> None:
        await sender.send(Put(item=command.item))
        await sender.ask(Count(item=command.item))

    desk_edge = HttpEdge(desk)
    desk_edge.get("/boxes/{item}", Count)

    @desk.answer(Count)
    async def count(query: Count, boxes: Repository[Box]) -> int:
        return (await boxes.get(query.item)).times

    @desk.react(PutIn)
    async def note(event: PutIn, sender: Sender) -> None:
        if failing:
            raise failing.pop(0)
        if event.item == "heavy":
            await asyncio.sleep(2.5)

    return System("office", contexts=[desk], edges=[desk_edge])


@asynccontextmanager
async def running(*listeners: Listener, failing: Sequence[Exception] = ()) -> AsyncGenerator[Host]:
    model = desk_of(failing).model()
    host = Host(model, {"desk": MemoryStore(partitions=1)}, Ports(LoopClock()), listeners=listeners)
    await host.start()
    try:
        yield host
    finally:
        await host.stop()


# ── what is said ────────────────────────────────────────────────────────────────────────────────────────────────────


@on_virtual_time
async def test_a_call_is_told_from_its_beginning_to_its_end() -> None:
    kept = Heard()
    async with running(kept) as app:
        await asyncio.sleep(5.0)
        begun = now()
        await app.send(Put(item="a"), key="wish", caller="http:ada")
        assert await app.ask(Count(item="a")) == 1
    first, second = kept.of(CallBegun)
    assert (first.type, first.context, first.caller, first.elsewhere) == ("desk.Put", "desk", "http:ada", False)
    assert first.cause == "wish"
    assert first.time == pytest.approx(START + begun)
    assert (second.type, second.caller, second.cause) == ("desk.Count", "", "")
    ended = [(each.type, each.cause, each.outcome) for each in kept.of(CallEnded)]
    assert ended == [("desk.Put", "wish", "replied"), ("desk.Count", "", "replied")]


@on_virtual_time
async def test_the_outcome_is_that_of_the_caller() -> None:
    kept = Heard()
    async with running(kept) as app:
        with pytest.raises(Full):
            await app.send(Put(item="full"))
        with pytest.raises(HandlerFailed):
            await app.send(Put(item="bug"))
        with pytest.raises(DeadlineExceeded):
            await app.send(Put(item="slow"), deadline=2.0)
        given_up = asyncio.create_task(app.send(Put(item="slow")))
        await asyncio.sleep(1.0)
        given_up.cancel()
        await asyncio.wait([given_up])
    outcomes = [(call.outcome, round(call.seconds)) for call in kept.of(CallEnded)]
    assert outcomes == [("refused", 0), ("failed", 0), ("deadline", 2), ("cancelled", 1)]
    (raised,) = kept.of(HandlerRaised)
    assert (raised.what, str(raised.error)) == ("ValueError: a bug", "a bug")
    assert raised.cause == kept.of(CallEnded)[1].cause != ""
    assert not kept.of(UnitCommitted)


@on_virtual_time
async def test_what_is_the_mistake_of_a_caller_is_told_apart_from_failures() -> None:
    kept = Heard()
    async with running(kept) as app:
        with pytest.raises(NotFound):
            await app.ask(Count(item="a"))
        await app.send(Put(item="a"), key="wish")
        with pytest.raises(KeyReused):
            await app.send(Put(item="b"), key="wish")
        with pytest.raises(BadKey):
            await app.ask(Count(item="a" * 513))
        with pytest.raises(HandlerFailed):
            await app.send(Put(item="bug"))
    assert [call.outcome for call in kept.of(CallEnded)] == ["invalid", "replied", "invalid", "invalid", "failed"]


@on_virtual_time
async def test_a_fresh_answer_is_told_with_the_time_that_it_has_waited() -> None:
    kept = Heard()
    async with running(kept) as app:
        await app.send(Put(item="heavy"))
        assert await app.ask(Count(item="heavy"), fresh=True) == 1
        await app.send(Put(item="heavy"))
        with pytest.raises(DeadlineExceeded):
            await app.ask(Count(item="heavy"), fresh=True, deadline=1.0)
    assert [call.type for call in kept.of(CallBegun)] == ["desk.Put", "desk.Count"] * 2
    answers = [(call.outcome, round(call.seconds, 1)) for call in kept.of(CallEnded) if call.type == "desk.Count"]
    assert answers == [("replied", 2.5), ("deadline", 1.0)]


@on_virtual_time
async def test_an_answer_that_cannot_be_fresh_is_told() -> None:
    kept = Heard()
    async with running(kept, failing=[ValueError("poison")] * 3) as app:
        await app.send(Put(item="a"))
        with pytest.raises(Stale):
            await app.ask(Count(item="a"), fresh=True)
        with pytest.raises(BadKey):
            await app.ask(Count(item="a"), fresh="a" * 513)
    assert [call.type for call in kept.of(CallBegun)] == ["desk.Put", "desk.Count", "desk.Count"]
    assert [call.outcome for call in kept.of(CallEnded)] == ["replied", "unavailable", "invalid"]


@on_virtual_time
async def test_an_answer_that_cannot_be_fresh_is_told_when_it_is_asked_for_over_http() -> None:
    kept = Heard()
    async with running(kept, failing=[ValueError("poison")] * 3) as app:
        edge = HttpApp(desk_of([]), app)
        await app.send(Put(item="a"))
        answer = await call(edge, "GET", "/boxes/a?fresh=true")
    assert (answer.status, answer.json["code"]) == (503, "state.stale")
    assert [(call.type, call.outcome) for call in kept.of(CallEnded)][1:] == [("desk.Count", "unavailable")]


class Unheard(Command[None]):
    pass


@on_virtual_time
async def test_a_call_that_finds_no_handler_is_told() -> None:
    kept = Heard()
    async with running(kept) as app:
        for key in ("x" * 600, "a\0b", ""):
            with pytest.raises(BadKey):
                await app.send(Put(item="a"), key=key)
        with pytest.raises(CallError):
            await app.send(Unheard())
        with pytest.raises(CallError):
            await app.ask(Unheard())  # type: ignore[arg-type]  # on purpose
    begun = [(call.type, call.context) for call in kept.of(CallBegun)]
    assert begun == [("desk.Put", "desk")] * 3 + [("Unheard", "")] * 2
    assert [call.outcome for call in kept.of(CallEnded)] == ["invalid"] * 3 + ["failed"] * 2
    assert [call.cause for call in kept.of(CallEnded)[:2]] == ["", ""]


@on_virtual_time
async def test_what_a_handler_must_not_call_is_told_as_its_call() -> None:
    kept, desk = Heard(), Context("desk")

    @desk.handle(Keep)
    async def keep(command: Keep, sender: Sender) -> None:
        await sender.ask(Count(item="a"), fresh=True)

    @desk.handle(Put)
    async def put(command: Put) -> None: ...

    @desk.answer(Count)
    async def count(query: Count, sender: Sender) -> int:
        await sender.send(Put(item=query.item))
        return 1

    async with System("office", contexts=[desk]).connect(store="memory:", listeners=[kept]) as app:
        with pytest.raises(CallError):
            await app.send(Keep(item="a"))
        with pytest.raises(CallError):
            await app.ask(Count(item="a"))
    begun = [(call.type, call.caller) for call in kept.of(CallBegun)]
    assert begun == [("desk.Keep", ""), ("desk.Count", "desk"), ("desk.Count", ""), ("desk.Put", "desk")]
    assert [call.outcome for call in kept.of(CallEnded)] == ["failed"] * 4


@on_virtual_time
async def test_what_comes_of_one_call_has_one_cause() -> None:
    kept = Heard()
    async with running(kept) as app:
        await app.send(Forward(item="a"), key="wish")
        await asyncio.sleep(1.0)
    callers = [(call.type, call.caller) for call in kept.of(CallBegun)]
    assert callers == [("desk.Forward", ""), ("desk.Put", "desk"), ("desk.Count", "desk")]
    caused = [*kept.of(CallBegun), *kept.of(CallEnded), *kept.of(UnitCommitted), *kept.of(BatchHandled)]
    assert {event.cause for event in caused} == {"wish"}


@on_virtual_time
async def test_units_of_work_and_batches_are_counted() -> None:
    kept = Heard()
    async with running(kept) as app:
        await app.send(Put(item="heavy"))
        await asyncio.sleep(10.0)
        (batch,) = kept.of(BatchHandled)
    assert [(unit.changes, unit.messages) for unit in kept.of(UnitCommitted)] == [(1, 1), (0, 0)]
    where = batch.subscription, batch.source, batch.partition, batch.position, batch.messages
    assert where == ("desk.note", "desk", 0, 1, 1)
    assert batch.seconds == pytest.approx(2.5, abs=0.01)
    assert batch.time == pytest.approx(START + 2.5, abs=0.1)
    assert batch.cause == kept.of(CallBegun)[0].cause


@on_virtual_time
async def test_what_waits_behind_a_parked_key_is_not_counted_as_handled() -> None:
    kept, handled, desk = Heard(), list[str](), Context("desk")

    @desk.handle(Put)
    async def put(command: Put, boxes: Repository[Box]) -> None:
        (await boxes.obtain(command.item)).record(PutIn(item=command.item))

    @desk.react(PutIn)
    async def note(event: PutIn) -> None:
        if event.item == "bug":
            raise ValueError("poison")
        handled.append(event.item)

    async with System("office", contexts=[desk]).connect(store="memory:", listeners=[kept]) as app:
        for item in ("bug", "a", "bug", "bug", "b"):
            await app.send(Put(item=item))
            await asyncio.sleep(5.0)
    assert handled == ["a", "b"]
    batches = kept.of(BatchHandled)
    assert [batch.messages for batch in batches] == [1, 0, 0, 1]
    assert len({(batch.partition, batch.position) for batch in batches}) == 4


@on_virtual_time
async def test_a_key_is_told_when_it_is_parked_and_when_it_is_released() -> None:
    kept = Heard()
    async with running(kept, failing=[ValueError("poison")] * 3) as app:
        await app.send(Put(item="a"), key="wish")
        await asyncio.sleep(10.0)
        (parked,) = kept.of(KeyParked)
        await asyncio.sleep(60.0)
        (released,) = kept.of(KeyReleased)
    assert (parked.subscription, parked.key, parked.cause) == ("desk.note", "a", "wish")
    assert parked.what == "ValueError: poison"
    assert isinstance(parked.error, ValueError)
    assert (released.subscription, released.key, released.cause) == ("desk.note", "a", "wish")
    assert START < parked.time < released.time < START + 70.0


@on_virtual_time
async def test_a_parked_key_that_fails_again_is_told_each_time_and_logged_ever_more_seldom() -> None:
    kept = Heard()
    async with running(kept, failing=[ValueError(f"poison {n}") for n in range(10)]) as app:
        await app.send(Put(item="a"), key="wish")
        await asyncio.sleep(4 * 3600.0)
        assert await app.stores["desk"].parked() == []
    again = [(each.key, each.cause, each.attempts, str(each.error)) for each in kept.of(KeyParked)]
    assert again == [("a", "wish", n - 1, f"poison {n}") for n in range(2, 10)]
    said = [line.what for line in kept if line.word == "parked"]
    assert said == [
        "key 'a': ValueError: poison 2",
        "key 'a', parked still, failure 2: ValueError: poison 3",
        "key 'a', parked still, failure 4: ValueError: poison 5",
        "key 'a', parked still, failure 8: ValueError: poison 9",
    ]


@on_virtual_time
async def test_what_may_pass_is_told_before_it_is_a_trouble() -> None:
    kept = Heard()
    async with running(kept, failing=[Unavailable("away")] * IN_A_ROW) as app:
        await app.send(Put(item="a"), key="wish")
        await asyncio.sleep(60.0)
    retrying = kept.of(Retrying)
    assert [(each.follower, each.cause, type(each.error)) for each in retrying] == [
        ("desk.note", "wish", Unavailable)
    ] * (IN_A_ROW - 1)
    assert [each.failures for each in retrying] == [*range(1, IN_A_ROW)]
    assert kept.words.count("retrying") == 1
    (begun,), (ended,) = kept.of(TroubleBegun), kept.of(TroubleEnded)
    assert (begun.where, begun.state, "away" in begun.note) == ("desk.note", "paused", True)
    assert (ended.where, ended.note) == ("desk.note", "handling again")
    assert retrying[-1].time < begun.time < ended.time
    changes = [(each.before, each.after) for each in kept.of(StateChanged) if each.where == "desk.note"]
    assert changes == [("starting", "running"), ("running", "paused"), ("paused", "running"), ("running", "stopped")]


@on_virtual_time
async def test_what_several_partitions_miss_is_one_line_although_others_go_on() -> None:
    kept, away = Heard(), {"a", "b", "c", "d", "e", "f"}
    desk = desk_of([])

    @desk.contexts[0].react(PutIn)
    async def fetch(event: PutIn) -> None:
        if event.item in away:
            raise Unavailable("away")

    store = MemoryStore(partitions=8)
    host = Host(desk.model(), {"desk": store}, Ports(LoopClock()), listeners=[kept])
    await host.start()
    for item in ("a", "x", "b", "y", "c", "z", "d", "w", "e", "v", "f"):
        await host.send(Put(item=item))
        await asyncio.sleep(0.1)
    assert len({part for part, _ in (await store.heads(Channel.PRIVATE)).items()}) > 3
    assert [line.where for line in kept if line.word == "retrying"] == ["desk.fetch"]
    await host.stop()


@on_virtual_time
async def test_a_command_that_was_sent_for_later_and_refused_is_told() -> None:
    kept = Heard()
    async with running(kept) as app:
        await app.send(Put(item="later"), key="wish")
        await asyncio.sleep(1.0)
    (refused,) = kept.of(LaterRefused)
    assert (refused.subscription, refused.type, refused.cause) == ("desk.commands", "desk.Keep", "wish")
    assert refused.message
    assert (type(refused.refusal).__name__, bool(refused.key)) == ("Full", True)
    assert refused.time >= START


@on_virtual_time
async def test_a_process_says_when_it_starts_and_when_it_is_about_to_end() -> None:
    kept = Heard()
    async with running(kept) as app:
        (started,) = kept.of(ProcessStarted)
        assert not kept.of(ProcessStopping)
        await asyncio.sleep(3.0)
    (stopping,) = kept.of(ProcessStopping)
    assert started.process == stopping.process == app.process != ""
    assert stopping.time - started.time == pytest.approx(3.0)


async def test_a_process_that_could_not_start_says_neither() -> None:
    class Closed(MemoryStore):
        async def open(self, *, read_only: bool = False) -> None:
            raise StoreError("it is closed")

    kept = Heard()
    host = Host(desk_of([]).model(), {"desk": Closed()}, Ports(), listeners=[kept])
    with pytest.raises(StoreError):
        await host.start()
    await host.stop()
    assert (kept.of(ProcessStarted), kept.of(ProcessStopping)) == ([], [])


async def test_a_process_says_once_that_it_ends() -> None:
    kept = Heard()
    host = Host(desk_of([]).model(), {"desk": MemoryStore()}, Ports(), listeners=[kept])
    await host.start()
    await host.stop()
    await host.stop()
    assert len(kept.of(ProcessStopping)) == 1


class SlowEvents(InProcessEvents):
    """Takes its time to confirm."""

    async def publish(self, source: str, channel: Channel, records: Sequence[MessageRecord]) -> int:
        await asyncio.sleep(1.5)
        return await super().publish(source, channel, records)


@on_virtual_time
async def test_what_a_relay_has_published_is_told() -> None:
    store, said = MemoryStore(partitions=1), list[MessagesPublished]()

    def hear(event: MessagesPublished) -> None:
        said.append(event)

    await store.open()
    headers = '{"cause":"c","trace":"wish"}'
    entries = [Entry(Channel.PUBLISHED, "k", f"m{n}", "b.X", 1, 1.0, headers, b"{}") for n in range(7)]
    await store.commit(Unit(entries=entries))
    async with relaying(store, SlowEvents(InProcessBroker()), Listeners([hear], LoopClock())):
        await asyncio.sleep(10.0)
    (published,) = said
    where = published.relay, published.source, published.partition, published.position, published.messages
    assert where == ("billing.relay:nats", "billing", 0, 7, 7)
    assert published.cause == "wish"
    assert published.seconds == pytest.approx(1.5, abs=0.01)
    assert published.time == pytest.approx(START + 1.5, abs=0.1)
    await store.close()


@on_virtual_time
async def test_a_call_to_another_process_is_told_in_both() -> None:
    async with apart() as shop:
        await shop.send(Buy(till="t", cents=5), key="wish")
        await shop.ask(Look(till="t"))
    here = [(call.type, call.context, call.caller, call.elsewhere) for call in shop.desk.said.of(CallBegun)]
    assert here[:2] == [("desk.Buy", "desk", "", False), ("till.Pay", "till", "desk", True)]
    assert here[2:] == [("desk.Look", "desk", "", False), ("till.Balance", "till", "desk", True)]
    there = [(call.type, call.caller, call.elsewhere, call.outcome) for call in shop.till.said.of(CallEnded)]
    assert there == [("till.Pay", "desk", False, "replied"), ("till.Balance", "", False, "replied")]
    causes = [call.cause for call in (*shop.desk.said.of(CallBegun), *shop.till.said.of(CallBegun))]
    assert causes == ["wish", "wish", "", "", "wish", ""]


@on_virtual_time
async def test_a_query_of_a_handler_keeps_its_cause_on_the_way_to_another_process() -> None:
    asker, answerer, exchange = Context("asker"), Context("answerer"), Exchange()

    @asker.handle(Wonder)
    async def wonder(command: Wonder, sender: Sender) -> int:
        return await sender.ask(HowMany())

    @answerer.answer(HowMany)
    async def how_many(query: HowMany) -> int:
        return 42

    relations = [CustomerSupplier(supplier="answerer", customer="asker")]
    system = System("pair", contexts=[asker, answerer], relations=relations)
    sides = [Side(system, name, InProcessCalls(exchange)) for name in ("answerer", "asker")]
    for side in sides:
        await side.start()
    assert await sides[1].host.send(Wonder(), key="wish") == 42
    for side in reversed(sides):
        await side.stop()
    causes = [(call.type, call.cause) for side in sides for call in side.said.of(CallEnded)]
    assert causes == [("answerer.HowMany", "wish"), ("answerer.HowMany", "wish"), ("asker.Wonder", "wish")]


@on_virtual_time
async def test_an_address_is_told_when_it_is_given_a_rest_and_when_it_is_called_again() -> None:
    async with apart() as shop:
        shop.wire.down = True
        while not (opened := shop.desk.said.of(BreakerOpened)):
            await shop.error(Buy(till="t", cents=1), deadline=0.1)
        shop.wire.down = False
        await asyncio.sleep(60.0)
        (closed,) = shop.desk.said.of(BreakerClosed)
    assert (opened[0].address, opened[0].what) == ("till.write", "the test has cut the wire")
    assert isinstance(opened[0].error, Unavailable)
    assert (closed.address, closed.time >= opened[0].time) == ("till.write", True)
    unreached = {call.outcome for call in shop.desk.said.of(CallEnded) if call.elsewhere}
    assert unreached == {"unavailable"}


async def test_a_blocked_loop_is_told_while_it_is() -> None:
    heard, watch = Heard(), LoopWatch(0.05)
    watch.start(heard.listeners())
    await until(lambda: watch.asked >= 1)
    time.sleep(0.5)  # noqa: ASYNC251  this is what is to be noticed
    said = list(heard.of(LoopBlocked))
    watch.stop()
    (blocked,) = said
    assert (blocked.seconds, blocked.cause) == (0.05, "")
    assert "test_a_blocked_loop_is_told_while_it_is" in blocked.where
    assert "time.sleep(0.5)" in blocked.stack
    assert 0.0 < time.time() - blocked.time < 60.0


# ── who is told ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_listener_is_told_what_its_annotation_names() -> None:
    said: list[tuple[str, str]] = []

    def one(event: CallEnded) -> None:
        said.append(("one", type(event).__name__))

    def several(event: KeyReleased | BreakerClosed) -> None:
        said.append(("several", type(event).__name__))

    def everything(event: RuntimeEvent, *, prefix: str = "") -> None:
        said.append(("everything", type(event).__name__))

    class Counter:
        def method(self, event: BreakerClosed) -> None:
            said.append(("method", type(event).__name__))

        def __call__(self, event: KeyReleased) -> None:
            said.append(("called", type(event).__name__))

    def partly(name: str, event: CallEnded) -> None:
        said.append((name, type(event).__name__))

    listeners = Listeners(
        [one, several, everything, Counter().method, Counter(), partial(partly, "part")], SystemClock()
    )
    listeners.say(CallEnded(1.0, "", "a.B", "a", "", False, 0.1, "replied"))
    listeners.say(KeyReleased(1.0, "", "a.b", "k"))
    listeners.say(BreakerClosed(1.0, "", "a.write"))
    assert said == [
        ("one", "CallEnded"), ("everything", "CallEnded"), ("part", "CallEnded"),
        ("several", "KeyReleased"), ("everything", "KeyReleased"), ("called", "KeyReleased"),
        ("several", "BreakerClosed"), ("everything", "BreakerClosed"), ("method", "BreakerClosed"),
    ]  # fmt: skip


def nothing() -> None: ...
def two(event: CallEnded, more: int) -> None: ...
def named(*, event: CallEnded) -> None: ...
def bare(event) -> None: ...  # type: ignore[no-untyped-def]  # on purpose
def other(event: int) -> None: ...
def mixed(event: CallEnded | str) -> None: ...
def unknown(event: Missing) -> None: ...  # type: ignore[name-defined]  # noqa: F821  # on purpose
async def awaited(event: CallEnded) -> None: ...


@functools.wraps(awaited)
def wrapped(event: CallEnded) -> Any: ...
def generated(event: CallEnded) -> Iterator[int]:
    yield 1


class Own(RuntimeEvent, frozen=True): ...


class Further(RuntimeEvent, frozen=True): ...


def own(event: Own) -> None: ...
def owned(event: Own | Further) -> None: ...


REFUSED: list[tuple[Any, str]] = [
    (nothing, "does not take one event"),
    (two, "does not take one event"),
    (named, "does not take one event"),
    (bare, "has no annotation for its parameter 'event'"),
    (other, "takes <class 'int'>"),
    (mixed, "takes <class 'str'>"),
    (unknown, "cannot be resolved at run time: name 'Missing'"),
    (awaited, "is async"),
    (wrapped, "is async"),
    (partial(awaited), "is async"),
    (generated, "a generator"),
    (own, "takes Own, which never occurs"),
    (owned, "takes Own | Further, which never occurs"),
    (list[object]().append, "has no annotation for its parameter 'object'"),
    (3, "has no signature that can be read"),
]


@pytest.mark.parametrize(("listener", "why"), REFUSED)
def test_a_listener_that_does_not_say_what_it_takes_is_refused(listener: Any, why: str) -> None:
    with pytest.raises(ListenerError) as refused:
        Listeners([listener], SystemClock())
    assert refused.value.code == "listener.invalid"
    assert why in refused.value.what


async def test_one_listener_that_is_not_in_a_list_is_refused() -> None:
    given: Any = own
    with pytest.raises(ListenerError) as refused:
        async with desk_of([]).connect(store="memory:", listeners=given):
            pass
    assert refused.value.next == "listeners=[hear]"
    with pytest.raises(ListenerError):
        Host(desk_of([]).model(), {"desk": MemoryStore()}, Ports(), listeners=given)


@pytest.mark.parametrize("error", [ZeroDivisionError, asyncio.CancelledError, SystemExit, GeneratorExit])
async def test_a_listener_that_raises_harms_nobody_and_is_said_once(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    heard, times = Heard(), list[str]()

    def broken(event: CallBegun | CallEnded) -> None:
        times.append(event.type)
        raise error

    with caplog.at_level(logging.ERROR, "remit"):
        async with desk_of([]).connect(store="memory:", listeners=[broken, heard]) as app:
            await app.send(Put(item="a"))
            await app.send(Put(item="b"))
    assert times == ["desk.Put"] * 4
    assert len(heard.of(CallEnded)) == 2
    (line,) = [record for record in caplog.records if record.name == "remit"]
    assert "broken of CallBegun" in line.getMessage()
    assert line.exc_info is not None


async def test_the_log_is_told_beside_others(caplog: pytest.LogCaptureFixture) -> None:
    heard = Heard()
    with caplog.at_level(logging.INFO, "remit"):
        async with desk_of([]).connect(store="memory:", listeners=[heard]) as app:
            with pytest.raises(HandlerFailed):
                await app.send(Put(item="bug"))
            await app.send(Put(item="a"))
    warned = [record.getMessage().splitlines()[0] for record in caplog.records if record.levelno >= logging.WARNING]
    assert warned == ["handler-failed desk.put: ValueError: a bug"]
    assert heard.words == ["handler-failed"]


def test_code_without_a_loop_may_listen_too() -> None:
    heard = Heard()
    with desk_of([]).connect_sync(store="memory:", listeners=[heard]) as app:
        app.send(Put(item="a"))
    assert [call.outcome for call in heard.of(CallEnded)] == ["replied"]


# ── what it costs ───────────────────────────────────────────────────────────────────────────────────────────────────

OFTEN = (CallBegun, CallEnded, UnitCommitted, BatchHandled, MessagesPublished)
"""What happens with every message."""


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what happens often, each time that one is made."""
    from remit.runtime.calling import reporting
    from remit.runtime.following import handling, publishing
    from remit.runtime.work import unit

    made: list[str] = []

    def counted(kind: Callable[..., Any]) -> Callable[..., Any]:
        def make(*args: Any) -> Any:
            made.append(kind.__name__)
            return kind(*args)

        return make

    for kind in OFTEN:
        (module,) = [each for each in (reporting, handling, publishing, unit) if hasattr(each, kind.__name__)]
        monkeypatch.setattr(module, kind.__name__, counted(kind))
    return made


@pytest.mark.parametrize("kind", [None, *OFTEN[:-1]])
def test_what_nobody_listens_to_is_not_made(made: list[str], kind: type[RuntimeEvent] | None) -> None:
    heard: list[RuntimeEvent] = []

    def hear(event: RuntimeEvent) -> None:
        heard.append(event)

    hear.__annotations__["event"] = TroubleBegun if kind is None else kind

    @on_virtual_time
    async def story() -> None:
        async with running(hear) as app:
            await app.send(Forward(item="a"))
            await asyncio.sleep(1.0)

    story()
    assert set(made) == ({kind.__name__} if kind is not None else set())
    assert len(made) == len(heard)


async def test_what_is_published_is_not_made_for_nobody(made: list[str]) -> None:
    store = MemoryStore(partitions=1)
    await store.open()
    await store.commit(Unit(entries=[Entry(Channel.PUBLISHED, "k", "m", "b.X", 1, 1.0, "{}", b"{}")]))
    async with relaying(store, InProcessEvents(InProcessBroker())) as relay:
        await until(lambda: relay.position(0) == 1)
    assert made == []
    await store.close()
