"""Where a new subscription begins: with all that is left, or where it is declared to; decided once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from remit import Aggregate, Command, Context, DomainEvent, Projection, Repository, System
from remit.checks import check
from remit.contexts import ContextMap
from remit.contexts.declarations import Begins
from remit.errors import StoreUnavailable
from remit.hosting.assembly import assemble
from remit.log import Channel, SubscriptionId
from remit.observability import RuntimeEvent, SubscriptionBegun, line_of
from remit.runtime import Host, Ports
from remit.runtime.following import history
from remit.stores import Unit
from remit.stores.memory.store import MemoryStore
from remit.stores.port import Store
from tests.runtime.talk import LoopClock, virtually

BEGAN = 1_700_000_000.0
"""When the loop's time is 0 (seconds since the epoch)."""


class Write(Command[None]):
    who: str
    n: int


class Written(DomainEvent):
    n: int


class Torn(DomainEvent):
    n: int


class Book(Aggregate[str, Written | Torn]):
    lines: int = 0


class Read(Projection[str, Written]):
    lines: tuple[int, ...] = ()

    @staticmethod
    def key(event: Written) -> str:
        return "all"

    def evolve(self, event: Written) -> None:
        self.lines += (event.n,)


class Frail(MemoryStore):
    """Fails before the commits that a test names."""

    fails: Callable[[Unit], bool] | None = None
    before: Callable[[], Awaitable[None]] | None = None

    async def commit(self, unit: Unit) -> None:
        if self.fails is not None and self.fails(unit):
            raise StoreUnavailable("away")
        if self.before is not None and _decides(unit):
            before, self.before = self.before, None
            await before()
        await super().commit(unit)


def _decides(unit: Unit) -> bool:
    return any(change.kind == " begins" for change in unit.changes)


@dataclass
class Shelf:
    """A book that is written, and read by whoever begins when."""

    store: Frail = field(default_factory=lambda: Frail(partitions=2))
    seen: list[int] = field(default_factory=list[int])
    heard: list[RuntimeEvent] = field(default_factory=list[RuntimeEvent])

    def model(self, begins: Begins | None, *, follows: bool = True) -> System:
        shelf = Context("shelf")

        @shelf.handle(Write)
        async def write(command: Write, books: Repository[Book]) -> None:
            book = await books.obtain(command.who)
            book.lines += 1
            book.record(Torn(n=command.n) if command.n < 0 else Written(n=command.n))

        async def follow(event: Written) -> None:
            self.seen.append(event.n)

        if follows:
            shelf.react(Written, begins=begins)(follow)
        return System("shelf", contexts=[shelf])

    async def run(self, begins: Begins | None, *lines: int, follows: bool = True, wait: float = 5.0) -> None:
        """One process, in which so many lines are written."""

        def hear(event: SubscriptionBegun) -> None:
            self.heard.append(event)

        model = self.model(begins, follows=follows).model()
        host = Host(model, {"shelf": self.store}, Ports(LoopClock(), watch=None), listeners=[hear])
        await host.start()
        try:
            for n in lines:
                await host.send(Write(who=f"w{n % 5}", n=n))
            await asyncio.sleep(wait)
        finally:
            await host.stop()


def test_by_itself_it_begins_with_the_first_message_and_says_how_many_wait() -> None:
    async def story() -> None:
        shelf = Shelf()
        await shelf.run(None, 1, 2, 3, follows=False)
        await shelf.run(None, 4)
        assert sorted(shelf.seen) == [1, 2, 3, 4]
        (begun,) = shelf.heard
        assert isinstance(begun, SubscriptionBegun)
        assert (begun.subscription, begun.source, begun.messages, begun.more) == ("shelf.follow", "shelf", 3, False)

    virtually(story())


def test_it_says_only_how_many_wait_that_it_handles() -> None:
    async def story() -> None:
        shelf = Shelf()
        await shelf.run(None, -1, -2, 3, 4, -5, follows=False)
        await shelf.run(None)
        assert sorted(shelf.seen) == [3, 4]
        assert [begun.messages for begun in shelf.heard if isinstance(begun, SubscriptionBegun)] == [2]

    virtually(story())


def test_it_says_nothing_if_no_message_that_it_handles_waits() -> None:
    async def story() -> None:
        shelf = Shelf()
        await shelf.run(None, -1, -2, -3, follows=False)
        await shelf.run(None, 4)
        assert (shelf.seen, shelf.heard) == ([4], [])

    virtually(story())


