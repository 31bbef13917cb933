"""Units that are committed together, and each of them on its own all the same."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, cast

import pytest

from remit.errors import Conflict, OutcomeUnknown, StoreUnavailable
from remit.log import Channel, MessageRecord, SubscriptionId
from remit.stores import Change, Entry, KeyClaim, Park, Unit, outliving
from remit.stores.postgres.columns import joined
from remit.stores.postgres.store import PostgresStore
from tests.stores.postgres.waiting import waits

Connection = Any  # asyncpg.Connection takes its parameter in stubs only


def new(name: str) -> Unit:
    entry = Entry(Channel.PRIVATE, "k", name, "billing.Settled", 1, 1.0, "{}", b"{}")
    return Unit([Change("Account", name, 0, b"{}")], [entry])


@pytest.fixture
async def billing(address: str) -> AsyncIterator[PostgresStore]:
    billing = PostgresStore(address, "billing")
    await billing.open()
    yield billing
    await billing.close()


@pytest.fixture
async def twin(billing: PostgresStore, address: str) -> AsyncIterator[PostgresStore]:
    twin = PostgresStore(address, "billing")
    await twin.open()
    yield twin
    await twin.close()


async def transactions(connection: Connection, schema: str) -> int:
    """How many transactions have written the log."""
    count: int = await connection.fetchval(f"SELECT count(DISTINCT xmin::text) FROM {schema}.remit_log")
    return count


async def test_who_is_ready_together_is_committed_by_halves(
    billing: PostgresStore, connection: Connection, schema: str
) -> None:
    assert await asyncio.gather(*[billing.commit(new(str(number))) for number in range(100)]) == [None] * 100
    assert await transactions(connection, schema) == 2


async def test_what_gathers_meanwhile_is_the_next_group(
    billing: PostgresStore, server: str, connection: Connection, schema: str
) -> None:
    async with connection.transaction():
        await connection.execute(f"LOCK {schema}.remit_log IN SHARE MODE")
        first = asyncio.create_task(billing.commit(new("first")))
        assert await waits(server, first)
        later = [asyncio.create_task(billing.commit(new(str(number)))) for number in range(300)]
        await asyncio.sleep(0)
    await asyncio.gather(first, *later)
    assert await transactions(connection, schema) == 3, "300 units are two groups: one holds 256 at most"


async def test_large_units_are_few_in_a_group(billing: PostgresStore, connection: Connection, schema: str) -> None:
    """Each fits; all of them would be more than one value holds."""
    body = b'"' + b"x" * (5 << 20) + b'"'
    units = [Unit([Change("Account", str(number), 0, body)], new(str(number)).entries) for number in range(8)]
    assert await asyncio.gather(*map(billing.commit, units)) == [None] * 8
    assert await transactions(connection, schema) == 3
    assert await asyncio.gather(*[billing.commit(new(f"small {number}")) for number in range(8)]) == [None] * 8
    assert await transactions(connection, schema) == 4


async def test_letters_of_any_size_are_put_aside_together(billing: PostgresStore) -> None:
    payload = b'"' + b"x" * (6 << 20) + b'"'
    records = [MessageRecord(0, pos, f"m{pos}", f"m{pos - 1}", "k", "t", 1, 1.0, "{}", payload) for pos in range(1, 6)]
    parks = [
        Park(SubscriptionId("s", "mail", Channel.PUBLISHED), "k", record, 1.0, "" if record.pos > 1 else "broken", 2.0)
        for record in records
    ]
    await billing.commit(Unit(parks=parks))
    assert [
        letter.record.pos for letter in await billing.letters(SubscriptionId("s", "mail", Channel.PUBLISHED), "k", 9)
    ] == [
        1,
        2,
        3,
        4,
        5,
    ]


async def test_a_unit_that_conflicts_fails_alone(billing: PostgresStore, connection: Connection, schema: str) -> None:
    await billing.commit(new("7"))
    outcomes = await asyncio.gather(*[billing.commit(new(str(n))) for n in range(20)], return_exceptions=True)
    assert [number for number, outcome in enumerate(outcomes) if isinstance(outcome, Conflict)] == [7]
    assert await transactions(connection, schema) == 3, "the others are committed by halves all the same"


async def test_of_those_that_want_the_same_one_wins(billing: PostgresStore) -> None:
    claims = [Unit(claim=KeyClaim("web", "key", b"f", b'"%d"' % number, 1.0)) for number in range(5)]
    outcomes = await asyncio.gather(*map(billing.commit, claims), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None)] + [Conflict] * 4
    found = await billing.outcome("web", "key")
    assert found is not None
    assert found.outcome == b'"0"'


async def test_of_two_that_make_the_same_at_once_one_wins(billing: PostgresStore, twin: PostgresStore) -> None:
    """The row is not there when both look; one waits for the other's insertion, and then for its own second try."""
    for number in range(50):
        units = [new(f"{number}.{name}") for name in "abc"], [new(f"{number}.{name}") for name in "cba"]
        outcomes = await asyncio.gather(
            *[billing.commit(unit) for unit in units[0]], *[twin.commit(unit) for unit in units[1]],
            return_exceptions=True,
        )  # fmt: skip  # one line for each of the two
        assert sorted(map(repr, outcomes)) == ["Conflict('state')"] * 3 + ["None"] * 3


