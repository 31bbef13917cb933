"""A unit of work serves one message, or several as if each had one of its own; what fails in it is seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from remit import (
    Aggregate,
    Command,
    Context,
    DomainEvent,
    IntegrationEvent,
    Later,
    Query,
    Refusal,
    Repository,
    Sender,
    System,
)
from remit.errors import DeadlineExceeded, HandlerFailed, Incomplete, OutcomeUnknown, StoreUnavailable
from remit.hosting.assembly import assemble
from remit.log import Channel
from remit.runtime import Host
from remit.runtime.following import dispatch
from remit.stores import Change, Entry, Store, StoredOutcome, Unit, partition_of
from remit.stores.memory.store import MemoryStore
from tests.runtime.talk import until, until_parked


class Ask(Command[None]):
    pools: list[str]


class Asked(DomainEvent):
    pool: str


class Wanted(IntegrationEvent, version=1, key="pool"):
    pool: str


class Wish(Aggregate[str, Asked]):
    n: int = 0


class Take(Command[int]):
    pool: str


class Pool(Aggregate[str]):
    taken: int = 0
    seen: int = 0


class Log(Aggregate[str]):
    n: int = 0


class Taken(Query[int]):
    pool: str


def make(react: Callable[[Context], None]) -> System:
    """What is asked of `source` reaches `pools` as events, of one key each pool."""
    source, pools = Context("source"), Context("pools")

    @source.handle(Ask)
    async def ask(command: Ask, wishes: Repository[Wish]) -> None:
        wish = await wishes.obtain("w")
        wish.n += 1
        for pool in command.pools:
            wish.record(Asked(pool=pool))

    @source.publish(Asked)
    def asked(event: Asked) -> Wanted:
        return Wanted(pool=event.pool)

    @pools.handle(Take)
    async def take(command: Take, stored: Repository[Pool]) -> int:
        pool = await stored.obtain(command.pool)
        pool.taken += 1
        return pool.taken

    @pools.answer(Taken)
    async def taken(query: Taken, stored: Repository[Pool]) -> int:
        found = await stored.find(query.pool)
        return found.taken if found else 0

    react(pools)
    return System("s", contexts=[source, pools])


class Counted(MemoryStore):
    """Counts the transactions that moved a checkpoint."""

    moved = 0

    async def commit(self, unit: Unit) -> None:
        self.moved += unit.advance is not None and bool(unit.advance.subscription.source)  # or it is a note
        await super().commit(unit)


@asynccontextmanager
async def started(system: System, stores: dict[str, Store]) -> AsyncGenerator[Host]:
    app = assemble(system.model(), stores=stores)
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


@asynccontextmanager
async def running(system: System) -> AsyncGenerator[tuple[Host, Counted]]:
    pools = Counted()
    async with started(system, {"source": MemoryStore(), "pools": pools}) as app:
        yield app, pools


# ── several messages ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_message_sees_what_the_message_before_it_did_by_a_call() -> None:
    """A pool of three gives three, also when ten ask for it at once."""

    def react(pools: Context) -> None:
        @pools.react(Wanted)
        async def give(event: Wanted, stored: Repository[Pool], sender: Sender) -> None:
            pool = await stored.find(event.pool)
            if pool is None or pool.taken < 3:
                await sender.send(Take(pool=event.pool))

    async with running(make(react)) as (app, _):
        await app.send(Ask(pools=["p"] * 10))
        assert await app.ask(Taken(pool="p"), fresh=True) == 3


async def test_call_sees_what_the_message_before_it_has_changed() -> None:
    seen: list[int] = []

    def react(pools: Context) -> None:
        @pools.react(Wanted)
        async def note(event: Wanted, stored: Repository[Log], sender: Sender) -> None:
            log = await stored.obtain(event.pool)
            seen.append(await sender.ask(Logged(pool=event.pool)))
            log.n += 1

        @pools.answer(Logged)
        async def logged(query: Logged, stored: Repository[Log]) -> int:
            found = await stored.find(query.pool)
            return found.n if found else 0

    async with running(make(react)) as (app, _):
        await app.send(Ask(pools=["p"] * 5))
        await until(lambda: len(seen) == 5)
    assert seen == [0, 1, 2, 3, 4]


class Logged(Query[int]):
    pool: str


async def test_messages_of_one_unit_look_anew_at_what_none_of_them_has_changed() -> None:
    """Somebody else writes it between them; what they change is written once, together."""
    seen: list[int] = []

    def react(pools: Context) -> None:
        @pools.react(Wanted)
        async def note(event: Wanted, stored: Repository[Pool], logs: Repository[Log]) -> None:
            pool = await stored.get(event.pool)
            seen.append(pool.taken)
            (await logs.obtain("all")).n += 1
            body = b'{"id":"p","taken":%d}' % (pool.taken + 1)
            version, _ = await store.load("pools.Pool", "p") or (0, b"")
            await store.commit(Unit([Change("pools.Pool", "p", version, body)]))

    async with running(make(react)) as (app, store):
        await app.send(Take(pool="p"))
        await app.send(Ask(pools=["p"] * 5))
        await until(lambda: len(seen) == 5)
        await until(lambda: store.moved == 1)
        assert (await store.load("pools.Log", "all") or (0, b""))[1] == b'{"id":"all","n":5}'
    assert seen == [1, 2, 3, 4, 5]


# ── branches ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("how", ["find", "obtain"])
async def test_branches_of_a_handler_get_one_object_for_one_aggregate(how: str) -> None:
    class Slow(MemoryStore):
        async def load(self, kind: str, id: str) -> tuple[int, bytes] | None:
            found = await super().load(kind, id)
            await asyncio.sleep(0)
            return found

    context = Context("a")

    @context.handle(Take)
    async def take(command: Take, stored: Repository[Pool]) -> int:
        async def change() -> int:
            pool = await stored.obtain(command.pool)
            pool.taken += 1
            return pool.taken

        async def look() -> None:
            if how == "find":
                await stored.find(command.pool)
            else:
                (await stored.obtain(command.pool)).seen += 1

        changed, _ = await asyncio.gather(change(), look())
        return changed

    async with started(System("s", contexts=[context]), {"a": Slow()}) as app:
        assert [await app.send(Take(pool="p")) for _ in range(3)] == [1, 2, 3]


# ── what fails ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_event_on_an_aggregate_that_was_never_added_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    context = Context("a")

    @context.handle(Ask)
    async def ask(command: Ask, wishes: Repository[Wish]) -> None:
        wish = Wish(id="w")
        wish.record(Asked(pool="p"))

    async with System("s", contexts=[context]).connect(store="memory:") as app:
        with pytest.raises(HandlerFailed):
            await app.send(Ask(pools=[]))
    assert "recorded Asked on Wish 'w', which is in no repository" in caplog.text
    wish = Wish(id="w")
    wish.record(Asked(pool="p"))  # outside of a handler that is nobody's business


class Seat(Aggregate[str]):
    row: str
    number: int
    taken: bool = False


async def test_obtaining_an_aggregate_that_cannot_be_made_names_its_fields() -> None:
    context, failed = Context("a"), list[Exception]()

    @context.handle(Ask)
    async def ask(command: Ask, seats: Repository[Seat]) -> None:
        try:
            await seats.obtain("s")
        except Incomplete as error:
            failed.append(error)
        if command.pools:
            seats.add(Seat(id="s", row="a", number=1))
            assert (await seats.obtain("s")).row == "a"

    async with System("s", contexts=[context]).connect(store="memory:") as app:
        await app.send(Ask(pools=["p"]))
    (error,) = failed
    assert str(error).splitlines() == [
        "state.incomplete  a.Seat",
        "  Seat cannot be made by obtain(): it has no default for row, number",
        "  Expected: a default for every field but id",
        "  Next: use find(), and where it gives None: add(Seat(id=..., row=...))",
    ]


class No(Refusal):
    pass


class Remind(Command[None]):
    who: str


class Remember(Command[None, No]):
    who: str


@pytest.mark.parametrize(("command", "parks"), [(Remind, True), (Remember, False)])
async def test_refusal_of_a_command_sent_for_later_parks_unless_it_is_declared(
    command: type[Remind | Remember], parks: bool
) -> None:
    a, b, calls = Context("a"), Context("b"), list[str]()

    @a.handle(Ask)
    async def ask(wanted: Ask, wishes: Repository[Wish], remind: Later[Remind], remember: Later[Remember]) -> None:
        (await wishes.obtain("w")).n += 1
        if parks:
            remind.send(Remind(who="ada"))
        else:
            remember.send(Remember(who="ada"))

    @b.handle(Remind)
    async def on_remind(command: Remind) -> None:
        calls.append(command.who)
        raise No

    @b.handle(Remember)
    async def on_remember(command: Remember) -> None:
        calls.append(command.who)
        raise No

    async with System("s", contexts=[a, b]).connect(store="memory:") as app:
        assert isinstance(app, Host)
        await app.send(Ask(pools=[]))
        if parks:
            await until_parked(app.stores["b"], 1)
            assert "No" in (await app.stores["b"].parked())[0].error
        else:
            await until(lambda: calls == ["ada"])
            await until(lambda: app.subscriptions[0].handled + app.subscriptions[-1].handled > 0)
            assert not await app.stores["b"].parked()


async def _bug() -> None:
    raise ValueError("a bug")


async def _stray() -> None:
    task = asyncio.create_task(asyncio.sleep(1))
    task.cancel()
    await task


async def _late() -> None:
    await asyncio.sleep(10)


@pytest.mark.parametrize("how", [_bug, _stray, _late])
async def test_failure_of_a_called_context_parks_its_key_and_nothing_else(how: Callable[[], Awaitable[None]]) -> None:
    same = next(f"u{n}" for n in range(1000) if partition_of(f"u{n}", 16) == partition_of("ada", 16))
    done: list[str] = []

    def react(pools: Context) -> None:
        @pools.react(Wanted)
        async def follow(event: Wanted, sender: Sender) -> None:
            await sender.send(Remind(who=event.pool), deadline=0.05)
            done.append(event.pool)

        @pools.handle(Remind)
        async def remind(command: Remind) -> None:
            if command.who == "ada":
                await how()

    async with running(make(react)) as (app, store):
        await app.send(Ask(pools=["ada", same]))
        await until(lambda: done == [same])
        (row,) = await store.parked()
        assert row.error.startswith("DeadlineExceeded" if how is _late else "HandlerFailed")
        assert app.subscriptions[0].state == "running"


async def _stray_after_a_failed_group() -> None:
    """What lets `Task.cancelling` stay raised before Python 3.13."""
    with suppress(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(_bug())
    await _stray()


@pytest.mark.parametrize("cancelled", [_stray, _stray_after_a_failed_group])
async def test_cancellation_that_nobody_asked_for_is_a_failure_of_its_reaction(
    cancelled: Callable[[], Awaitable[None]],
) -> None:
    runs: list[str] = []

    def react(pools: Context) -> None:
        @pools.react(Wanted)
        async def follow(event: Wanted) -> None:
            runs.append(event.pool)
            if event.pool == "bad":
                await cancelled()

    async with running(make(react)) as (app, store):
        await app.send(Ask(pools=["bad", *map(str, range(40))]))
        await until(lambda: set(runs) == {"bad", *map(str, range(40))})
        await until_parked(store, 1)
        assert (await store.parked())[0].error.startswith("HandlerFailed: the handler raised CancelledError")
    assert runs.count("bad") == 3


async def test_reaction_hears_that_what_it_called_raised_a_cancellation_of_its_own_after_a_failed_task_group() -> None:
    heard: list[str] = []

    def react(pools: Context) -> None:
        @pools.react(Wanted)
        async def follow(event: Wanted, sender: Sender) -> None:
            try:
                await sender.send(Remind(who=event.pool))
            except HandlerFailed:
                heard.append(event.pool)

        @pools.handle(Remind)
        async def remind(command: Remind) -> None:
            await _stray_after_a_failed_group()

    async with running(make(react)) as (app, store):
        await app.send(Ask(pools=["ada"]))
        await until(lambda: heard == ["ada"])
        assert not await store.parked()


def test_loop_that_ends_before_its_system_ends_what_is_handled() -> None:
    """`asyncio.run` cancels all tasks then, and waits for each."""
    runs: list[str] = []

    def react(pools: Context) -> None:
        @pools.react(Wanted)
        async def follow(event: Wanted) -> None:
            runs.append(event.pool)
            await asyncio.sleep(1000)

    left: list[Host] = []

    async def leave() -> None:
        system = make(react)
        app = assemble(system.model(), stores={name: MemoryStore() for name in ("source", "pools")})
        left.append(app)
        await app.start()
        await app.send(Ask(pools=["p"]))
        await until(lambda: runs == ["p"])

    asyncio.run(leave())
    assert runs == ["p"]


async def test_handler_that_swallows_its_cancellation_meets_its_deadline() -> None:
    context = Context("a")

    @context.handle(Take)
    async def take(command: Take, stored: Repository[Pool]) -> int:
        (await stored.obtain(command.pool)).taken += 1
        for _ in range(2):
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                continue
        return 1

    @context.answer(Taken)
    async def taken(query: Taken, stored: Repository[Pool]) -> int:
        return 0 if await stored.find(query.pool) is None else 1

    async with System("s", contexts=[context]).connect(store="memory:") as app:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        with pytest.raises(DeadlineExceeded):
            await app.send(Take(pool="p"), deadline=0.1)
        assert loop.time() - begun < 5.0
        assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]  # a test runs in a task
        assert await app.ask(Taken(pool="p")) == 0, "what it decided too late is not committed"


async def test_message_that_no_release_here_knows_fails_by_itself_among_others() -> None:
    """It is found out when it is handled, and neither before nor by whoever shares a transaction with the others."""
    seen: list[str] = []

    def react(pools: Context) -> None:
        @pools.react(Wanted)
        async def note(event: Wanted, logs: Repository[Log]) -> None:
            seen.append(event.pool)
            (await logs.obtain(event.pool)).n += 1

    async with running(make(react)) as (app, store):
        other = Entry(Channel.PUBLISHED, "bad", "m-bad", "source.Wanted", 7, 1.0, "{}", b'{"pool":"bad"}')
        await app.stores["source"].commit(Unit(entries=[other]))
        await app.send(Ask(pools=["p", "q"]))
        await until(lambda: sorted(seen) == ["p", "q"])
        await until_parked(store, 1)
        assert (await store.parked())[0].error.startswith("BadMessage: ")


class WasTried(DomainEvent):
    pass


class Tried(Aggregate[str, WasTried]):
    n: int = 0


async def test_query_of_a_handler_may_try_things_out() -> None:
    """What its handler changes and records is dropped, also when a command's handler asks it."""

    def react(pools: Context) -> None:
        @pools.handle(Remind)
        async def remind(command: Remind, sender: Sender) -> None:
            await sender.ask(Logged(pool="p"))

        @pools.answer(Logged)
        async def logged(query: Logged, logs: Repository[Tried]) -> int:
            (await logs.obtain("t")).record(WasTried())
            return 1

    async with running(make(react)) as (app, _):
        await app.send(Remind(who="ada"))


