"""Groups of commits, replies that are lost, and callers that are cancelled."""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar, cast

import pytest

from remit.errors import Conflict, OutcomeUnknown, StoreUnavailable, Unstorable
from remit.log import Channel
from remit.stores import Change, Entry, Unit, outliving, was_written
from remit.stores.sqlite import schema
from remit.stores.sqlite.presence import Presence
from remit.stores.sqlite.store import SqliteStore
from remit.stores.sqlite.writer import Writer

T = TypeVar("T")


class StubbornExecutor:
    """Runs at once or when it is let go; can lose a reply, or refuse to run."""

    def __init__(self) -> None:
        self.jobs = 0
        self.loses = False
        self.refuses = False
        self.free = asyncio.Event()
        self.free.set()

    async def run(self, function: Callable[[], T]) -> T:
        self.jobs += 1
        if self.refuses:
            raise StoreUnavailable("the disk is away", where="here")
        result = function()
        await self.free.wait()
        if self.loses:
            raise OutcomeUnknown("the reply is lost", where="here")
        return result


@pytest.fixture
def executor() -> StubbornExecutor:
    return StubbornExecutor()


@pytest.fixture
async def billing(tmp_path: Path, executor: StubbornExecutor) -> AsyncIterator[SqliteStore]:
    billing = SqliteStore(tmp_path / "billing.db", "billing", executor=executor)
    await billing.open()
    executor.jobs = 0
    yield billing
    executor.free.set()
    await billing.close()


def new(name: str) -> Unit:
    entry = Entry(Channel.PRIVATE, "k", name, "billing.Settled", 1, 1.0, "{}", b"{}")
    return Unit([Change("Account", name, 0, b"{}")], [entry])


def begin(billing: SqliteStore, unit: Unit) -> asyncio.Task[None]:
    async def commit() -> None:
        await billing.commit(unit)

    return asyncio.create_task(commit())


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_who_is_ready_together_is_committed_together(billing: SqliteStore, executor: StubbornExecutor) -> None:
    assert await asyncio.gather(*[billing.commit(new(str(number))) for number in range(100)]) == [None] * 100
    assert executor.jobs == 1


async def test_what_gathers_meanwhile_is_the_next_group(billing: SqliteStore, executor: StubbornExecutor) -> None:
    executor.free.clear()
    first = begin(billing, new("first"))
    await turns(5)
    later = [begin(billing, new(str(number))) for number in range(300)]
    await turns(5)
    assert executor.jobs == 1
    executor.free.set()
    await asyncio.gather(first, *later)
    assert executor.jobs == 3, "300 units are two groups: one holds 256 at most"


async def test_a_unit_that_conflicts_fails_alone(billing: SqliteStore, executor: StubbornExecutor) -> None:
    await billing.commit(new("7"))
    outcomes = await asyncio.gather(*[billing.commit(new(str(n))) for n in range(20)], return_exceptions=True)
    assert [number for number, outcome in enumerate(outcomes) if isinstance(outcome, Conflict)] == [7]
    assert executor.jobs == 2


@pytest.mark.parametrize(
    "spoilt",
    [
        Change("Account", "x", 0, b"\xff is no text"),
        Change("Account", "x", 2**63 - 1, b"{}"),
        Change("Account", cast("str", object()), 0, b"{}"),
        Change("Account", cast("str", None), 0, b"{}"),
        Change("Account", "x", 0, cast("bytes", None)),
    ],
)
async def test_a_unit_that_cannot_be_written_fails_alone(billing: SqliteStore, spoilt: Change) -> None:
    for units in ([Unit([spoilt])], [new("a"), Unit([spoilt]), new("b")]):
        outcomes = await asyncio.gather(*map(billing.commit, units), return_exceptions=True)
        failed = [outcome for outcome in outcomes if outcome is not None]
        assert len(failed) == 1, outcomes
        assert not isinstance(failed[0], StoreUnavailable)
    assert await billing.load("Account", "a") is not None
    assert await billing.load("Account", "b") is not None


