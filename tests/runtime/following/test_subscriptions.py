"""Subscriptions: nothing lost, nothing twice, order per key, and failures that are seen."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from remit import Aggregate, Command, Context, DomainEvent, IntegrationEvent, Later, Query, Repository, System
from remit.errors import HandlerFailed, Stale, Unavailable
from remit.hosting.assembly import assemble
from remit.log import Channel
from remit.runtime import Host
from remit.stores import partition_of
from tests.runtime.shop import Buyer, OrderId, OrdersOf, Owed, Place, make_shop
from tests.runtime.talk import until, until_parked

ADA, BOB = Buyer("ada"), Buyer("bob")


@pytest.fixture(params=["memory:", "sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The stores every promise is kept on."""
    return "memory:" if request.param == "memory:" else f"sqlite:{tmp_path}/{{context}}.db"


async def test_each_event_is_handled_once_and_in_order(place: str) -> None:
    shop = make_shop()
    async with shop.system.connect(store=place) as app:
        for n in range(200):
            await app.send(Place(order=OrderId(f"o-{n}"), buyer=ADA if n % 2 else BOB))
        assert await app.ask(Owed(buyer=ADA), fresh=True) == 100
        assert await app.ask(Owed(buyer=BOB), fresh=True) == 100
    seen = [event.order for event in shop.charged if event.buyer == ADA]
    assert seen == [f"o-{n}" for n in range(200) if n % 2]


async def test_a_projection_follows_its_events(place: str) -> None:
    async with make_shop().system.connect(store=place) as app:
        for n in range(30):
            await app.send(Place(order=OrderId(f"o-{n}"), buyer=ADA))
        answer = await app.ask(OrdersOf(buyer=ADA), fresh=True)
        assert sorted(answer) == sorted(f"o-{n}" for n in range(30))


async def test_what_was_not_handled_before_a_stop_is_handled_after_the_next_start(tmp_path: Path) -> None:
    shop = make_shop()
    store = f"sqlite:{tmp_path}/{{context}}.db"
    shop.down[:] = [Unavailable("away")] * 1000
    async with shop.system.connect(store=store) as app:
        await app.send(Place(order=OrderId("o-1"), buyer=ADA, amount=5))
    shop.down.clear()
    async with shop.system.connect(store=store) as app:
        assert await app.ask(Owed(buyer=ADA), fresh=True) == 5
    async with shop.system.connect(store=store) as app:
        assert await app.ask(Owed(buyer=ADA), fresh=True) == 5
    assert len(shop.charged) == 1


async def test_a_transient_failure_delays_and_parks_nothing(place: str) -> None:
    shop = make_shop()
    shop.down[:] = [Unavailable("away"), ConnectionError("reset")]
    async with shop.system.connect(store=place) as app:
        await app.send(Place(order=OrderId("o-1"), buyer=ADA, amount=5))
        assert await app.ask(Owed(buyer=ADA), fresh=True) == 5


@pytest.fixture
async def running(place: str) -> tuple[Host, set[str]]:
    """A started shop and the set of its poisonous orders."""
    shop = make_shop()
    runtime = assemble(shop.system.model(), store=place)
    return runtime, shop.poison