async def test_commit_whose_outcome_is_unknown_is_said_to_be() -> None:
    """Also when its outcome cannot be looked up right away."""

    class Lost(MemoryStore):
        async def commit(self, unit: Unit) -> None:
            await super().commit(unit)
            if unit.claim is not None:
                raise OutcomeUnknown("the connection was lost")

        async def outcome(self, caller: str, key: str) -> StoredOutcome | None:
            if asked:
                raise StoreUnavailable("away")
            asked.append(key)
            return None

    asked, context = list[str](), Context("a")

    @context.handle(Take)
    async def take(command: Take, stored: Repository[Pool]) -> int:
        return 1

    async with started(System("s", contexts=[context]), {"a": Lost()}) as app:
        with pytest.raises(OutcomeUnknown):
            await app.send(Take(pool="p"), key="k")


async def test_what_a_task_group_leaves_behind_hides_no_deadline() -> None:
    """Some versions of Python leave a count of cancellations in a task whose group has failed."""
    context = Context("a")

    @context.handle(Take)
    async def take(command: Take, stored: Repository[Pool]) -> int:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_bug())
        except* ValueError:
            pass
        await asyncio.sleep(10)
        return 1

    async with System("s", contexts=[context]).connect(store="memory:") as app:
        with pytest.raises(DeadlineExceeded):
            await app.send(Take(pool="p"), deadline=0.05)