def test_it_counts_a_thousand_messages_and_says_that_there_are_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "COUNTED", 2)

    async def story() -> None:
        shelf = Shelf(Frail(partitions=1))
        await shelf.run(None, 1, 2, 3, follows=False)
        await shelf.run(None)
        (begun,) = shelf.heard
        assert isinstance(begun, SubscriptionBegun)
        assert (begun.messages, begun.more) == (2, True)
        line = line_of(begun)
        assert line is not None
        assert line.what == "2 or more messages of shelf wait for it"

    virtually(story())


def test_it_begins_now() -> None:
    async def story() -> None:
        shelf = Shelf()
        await shelf.run("now", 1, 2, 3, 4, 5, follows=False)
        await shelf.run("now")
        await shelf.run("now", 6, 7, follows=False)
        await shelf.run("now", 8)
        assert sorted(shelf.seen) == [6, 7, 8], "now is when it has run for the first time"
        assert shelf.heard == []

    virtually(story())


def test_now_is_decided_also_where_nothing_was_written_before() -> None:
    async def story() -> None:
        shelf = Shelf()
        await shelf.run("now")
        await shelf.run("now", 1, 2, follows=False)
        await shelf.run("now")
        assert sorted(shelf.seen) == [1, 2]

    virtually(story())


def test_what_was_decided_stays_whoever_dies_before_the_checkpoints_are_there() -> None:
    async def story() -> None:
        shelf = Shelf()
        await shelf.run("now", 1, 2, 3, 4, 5, follows=False)
        shelf.store.fails = lambda unit: unit.advance is not None and unit.advance.subscription.name == "shelf.follow"
        await shelf.run("now", 6)
        assert shelf.seen == []
        shelf.store.fails = None
        await shelf.run("now", 7)
        assert sorted(shelf.seen) == [6, 7]

    virtually(story())


def test_of_two_that_decide_at_the_same_time_one_has_decided() -> None:
    async def story() -> None:
        shelf, other = Shelf(), Shelf()
        other.store = shelf.store
        await shelf.run("now", 1, follows=False)

        async def before() -> None:
            await other.run("now")
            await other.run("now", 2, follows=False)

        shelf.store.before = before
        await shelf.run("now")
        assert shelf.seen + other.seen == [2], "the other one had decided before it was written"

    virtually(story())


def test_it_begins_after_a_time() -> None:
    async def story() -> None:
        shelf = Shelf()
        for n in range(20):
            await shelf.run(None, n, follows=False, wait=100.0)
        now = asyncio.get_running_loop().time()
        at = datetime.fromtimestamp(BEGAN + now - 950.0, UTC)
        await shelf.run(at)
        assert sorted(shelf.seen) == list(range(11, 20))

    virtually(story())


def test_a_time_that_has_not_come_is_waited_for() -> None:
    async def story() -> None:
        shelf = Shelf()
        at = datetime.fromtimestamp(BEGAN + asyncio.get_running_loop().time(), UTC) + timedelta(seconds=60)
        await shelf.run(at, 1)
        await shelf.run(at, 2, wait=100.0)
        await shelf.run(at, 3)
        assert shelf.seen == [3]

    virtually(story())


async def test_a_projection_begins_now_on_every_store(anywhere: str) -> None:
    shelf = Shelf()
    without = shelf.model(None, follows=False).model()
    host = assemble(without, store=anywhere)
    await host.start()
    await host.send(Write(who="a", n=1))
    store: Store | None = host.stores["shelf"] if anywhere == "memory:" else None
    if store is None:
        await host.stop()
    with_one = shelf.model(None, follows=False)
    with_one.contexts[0].project(begins="now")(Read)
    later = assemble(with_one.model(), store=anywhere, stores=None if store is None else {"shelf": store})
    await later.start()
    try:
        await later.send(Write(who="a", n=2))
        await later.freshness.reach("shelf")
        found = await later.stores["shelf"].load("shelf.Read", "all")
        assert found is not None
        assert b"[2]" in found[1].replace(b" ", b"")
        assert not await later.stores["shelf"].missed(SubscriptionId("shelf.Read", "shelf", Channel.PRIVATE))
    finally:
        await later.stop()


def test_a_time_without_a_zone_is_refused() -> None:
    shelf = Context("shelf")

    async def follow(event: Written) -> None: ...

    shelf.react(Written, begins=datetime(2026, 1, 1))(follow)  # noqa: DTZ001  # the mistake
    shelf.project(begins=datetime(2026, 1, 1))(Read)  # noqa: DTZ001  # the same
    findings = check(ContextMap(name="s", contexts=(shelf,)))
    assert [each.code for each in findings] == ["subscription.begins"] * 2


def test_one_that_its_source_knows_is_not_new() -> None:
    async def story() -> None:
        shelf = Shelf()
        await shelf.run(None)
        await shelf.run(None, 1, 2, follows=False)
        await shelf.run("now")
        assert sorted(shelf.seen) == [1, 2]

    virtually(story())