async def test_what_a_process_parked_whose_clock_was_ahead_is_tried_again_in_time(
    running: tuple[Host, set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, poison = running
    await runtime.start()
    try:
        poison.add("a-1")
        with monkeypatch.context() as ahead:
            ahead.setattr(runtime.shared, "seconds", lambda: time.time() + 3600)
            await runtime.send(Place(order=OrderId("a-1"), buyer=ADA))
            await until_parked(runtime.stores["billing"], 1)
            poison.clear()
        await until_parked(runtime.stores["billing"], 0)
        assert await runtime.ask(Owed(buyer=ADA), fresh=True) == 1
    finally:
        await runtime.stop()


async def test_poison_parks_its_key_only_and_retry_drains_in_order(running: tuple[Host, set[str]]) -> None:
    runtime, poison = running
    await runtime.start()
    try:
        poison.add("a-1")
        for n in range(4):
            await runtime.send(Place(order=OrderId(f"a-{n}"), buyer=ADA))
            await runtime.send(Place(order=OrderId(f"b-{n}"), buyer=BOB))
        await runtime.freshness.reach("billing")
        assert await runtime.ask(Owed(buyer=BOB)) == 4
        assert await runtime.ask(Owed(buyer=ADA)) == 1
        with pytest.raises(Stale, match="parked"):
            await runtime.ask(Owed(buyer=ADA), fresh=True)
        parked = await runtime.stores["billing"].parked()
        assert [(row.key, row.letters) for row in parked] == [("ada", 3)]
        assert "cannot charge a-1" in parked[0].error

        poison.clear()
        assert await runtime.stores["billing"].retry("billing.charge", "ada", 0.0) == 1
        await until_parked(runtime.stores["billing"], 0)
        assert await runtime.ask(Owed(buyer=ADA), fresh=True) == 4
        orders = await runtime.stores["billing"].load("billing.Account", "ada")
        assert orders is not None
        assert b'["a-0","a-1","a-2","a-3"]' in orders[1]
    finally:
        await runtime.stop()


async def test_a_storm_pauses_instead_of_parking_the_world() -> None:
    shop = make_shop()
    runtime = assemble(shop.system.model(), store="memory:")
    await runtime.start()
    try:
        shop.poison |= {f"o-{n}" for n in range(60)}
        for n in range(60):
            await runtime.send(Place(order=OrderId(f"o-{n}"), buyer=Buyer(f"buyer-{n}")))
        billing = next(s for s in runtime.subscriptions if s.name == "billing.charge")
        await until(lambda: billing.state == "paused")
        assert "storm" in billing.note
        assert len(await runtime.stores["billing"].parked()) <= 20
        shop.poison.clear()
        await until(lambda: billing.state == "running")
    finally:
        await runtime.stop()


class Begin(Command[None]):
    id: str


class Begun(DomainEvent):
    id: str


class HasBegun(IntegrationEvent):
    id: str


class Finish(Command[None], key="id"):
    id: str


class Count(Query[int]):
    id: str


class Task(Aggregate[str]):
    noted: int = 0


class Result(Aggregate[str]):
    finished: int = 0


async def test_a_command_sent_for_later_is_applied_once(place: str) -> None:
    one, other = Context("one"), Context("other")

    @one.handle(Begin)
    async def begin(command: Begin, tasks: Repository[Task], later: Later[Finish]) -> None:
        task = await tasks.obtain(command.id)
        task.record(Begun(id=command.id))
        later.send(Finish(id=command.id))

    @other.handle(Finish)
    async def finish(command: Finish, results: Repository[Result]) -> None:
        (await results.obtain(command.id)).finished += 1

    @other.answer(Count)
    async def count(query: Count, results: Repository[Result]) -> int:
        result = await results.find(query.id)
        return result.finished if result else 0

    async with System("s", contexts=[one, other]).connect(store=place) as app:
        await app.send(Begin(id="a"))
        await app.send(Begin(id="a"))
        assert await app.ask(Count(id="a"), fresh=True) == 2


class Ended(DomainEvent, key="id"):
    id: str


async def test_one_reaction_may_follow_two_events_in_their_order() -> None:
    context, seen = Context("one"), list[str]()

    @context.handle(Begin)
    async def begin(command: Begin, tasks: Repository[Task]) -> None:
        task = await tasks.obtain(command.id)
        for event in (Begun(id=command.id), Ended(id=command.id), Begun(id=command.id)):
            task.record(event)

    @context.react(Begun, Ended)
    async def on_either(event: Begun | Ended) -> None:
        seen.append(type(event).__name__)

    runtime = assemble(System("s", contexts=[context]).model(), store="memory:")
    await runtime.start()
    try:
        await runtime.send(Begin(id="a"))
        await until(lambda: len(seen) == 3)
        assert seen == ["Begun", "Ended", "Begun"]
        assert [subscription.name for subscription in runtime.subscriptions] == ["one.on_either"]
    finally:
        await runtime.stop()


@pytest.mark.parametrize("key", ["plain", 'a "quoted" one', "back\\slash", "\\", '\\"', "line\nü 🎓"])
async def test_the_trace_of_a_command_reaches_what_follows_from_it(key: str) -> None:
    context = Context("one")

    @context.handle(Begin)
    async def begin(command: Begin, tasks: Repository[Task]) -> None:
        (await tasks.obtain(command.id)).record(Begun(id=command.id))

    @context.react(Begun)
    async def on_begun(event: Begun, tasks: Repository[Task]) -> None:
        (await tasks.obtain(event.id)).record(Ended(id=event.id))

    runtime = assemble(System("s", contexts=[context]).model(), store="memory:")
    await runtime.start()
    try:
        await runtime.send(Begin(id="a"), key=key)
        await runtime.freshness.reach("one")
        log = await runtime.stores["one"].read(Channel.PRIVATE, partition_of("a", 16), 0, 100)
        assert [(record.type, json.loads(record.headers)["trace"]) for record in log] == [
            ("one.Begun", key),
            ("one.Ended", key),
        ]
    finally:
        await runtime.stop()


async def test_a_reaction_together_commits_with_the_event() -> None:
    context = Context("one")
    noted: list[str] = []

    @context.handle(Begin)
    async def begin(command: Begin, tasks: Repository[Task]) -> None:
        task = await tasks.obtain(command.id)
        task.record(Begun(id=command.id))

    @context.react(Begun, together=True)
    async def note(event: Begun) -> None:
        if event.id == "bad":
            raise ValueError("not together")
        noted.append(event.id)

    runtime = assemble(System("s", contexts=[context]).model(), store="memory:")
    await runtime.start()
    try:
        await runtime.send(Begin(id="good"))
        with pytest.raises(HandlerFailed):
            await runtime.send(Begin(id="bad"))
        assert noted == ["good"]
        assert await runtime.stores["one"].load("one.Task", "bad") is None
    finally:
        await runtime.stop()


async def test_writing_two_aggregates_in_one_unit_of_work_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    context = Context("one")

    @context.handle(Begin)
    async def begin(command: Begin, tasks: Repository[Task]) -> None:
        (await tasks.obtain(command.id)).noted += 1
        (await tasks.obtain(command.id + "-2")).noted += 1

    async with System("s", contexts=[context]).connect(store="memory:") as app:
        with pytest.raises(HandlerFailed):
            await app.send(Begin(id="a"))
    assert "unit.second-aggregate" in caplog.text
    assert "wrote one.Task 'a' and one.Task 'a-2'" in caplog.text


class Diary(Aggregate[str]):
    lines: int = 0


class Listed(DomainEvent, key="page"):
    id: str
    page: str = "one"


async def test_each_message_of_a_batch_may_write_an_aggregate_of_its_own() -> None:
    context, all_listed, batch = Context("one"), asyncio.Event(), list[str]()

    @context.handle(Begin)
    async def begin(command: Begin, tasks: Repository[Task]) -> None:
        (await tasks.obtain(command.id)).record(Listed(id=command.id))

    @context.react(Listed)
    async def note(event: Listed, diaries: Repository[Diary]) -> None:
        await all_listed.wait()
        (await diaries.obtain(event.id)).lines += 1
        batch.append(event.id)

    runtime = assemble(System("s", contexts=[context]).model(), store="memory:")
    await runtime.start()
    try:
        for id in ("a", "b", "c"):
            await runtime.send(Begin(id=id))
        all_listed.set()
        await until(lambda: runtime.subscriptions[0].handled == 3)
        assert batch == ["a", "b", "c"]
    finally:
        await runtime.stop()


async def of_the_same_class(event: Begun, tasks: Repository[Task]) -> None:
    (await tasks.obtain(event.id + "-2")).noted += 1


async def of_another_class(event: Begun, diaries: Repository[Diary]) -> None:
    (await diaries.obtain(event.id)).lines += 1


@pytest.mark.parametrize("reaction", [of_the_same_class, of_another_class])
async def test_a_reaction_together_may_not_write_a_second_aggregate(
    reaction: Callable[..., Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    context = Context("one")

    @context.handle(Begin)
    async def begin(command: Begin, tasks: Repository[Task]) -> None:
        (await tasks.obtain(command.id)).record(Begun(id=command.id))

    context.react(Begun, together=True)(reaction)
    runtime = assemble(System("s", contexts=[context]).model(), store="memory:")
    await runtime.start()
    try:
        with pytest.raises(HandlerFailed):
            await runtime.send(Begin(id="a"))
        assert await runtime.stores["one"].load("one.Task", "a") is None
    finally:
        await runtime.stop()
    assert f"{reaction.__name__} wrote one.Task 'a' and one." in caplog.text


async def test_a_reaction_together_may_write_the_aggregate_that_recorded_the_event() -> None:
    context = Context("one")

    @context.handle(Begin)
    async def begin(command: Begin, tasks: Repository[Task]) -> None:
        (await tasks.obtain(command.id)).record(Begun(id=command.id))

    @context.react(Begun, together=True)
    async def note(event: Begun, tasks: Repository[Task]) -> None:
        (await tasks.get(event.id)).noted += 1

    @context.answer(Count)
    async def count(query: Count, tasks: Repository[Task]) -> int:
        return (await tasks.get(query.id)).noted

    async with System("s", contexts=[context]).connect(store="memory:") as app:
        await app.send(Begin(id="a"))
        assert await app.ask(Count(id="a")) == 1


@pytest.mark.parametrize("buyer", [ADA, BOB], ids=["same partition", "another partition"])
async def test_a_restored_source_is_noticed(buyer: Buyer, tmp_path: Path) -> None:
    """A log that ends before the checkpoint is another history: the subscription stops and says so."""
    shop = make_shop()
    store = f"sqlite:{tmp_path}/{{context}}.db"
    async with shop.system.connect(store=store) as app:
        await app.send(Place(order=OrderId("o-1"), buyer=ADA))
        await app.ask(Owed(buyer=ADA), fresh=True)
    for file in tmp_path.glob("sales.db*"):  # noqa: ASYNC240  # nothing runs that could be held up
        file.unlink()
    async with make_shop().system.connect(store=store) as app:
        await app.send(Place(order=OrderId("o-2"), buyer=buyer))
    runtime = assemble(shop.system.model(), store=store)
    await runtime.start()
    try:
        billing = next(s for s in runtime.subscriptions if s.name == "billing.charge")
        await until(lambda: billing.state == "regressed")
    finally:
        await runtime.stop()


class Noted(DomainEvent, key="group"):
    group: str


class NotedToo(IntegrationEvent):
    group: str


async def test_an_integration_event_inherits_the_key_of_its_domain_event() -> None:
    context = Context("one")

    @context.handle(Begin)
    async def begin(command: Begin, tasks: Repository[Task]) -> None:
        (await tasks.obtain(command.id)).record(Noted(group="the group"))

    @context.publish(Noted)
    def noted(event: Noted) -> NotedToo:
        return NotedToo(group=event.group)

    runtime = assemble(System("s", contexts=[context]).model(), store="memory:")
    await runtime.start()
    try:
        await runtime.send(Begin(id="a"))
        store = runtime.stores["one"]
        keys = [r.key for channel in Channel for part in range(16) for r in await store.read(channel, part, 0, 10)]
        assert keys == ["the group", "the group"]
    finally:
        await runtime.stop()