async def test_batch_with_a_hot_aggregate_gets_through() -> None:
    """It conflicts at one of its aggregates again and again: each message gets a transaction, and its own turn."""
    handled: list[str] = []

    def react(pools: Context) -> None:
        @pools.react(Wanted)
        async def note(event: Wanted, stored: Repository[Pool]) -> None:
            pool = await stored.obtain(event.pool)
            await asyncio.sleep(0.002)
            pool.seen += 1
            handled.append(event.pool)

    async with running(make(react)) as (app, _):
        done = asyncio.Event()

        async def load() -> None:
            while not done.is_set():
                await app.send(Take(pool="hot"))
                await asyncio.sleep(0.001)

        busy = [asyncio.create_task(load()) for _ in range(2)]
        key = next(f"k{n}" for n in range(1000) if partition_of(f"k{n}", 16) == partition_of("hot", 16))
        await app.send(Ask(pools=[key, "hot"] * 5))
        await until(lambda: handled.count("hot") >= 5)
        done.set()
        await asyncio.gather(*busy)
    assert len(handled) < 100


async def test_cancellation_that_a_handler_made_an_error_of_is_not_left_to_the_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dispatch, "HANDLER_SECONDS", 0.05)
    left: list[int] = []

    def react(pools: Context) -> None:
        @pools.react(Wanted)
        async def note(event: Wanted) -> None:
            task = asyncio.current_task()
            assert task is not None
            left.append(task.cancelling())
            try:
                await asyncio.sleep(10 if event.pool == "late" else 0)
            except asyncio.CancelledError:
                raise ValueError("of a client library") from None

    async with running(make(react)) as (app, store):
        same = next(f"u{n}" for n in range(1000) if partition_of(f"u{n}", 16) == partition_of("late", 16))
        await app.send(Ask(pools=["late", same]))
        await until_parked(store, 1)
        await until(lambda: len(left) == 4)
    assert left == [0] * 4, "three tries, and the next message"
