"""A fresh answer waits for consequences of consequences, whoever handles them, and by whatever way they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from itertools import combinations, pairwise
from typing import Any

import pytest

from remit import Aggregate, Command, Context, Later, Projection, Query, Repository, System, View
from remit.errors import DeadlineExceeded, Stale
from remit.log import Channel, Checkpoint, Heads, SubscriptionId
from remit.relations import Partnership
from remit.runtime import Host, Ports
from remit.runtime.freshness.freshness import Freshness
from remit.runtime.freshness.reaching import Following, Question, Reached
from remit.runtime.plan import ReactionPlan
from remit.stores import Advance, Entry, Unit
from remit.stores.memory.store import MemoryStore
from remit.transports.store_feed import StoreFeed
from tests.runtime.sales import (
    Book,
    Count,
    CountByOthers,
    Invoice,
    Invoiced,
    Invoices,
    Order,
    Place,
    Placed,
    billing_of,
    freshen,
    never,
    selling,
)
from tests.runtime.talk import on_virtual_time, virtually


def entry(id: str, trace: str = "t") -> Entry:
    return Entry(Channel.PUBLISHED, "key", id, "t", 1, 1.0, f'{{"trace":"{trace}"}}', b"{}")


class Chain:
    """Contexts in a row, each following the one before it; `pass_on` is what its handler would do."""

    def __init__(self, *names: str) -> None:
        self.stores = {name: MemoryStore() for name in names}
        self.followings = [
            Following(
                ReactionPlan(SubscriptionId(f"{name}.on", source, Channel.PUBLISHED), {}),
                self.stores[name],
                StoreFeed(source, Channel.PUBLISHED, self.stores[source]),
            )
            for source, name in pairwise(names)
        ]

    async def pass_on(self, following: Following) -> None:
        """Handles the first message of the source, which makes another one."""
        id = following.follow.id
        rung = asyncio.Event()
        end = following.feed.watch(lambda _: rung.set())
        if not await following.feed.heads():
            await rung.wait()
        end()
        await asyncio.sleep(0.02)  # what the handler takes: longer than a look at all checkpoints
        heads = await following.feed.heads()
        ((part, _),) = heads.items()
        (record,) = await following.feed.read(part, 0, 1)
        advance = Advance(id, part, 0, "", 1, record.id, 1.0)
        consumer = self.stores[id.context]
        await consumer.commit(Unit(entries=[entry(f"{record.id}x")], advance=advance))

    async def handled(self, following: Following) -> bool:
        return bool(await following.store.checkpoints(following.follow.id))

    def freshness(self, followings: list[Following]) -> Freshness:
        return Freshness(followings, never, self.elsewhere)

    async def elsewhere(self, context: str, question: Question) -> Reached:
        return await Freshness(self.followings, never).reach(context, question)


@asynccontextmanager
async def started(*contexts: Context[Any]) -> AsyncGenerator[Host]:
    """A system of these contexts, of which every one may call every other."""
    relations = [Partnership(one, other) for one, other in combinations(contexts, 2)]
    model, ports = System("s", contexts=contexts, relations=relations).model(), Ports()
    stores = {context.name: MemoryStore() for context in contexts}
    runtime = Host(model, stores, ports)
    await runtime.start()
    try:
        yield runtime
    finally:
        await runtime.stop()


def test_waiting_and_answering_share_one_deadline() -> None:
    context = Context("desk")

    @context.handle(Place)
    async def place(command: Place, orders: Repository[Order]) -> None:
        (await orders.obtain("o")).record(Placed())

    @context.react(Placed)
    async def slowly(event: Placed) -> None:
        await asyncio.sleep(6)

    @context.answer(Count)
    async def count(query: Count) -> int:
        await asyncio.sleep(3)
        return 1

    async def story() -> None:
        async with started(context) as runtime:
            for deadline, is_enough in ((10.0, True), (8.0, False)):
                await runtime.send(Place())
                begun = asyncio.get_running_loop().time()
                try:
                    assert await runtime.ask(Count(), fresh=True, deadline=deadline) == 1
                    assert is_enough
                except DeadlineExceeded:
                    assert not is_enough
                    assert asyncio.get_running_loop().time() - begun < deadline + 0.1

    virtually(story())


async def test_it_waits_for_a_consequence_of_a_consequence() -> None:
    chain = Chain("a", "b", "c", "d")
    await chain.stores["a"].commit(Unit(entries=[entry("1")]))
    working = [asyncio.create_task(chain.pass_on(following)) for following in chain.followings]
    await freshen(chain.freshness(chain.followings), "d")
    assert [await chain.handled(following) for following in chain.followings] == [True, True, True]
    await asyncio.gather(*working)


async def test_contexts_of_other_processes_are_asked() -> None:
    chain = Chain("a", "b", "c", "d")
    await chain.stores["a"].commit(Unit(entries=[entry("1")]))
    working = [asyncio.create_task(chain.pass_on(following)) for following in chain.followings]
    await freshen(chain.freshness(chain.followings[-1:]), "d")
    assert [await chain.handled(following) for following in chain.followings] == [True, True, True]
    await asyncio.gather(*working)


async def test_a_source_that_ends_before_the_checkpoint_is_named() -> None:
    chain = Chain("a", "b")
    await chain.stores["a"].commit(Unit(entries=[entry("1")]))
    await chain.pass_on(chain.followings[0])
    restored = chain.followings[0]._replace(feed=StoreFeed("a", Channel.PUBLISHED, MemoryStore()))
    with pytest.raises(Stale, match=r"b\.on: it cannot go on") as stale:
        await freshen(Freshness([restored], never), "b")
    assert stale.value.next == "remit status"


async def test_a_context_that_follows_nobody_is_fresh_at_once() -> None:
    await freshen(Freshness([], never), "a")


# ── the same subscription again ───────────────────────────────────────────────────────────────────────────────────────


class Step(Command[None]):
    left: int


class Steps(Aggregate[str]):
    done: int = 0


class Done(Query[int]):
    pass


@on_virtual_time
async def test_a_command_sent_for_later_again_and_again_is_waited_for() -> None:
    context = Context("walk")

    @context.handle(Step)
    async def step(command: Step, steps: Repository[Steps], later: Later[Step]) -> None:
        (await steps.obtain("a")).done += 1
        await asyncio.sleep(0.01)
        if command.left:
            later.send(Step(left=command.left - 1))

    @context.answer(Done)
    async def done(query: Done, steps: Repository[Steps]) -> int:
        return (await steps.get("a")).done

    async with started(context) as runtime:
        await runtime.send(Step(left=29))
        assert await runtime.ask(Done(), fresh=True) == 30
        await runtime.send(Step(left=2000))
        with pytest.raises(DeadlineExceeded, match=r"walk\.commands has not handled all that walk had written"):
            await runtime.ask(Done(), fresh=True, deadline=1.0)


class Flood(StoreFeed):
    """A log to which somebody writes whenever it is looked at, and of which everything is handled at once."""

    def __init__(self, store: MemoryStore, trace: Callable[[int], str]) -> None:
        super().__init__("a", Channel.PUBLISHED, store)
        self.written = 0
        self._store = store
        self._trace = trace

    async def heads(self) -> Heads:
        self.written += 1
        id = str(self.written)
        await self._store.commit(Unit(entries=[entry(id, self._trace(self.written))]))
        heads = await super().heads()
        await self._store.place(
            SubscriptionId("a.on", "a", Channel.PUBLISHED),
            {part: Checkpoint(pos, id, 1.0) for part, (pos, _) in heads.items()},
        )
        return heads


@pytest.mark.parametrize("owed", [0, 41])
async def test_what_others_keep_writing_is_not_waited_for(owed: int) -> None:
    """Up to a number, everything that is written comes of one message."""
    store = MemoryStore()
    feed = Flood(store, lambda number: "owed" if number <= owed else f"other {number}")
    await freshen(
        Freshness([Following(ReactionPlan(SubscriptionId("a.on", "a", Channel.PUBLISHED), {}), store, feed)], never),
        "a",
    )
    assert owed < feed.written < owed + 20


class Silent(StoreFeed):
    """A source that is asked, and says nothing."""

    async def heads(self) -> Heads:
        await asyncio.Event().wait()
        return {}


async def test_a_source_that_says_nothing_is_named_with_who_follows_it() -> None:
    store = MemoryStore()
    following = Following(
        ReactionPlan(SubscriptionId("a.on", "b", Channel.PUBLISHED), {}), store, Silent("b", Channel.PUBLISHED, store)
    )
    with pytest.raises(DeadlineExceeded, match=r"b, which a\.on follows, has not said how far it is"):
        await freshen(Freshness([following], never), "a", 0.1)


# ── by calls ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("nested", [False, True])
def test_a_call_of_a_reaction_is_waited_for_and_what_comes_of_it(nested: bool) -> None:
    async def story() -> None:
        async with started(selling(nested=nested), billing_of()) as runtime:
            await runtime.send(Place())
            assert await runtime.ask(Count(), fresh=True) == 1

    virtually(story())


@on_virtual_time
async def test_what_is_asked_of_others_for_the_answer_is_fresh_too() -> None:
    async with started(selling(), billing_of()) as runtime:
        await runtime.send(Place())
        assert await runtime.ask(CountByOthers(), fresh=True) == 1


class Never(Projection[str, Invoiced]):
    @staticmethod
    def key(event: Invoiced) -> str:
        raise ValueError("a bug")

    def evolve(self, event: Invoiced) -> None: ...


class Other(Query[int]):
    pass


@on_virtual_time
async def test_a_read_model_that_the_answer_is_not_taken_from_is_not_waited_for() -> None:
    context = Context("desk")

    @context.handle(Invoice)
    async def invoice(command: Invoice, books: Repository[Book]) -> None:
        (await books.obtain("b")).record(Invoiced())

    context.project(Never)
    context.project(Invoices)

    @context.answer(Count)
    async def count(query: Count, invoices: View[Invoices]) -> int:
        return (await invoices.get("all")).count

    @context.answer(Other)
    async def other(query: Other, nevers: View[Never]) -> int:
        return 0

    async with started(context) as runtime:
        await runtime.send(Invoice())
        assert await runtime.ask(Count(), fresh=True) == 1
        with pytest.raises(Stale, match=r"desk\.Never: key 'b' is parked") as stale:
            await runtime.ask(Other(), fresh=True)
        assert stale.value.next == "remit parked list"