async def test_a_unit_that_fails_after_appending_leaves_no_hole(billing: SqliteStore) -> None:
    good, bad = new("b").entries[0], new("c").entries[0]._replace(payload=b"\xff")
    units = [new("a"), Unit(entries=[good, bad]), new("d")]
    outcomes = await asyncio.gather(*map(billing.commit, units), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), Unstorable, type(None)]
    (part,) = await billing.heads(Channel.PRIVATE)
    log = await billing.read(Channel.PRIVATE, part, 0, 10)
    assert [(message.pos, message.id, message.prev) for message in log] == [(1, "a", ""), (2, "d", "a")]


async def test_a_lost_reply_is_an_unknown_outcome(billing: SqliteStore, executor: StubbornExecutor) -> None:
    executor.loses = True
    outcomes = await asyncio.gather(billing.commit(new("a")), billing.commit(new("b")), return_exceptions=True)
    executor.loses = False
    assert [type(outcome) for outcome in outcomes] == [OutcomeUnknown, OutcomeUnknown]
    assert outcomes[0] is not outcomes[1], "each caller has an error, and a traceback, of its own"
    assert str(outcomes[0]) == str(OutcomeUnknown("the reply is lost", where="here"))
    assert await billing.load("Account", "a") is not None
    await billing.commit(new("c"))
    (part,) = await billing.heads(Channel.PRIVATE)
    assert [message.pos for message in await billing.read(Channel.PRIVATE, part, 0, 10)] == [1, 2, 3]


async def test_a_group_that_is_not_run_is_unavailable(billing: SqliteStore, executor: StubbornExecutor) -> None:
    executor.refuses = True
    with pytest.raises(StoreUnavailable, match="the disk is away"):
        await billing.commit(new("a"))
    executor.refuses = False
    assert await billing.load("Account", "a") is None
    await billing.commit(new("a"))


async def test_a_cancelled_caller_hears_of_it_when_the_outcome_is_known(
    billing: SqliteStore, executor: StubbornExecutor
) -> None:
    executor.free.clear()
    unit = new("a")
    caller = begin(billing, unit)
    await turns(5)
    for _ in range(3):
        caller.cancel()
        await turns(5)
        assert not caller.done()
    executor.free.set()
    with pytest.raises(asyncio.CancelledError) as told:
        await caller
    assert was_written(told.value, unit)
    assert await billing.load("Account", "a") is not None


async def test_a_cancelled_caller_hears_that_its_unit_conflicts(
    billing: SqliteStore, executor: StubbornExecutor
) -> None:
    await billing.commit(new("a"))
    executor.free.clear()
    unit = new("a")
    caller = begin(billing, unit)
    await turns(5)
    caller.cancel()
    executor.free.set()
    with pytest.raises(asyncio.CancelledError) as told:
        await caller
    assert not was_written(told.value, unit)


async def test_a_cancelled_caller_whose_outcome_is_lost_is_told_that(
    billing: SqliteStore, executor: StubbornExecutor
) -> None:
    """To be cancelled would mean that nothing was written."""
    executor.free.clear()
    executor.loses = True
    caller = begin(billing, new("a"))
    await turns(5)
    caller.cancel()
    executor.free.set()
    with pytest.raises(OutcomeUnknown, match="the reply is lost"):
        await caller
    assert caller.cancelling() == 1, "the cancellation is not lost"
    executor.loses = False


async def test_a_cancelled_caller_waits_a_bounded_time(
    billing: SqliteStore, executor: StubbornExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outliving, "PATIENCE", 0.01)
    executor.free.clear()
    caller = begin(billing, new("a"))
    await turns(5)
    caller.cancel()
    with pytest.raises(OutcomeUnknown, match="cancelled"):
        await caller


async def test_what_is_cancelled_before_its_turn_is_not_written(
    billing: SqliteStore, executor: StubbornExecutor
) -> None:
    executor.free.clear()
    first, second, third = (begin(billing, new(name)) for name in "abc")
    await turns(5)
    waiting = begin(billing, new("d"))
    await turns(5)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    executor.free.set()
    await asyncio.gather(first, second, third)
    assert await billing.load("Account", "d") is None