async def test_a_repeated_command_is_told_as_repeated(billing: PostgresStore) -> None:
    """Also when its aggregate has changed since."""
    unit = Unit([Change("Account", "a", 0, b"{}")], claim=KeyClaim("web", "key", b"f", b"{}", 1.0))
    await billing.commit(unit)
    with pytest.raises(Conflict) as told:
        await billing.commit(unit)
    assert told.value.what == "claim"


@pytest.mark.parametrize(
    "spoilt",
    [
        Change("Account", "x", 0, b"\xff is no text"),
        Change("Account", "x\x00", 0, b"{}"),
        Change("Account", "x", 2**63 - 1, b"{}"),
        Change("Account", "x", 2**63, b"{}"),
        Change("Account", cast("str", object()), 0, b"{}"),
        Change("Account", cast("str", None), 0, b"{}"),
        Change("Account", "x", 0, cast("bytes", None)),
    ],
)
async def test_a_unit_that_cannot_be_written_fails_alone(billing: PostgresStore, spoilt: Change) -> None:
    for units in ([Unit([spoilt])], [new("a"), Unit([spoilt]), new("b")]):
        outcomes = await asyncio.gather(*map(billing.commit, units), return_exceptions=True)
        failed = [outcome for outcome in outcomes if outcome is not None]
        assert len(failed) == 1, outcomes
        assert not isinstance(failed[0], StoreUnavailable)
    assert await billing.load("Account", "a") is not None
    assert await billing.load("Account", "b") is not None


async def test_another_isolation_by_default_changes_nothing(
    server: str, address: str, connection: Connection, schema: str
) -> None:
    """Under REPEATABLE READ the head of the log would be an old one."""
    await connection.execute(f"CREATE ROLE {schema} LOGIN SUPERUSER")
    await connection.execute(f"ALTER ROLE {schema} SET default_transaction_isolation TO 'serializable'")
    theirs = address.replace("postgres@", f"{schema}@", 1)
    stores = [PostgresStore(theirs, "billing", partitions=1) for _ in range(2)]
    for each in stores:
        await each.open()
    outcomes = await asyncio.gather(
        *[stores[number % 2].commit(new(str(number))) for number in range(100)], return_exceptions=True
    )
    assert outcomes == [None] * 100
    for each in stores:
        await each.close()
    await connection.execute(f"DROP OWNED BY {schema} CASCADE")
    await connection.execute(f"DROP ROLE {schema}")


async def test_a_storm_of_cancellations_leaves_nothing_behind(
    billing: PostgresStore, server: str, connection: Connection, schema: str
) -> None:
    """No transaction is left open, no lock held, and everybody who was cancelled can find out what was written."""
    chance = random.Random(11)
    known: dict[str, bool] = {}

    async def commit(name: str) -> None:
        try:
            await billing.commit(new(name))
            known[name] = True
        except asyncio.CancelledError:
            known[name] = await billing.load("Account", name) is not None
            raise

    for wave in range(50):
        tasks: list[asyncio.Task[None]] = []
        for number in range(20):
            tasks.append(asyncio.create_task(commit(f"{wave}.{number}")))
            for _ in range(chance.randrange(3)):
                await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
            await asyncio.sleep(chance.choice([0, 0, 0.001]))
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert not [result for result in results if isinstance(result, OutcomeUnknown)]
    (part,) = await billing.heads(Channel.PRIVATE)
    log = await billing.read(Channel.PRIVATE, part, 0, 10_000)
    assert [message.pos for message in log] == list(range(1, len(log) + 1))
    # Who was cancelled before its first step has asked for nothing.
    assert {message.id for message in log} == {name for name, written in known.items() if written}
    assert 0 < len(log) < 1000, "there was a storm"
    ours = await connection.fetch(
        "SELECT state, (SELECT count(*) FROM pg_locks l WHERE l.pid = a.pid AND locktype = 'advisory') AS locks"
        " FROM pg_stat_activity a WHERE application_name LIKE $1",
        f"remit {schema}%"[:60],
    )
    left = {(row["state"], row["locks"]) for row in ours}
    assert left <= {("idle", 0), ("active", 0)}, "active is who looks around just now"


