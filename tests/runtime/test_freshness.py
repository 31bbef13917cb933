"""A fresh answer waits for consequences of consequences, whoever handles them."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from remit import Aggregate, Command, Context, DeadlineExceeded, DomainEvent, Query, Repository, System
from remit.runtime import Ports, Runtime, compile_system
from remit.runtime.freshness import Following, Freshness, Reached
from remit.runtime.plan import FollowPlan
from remit.stores import PUBLISHED, Advance, Entry, Unit
from remit.stores.memory import MemoryStore
from remit.transports import StoreFeed
from tests.runtime.talk import virtually


def entry(id: str) -> Entry:
    return Entry(PUBLISHED, "key", id, "t", 1, 1.0, "{}", b"{}")


async def never(_: FollowPlan) -> bool:
    """Nothing is broken."""
    return False


class Chain:
    """Contexts in a row, each following the one before it; `pass_on` is what its handler would do."""

    def __init__(self, *names: str) -> None:
        self.stores = {name: MemoryStore() for name in names}
        self.followings = [
            Following(
                FollowPlan(f"{name}.on", source, PUBLISHED),
                self.stores[name],
                StoreFeed(source, PUBLISHED, self.stores[source]),
            )
            for source, name in pairwise(names)
        ]

    async def pass_on(self, following: Following) -> None:
        """Handles the first message of the source, which makes another one."""
        follow = following.follow
        rung = asyncio.Event()
        end = following.feed.watch(lambda _: rung.set())
        if not await following.feed.heads():
            await rung.wait()
        end()
        await asyncio.sleep(0.02)  # what the handler takes: longer than a look at all checkpoints
        heads = await following.feed.heads()
        ((part, _),) = heads.items()
        (record,) = await following.feed.read(part, 0, 1)
        advance = Advance(follow.name, follow.source, PUBLISHED, part, 0, "", 1, record.id, 1.0)
        await following.store.commit(Unit(entries=[entry(f"{record.id}x")], advance=advance))

    async def handled(self, following: Following) -> bool:
        follow = following.follow
        return bool(await following.store.checkpoints(follow.name, follow.source, PUBLISHED))

    def freshness(self, followings: list[Following]) -> Freshness:
        return Freshness(followings, never, self.elsewhere)

    async def elsewhere(self, context: str) -> Reached:
        return await Freshness(self.followings, never).reach(context)


class Note(Command[None]):
    pass


class Noted(DomainEvent):
    pass


class Notes(Query[int]):
    pass


class Book(Aggregate[str, Noted]):
    pass


def test_waiting_and_answering_share_one_deadline() -> None:
    context = Context("desk")

    @context.handle(Note)
    async def note(command: Note, books: Repository[Book]) -> None:
        (await books.obtain("b")).record(Noted())

    @context.react(Noted)
    async def slowly(event: Noted) -> None:
        await asyncio.sleep(6)

    @context.answer(Notes)
    async def notes(query: Notes) -> int:
        await asyncio.sleep(3)
        return 1

    async def story() -> None:
        model, ports = System("s", contexts=[context]), Ports()
        model.check().settle()
        runtime = Runtime(model, compile_system(model, ports), {"desk": MemoryStore()}, ports)
        await runtime.start()
        try:
            for deadline, is_enough in ((10.0, True), (8.0, False)):
                await runtime.send(Note())
                begun = asyncio.get_running_loop().time()
                try:
                    assert await runtime.ask(Notes(), fresh=True, deadline=deadline) == 1
                    assert is_enough
                except DeadlineExceeded:
                    assert not is_enough
                    assert asyncio.get_running_loop().time() - begun < deadline + 0.1
        finally:
            await runtime.stop()

    virtually(story())


async def test_it_waits_for_a_consequence_of_a_consequence() -> None:
    chain = Chain("a", "b", "c", "d")
    await chain.stores["a"].commit(Unit(entries=[entry("1")]))
    working = [asyncio.create_task(chain.pass_on(following)) for following in chain.followings]
    assert await chain.freshness(chain.followings).freshen("d") == []
    assert [await chain.handled(following) for following in chain.followings] == [True, True, True]
    await asyncio.gather(*working)


async def test_contexts_of_other_processes_are_asked() -> None:
    chain = Chain("a", "b", "c", "d")
    await chain.stores["a"].commit(Unit(entries=[entry("1")]))
    working = [asyncio.create_task(chain.pass_on(following)) for following in chain.followings]
    assert await chain.freshness(chain.followings[-1:]).freshen("d") == []
    assert [await chain.handled(following) for following in chain.followings] == [True, True, True]
    await asyncio.gather(*working)


async def test_a_source_that_ends_before_the_checkpoint_is_named() -> None:
    chain = Chain("a", "b")
    await chain.stores["a"].commit(Unit(entries=[entry("1")]))
    await chain.pass_on(chain.followings[0])
    restored = chain.followings[0]._replace(feed=StoreFeed("a", PUBLISHED, MemoryStore()))
    assert await Freshness([restored], never).freshen("b") == ["b.on"]


async def test_a_context_that_follows_nobody_is_fresh_at_once() -> None:
    assert await Freshness([], never).freshen("a") == []