async def test_a_storm_of_cancellations_leaves_whole_units(tmp_path: Path) -> None:
    billing = SqliteStore(tmp_path / "billing.db", "billing")
    await billing.open()
    chance = random.Random(11)
    outcomes: dict[str, str] = {}
    cancelled = 0

    async def commit(name: str) -> None:
        try:
            await billing.commit(new(name))
            outcomes[name] = "written"
        except asyncio.CancelledError:
            outcomes[name] = "written" if await billing.load("Account", name) else "not written"
            raise

    for wave in range(30):
        tasks: list[asyncio.Task[None]] = []
        for number in range(20):
            tasks.append(asyncio.create_task(commit(f"{wave}.{number}")))
            await turns(chance.randrange(3))
        for task in chance.sample(tasks, 12):
            task.cancel()
            await turns(chance.randrange(3))
        results = await asyncio.gather(*tasks, return_exceptions=True)
        cancelled += sum(isinstance(result, asyncio.CancelledError) for result in results)

    (part,) = await billing.heads(Channel.PRIVATE)
    log = await billing.read(Channel.PRIVATE, part, 0, 10_000)
    assert [message.pos for message in log] == list(range(1, len(log) + 1))
    assert {message.id for message in log} == {name for name, outcome in outcomes.items() if outcome == "written"}
    assert cancelled > 30, "there was a storm"
    for name, outcome in outcomes.items():
        assert (await billing.load("Account", name) is not None) is (outcome == "written")
    await billing.close()


class Failing(sqlite3.Connection):
    """Fails one statement with a result code."""

    fails: tuple[str, int] | None = None

    def execute(self, sql: str, parameters: object = (), /) -> sqlite3.Cursor:
        if self.fails is not None and sql.startswith(self.fails[0]):
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = self.fails[1]
            raise error
        return super().execute(sql, parameters)  # type: ignore[arg-type]  # typeshed keeps the type to itself


@pytest.mark.parametrize(
    ("statement", "code", "expected"),
    [
        ("COMMIT", sqlite3.SQLITE_IOERR_FSYNC, OutcomeUnknown),
        ("COMMIT", sqlite3.SQLITE_IOERR, OutcomeUnknown),
        ("COMMIT", sqlite3.SQLITE_IOERR_WRITE, StoreUnavailable),
        ("COMMIT", sqlite3.SQLITE_FULL, StoreUnavailable),
        ("COMMIT", sqlite3.SQLITE_BUSY, StoreUnavailable),
        ("INSERT INTO log", sqlite3.SQLITE_IOERR_FSYNC, StoreUnavailable),
        ("BEGIN", sqlite3.SQLITE_IOERR, StoreUnavailable),
        ("PRAGMA data_version", sqlite3.SQLITE_IOERR_READ, StoreUnavailable),
    ],
)
def test_only_a_failure_of_the_commit_itself_leaves_doubt(
    tmp_path: Path, statement: str, code: int, expected: type[Exception]
) -> None:
    path = tmp_path / "billing.db"
    connection = sqlite3.connect(path, isolation_level=None, factory=Failing)
    schema.prepare(connection, path, "billing", 16)
    writer = Writer(connection, str(path), 16, Presence(path))
    connection.fails = (statement, code)
    with pytest.raises(expected) as caught:
        writer.write([new("a"), new("b")])
    assert type(caught.value) is expected
    connection.fails = None
    assert not connection.in_transaction
    assert writer.write([new("a"), new("b")]) == [None, None]
    assert connection.execute("SELECT pos, id, prev FROM log").fetchall() == [(1, "a", ""), (2, "b", "a")]
    writer.close()


def test_a_full_file_in_the_middle_of_a_group(tmp_path: Path) -> None:
    path = tmp_path / "billing.db"
    connection = schema.connect(path)
    schema.prepare(connection, path, "billing", 16)
    writer = Writer(connection, str(path), 16, Presence(path))
    connection.execute("PRAGMA max_page_count = 20")
    large = Unit([Change("Account", "large", 0, b'"%s"' % (b"x" * 100_000))])
    with pytest.raises(StoreUnavailable, match="disk is full"):
        writer.write([new("a"), large, new("b")])
    assert connection.execute("SELECT count(*) FROM log").fetchone() == (0,)
    assert writer.write([new("a")]) == [None]
    writer.close()


async def test_an_awaitable_is_all_a_lane_needs_to_give(tmp_path: Path) -> None:
    class Inline:
        def run(self, function: Callable[[], T]) -> Awaitable[T]:
            future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
            future.set_result(function())
            return future

    billing = SqliteStore(tmp_path / "billing.db", "billing", executor=Inline())
    await billing.open()
    await billing.commit(new("a"))
    assert await billing.load("Account", "a") is not None
    await billing.close()