async def test_a_cancelled_caller_waits_a_bounded_time(
    billing: PostgresStore, server: str, connection: Connection, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outliving, "PATIENCE", 0.01)
    async with connection.transaction():
        await connection.execute(f"LOCK {schema}.remit_log IN SHARE MODE")
        caller = asyncio.create_task(billing.commit(new("a")))
        assert await waits(server, caller)
        waiting = asyncio.create_task(billing.commit(new("b")))
        await asyncio.sleep(0)
        caller.cancel()
        waiting.cancel()
        with pytest.raises(OutcomeUnknown, match="cancelled"):
            await caller
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await billing.commit(new("c"))
    assert await billing.load("Account", "a") is not None
    assert await billing.load("Account", "b") is None, "what is cancelled before its turn is not written"


async def beats(store: PostgresStore) -> object:
    """What is read alone."""
    return await store.beats()


async def load(store: PostgresStore) -> object:
    """What is looked up together with others."""
    return await store.load("Account", "a")


@pytest.mark.parametrize("read", [beats, load])
async def test_a_cancelled_reader_costs_others_nothing(
    billing: PostgresStore,
    connection: Connection,
    schema: str,
    read: Callable[[PostgresStore], Coroutine[Any, Any, object]],
) -> None:
    """Callers with little time would otherwise end the connection that all share, again and again."""
    expected = await read(billing)
    before = await processes(connection, schema)
    chance = random.Random(3)
    for _ in range(50):
        reading = asyncio.create_task(read(billing))
        for _ in range(chance.randrange(12)):
            await asyncio.sleep(0)
        others = [asyncio.create_task(read(billing)) for _ in range(3)]
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        others[0].cancel()
        assert await asyncio.gather(*others[1:]) == [expected] * 2
    assert await processes(connection, schema) == before, "and no connection was made anew"


async def processes(connection: Connection, schema: str) -> list[int]:
    """The server's processes for the connections that a store reads with."""
    sql = "SELECT pid FROM pg_stat_activity WHERE application_name = ANY ($1) ORDER BY pid"
    return [row[0] for row in await connection.fetch(sql, [f"remit {schema} {use}" for use in ("reader", "lookups")])]


def test_what_is_between_values_may_be_in_a_value() -> None:
    separator, text = joined([["a\x1f", "", "\x1fb", 3]])
    assert text.split(separator) == ["a\x1f", "", "\x1fb", "3", ""]


async def test_values_with_the_separator_come_back(billing: PostgresStore) -> None:
    for ids in (["a\x1fb", "\x1f", ""], ["c\x1f"]):
        await asyncio.gather(*[billing.commit(Unit([Change("Account", id, 0, b"{}")])) for id in ids])
        assert await asyncio.gather(*[billing.load("Account", id) for id in ids]) == [(1, b"{}")] * len(ids)


@pytest.mark.parametrize("beside", [0, 1])
async def test_a_repeated_command_changes_nothing_although_its_state_fits(billing: PostgresStore, beside: int) -> None:
    claim = KeyClaim("web", "k", b"f", b"{}", 1.0)
    await billing.commit(Unit([Change("Account", "a", 0, b"{}")], claim=claim))
    again = Unit([Change("Account", "a", 1, b'{"owed":1}')], claim=claim)
    others = [Unit([Change("Account", f"b{number}", 0, b"{}")]) for number in range(beside)]
    refused, *written = await asyncio.gather(
        *[billing.commit(unit) for unit in [again, *others]], return_exceptions=True
    )
    assert isinstance(refused, Conflict)
    assert refused.what == "claim"
    assert written == [None] * beside
    assert await billing.load("Account", "a") == (1, b"{}")
