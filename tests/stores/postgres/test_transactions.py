"""A unit of work with statements of the user's: both are written, or neither, whatever ends the transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from remit.errors import Conflict, ConstraintViolated, OutcomeUnknown, SqlError, StoreUnavailable, TooLarge, Unstorable
from remit.log import Channel, MessageRecord, SubscriptionId
from remit.stores import Advance, Change, Entry, KeyClaim, Park, Unit, outliving, was_written
from remit.stores.postgres.store import PostgresStore
from remit.stores.postgres.transactions import PostgresTransaction
from remit.stores.size import LARGEST_UNIT
from remit.stores.sql_ends import ended_by_user, ends_transaction
from tests.stores.postgres.waiting import waits

Connection = Any  # asyncpg.Connection takes its parameter in stubs only

TABLE = """
    CREATE TABLE {0}.invoice (
        number int PRIMARY KEY, amount int CONSTRAINT positive CHECK (amount > 0),
        parent int CONSTRAINT known REFERENCES {0}.invoice DEFERRABLE INITIALLY DEFERRED
    )
"""


@pytest.fixture
async def store(address: str, schema: str, connection: Connection) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(address, "billing")
    await store.open()
    await connection.execute(TABLE.format(schema))
    yield store
    await store.close()


def unit(name: str = "a", expected: int = 0) -> Unit:
    """Writes a row of each kind."""
    return Unit(
        [Change("Account", name, expected, b"{}")],
        [Entry(Channel.PRIVATE, "k", f"m-{name}-{expected}", "billing.Settled", 1, 1.0, "{}", b"{}")],
        KeyClaim("web", f"{name}-{expected}", b"f", b"{}", 1.0),
    )


class Written:
    """What is in the schema, seen from outside."""

    def __init__(self, connection: Connection, schema: str) -> None:
        self._connection = connection
        self._schema = schema

    async def invoices(self) -> list[int]:
        rows = await self._connection.fetch(f"SELECT number FROM {self._schema}.invoice ORDER BY number")
        return [row[0] for row in rows]

    async def versions(self) -> list[tuple[str, int]]:
        return [
            tuple(row) for row in await self._connection.fetch(f"SELECT id, version FROM {self._schema}.remit_state")
        ]

    async def log(self) -> list[str]:
        rows = await self._connection.fetch(f"SELECT id FROM {self._schema}.remit_log ORDER BY part, pos")
        return [row[0] for row in rows]

    async def open_transactions(self) -> int:
        sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state LIKE 'idle in transaction%'"
        return int(await self._connection.fetchval(sql, f"remit {self._schema} sql"[:63]))


@pytest.fixture
def written(connection: Connection, schema: str) -> Written:
    return Written(connection, schema)


async def test_statements_and_rows_are_written_together(store: PostgresStore, written: Written) -> None:
    rung = asyncio.Event()
    store.watch(rung.set)
    transaction = store.begin()
    assert await transaction.execute("INSERT INTO invoice VALUES ($1, $2), ($3, $4)", 1, 10, 2, 20) == 2
    found = await transaction.fetch("SELECT number, amount FROM invoice WHERE number > $1 ORDER BY 1", 0)
    assert found == [{"number": 1, "amount": 10}, {"number": 2, "amount": 20}]
    assert await written.invoices() == []
    await transaction.commit(unit())
    assert (await written.invoices(), await written.versions(), await written.log()) == ([1, 2], [("a", 1)], ["m-a-0"])
    assert rung.is_set()
    assert await store.outcome("web", "a-0") is not None


async def test_what_is_abandoned_is_not_written(store: PostgresStore, written: Written) -> None:
    transaction = store.begin()
    await transaction.execute("INSERT INTO invoice VALUES (1, 10)")
    await transaction.abandon()
    await transaction.abandon()
    assert await written.invoices() == []
    assert await written.open_transactions() == 0
    with pytest.raises(SqlError, match="the unit of work is over"):
        await transaction.execute("INSERT INTO invoice VALUES (2, 10)")


async def test_without_a_statement_a_unit_is_committed_like_any_other(store: PostgresStore, written: Written) -> None:
    await store.begin().commit(unit())
    assert await written.versions() == [("a", 1)]
    with pytest.raises(Conflict):
        await store.begin().commit(unit())


async def test_a_conflict_takes_the_statements_back(store: PostgresStore, written: Written) -> None:
    await store.commit(unit())
    transaction = store.begin()
    await transaction.execute("INSERT INTO invoice VALUES (1, 10)")
    with pytest.raises(Conflict) as caught:
        await transaction.commit(Unit([Change("Account", "a", 0, b"{}")]))
    assert caught.value.what == "state"
    assert (await written.invoices(), await written.versions()) == ([], [("a", 1)])
    again = store.begin()
    await again.execute("INSERT INTO invoice VALUES (1, 10)")
    await again.commit(unit("a", 1))
    assert (await written.invoices(), await written.versions()) == ([1], [("a", 2)])


async def test_two_that_met_are_a_conflict_of_one(store: PostgresStore, written: Written) -> None:
    """Each waits for a row of the other: the server ends one of them."""
    one, other = store.begin(), store.begin()
    await one.execute("INSERT INTO invoice VALUES (1, 10)")
    await other.execute("INSERT INTO invoice VALUES (2, 10)")
    ended = await asyncio.gather(
        one.execute("INSERT INTO invoice VALUES (2, 10)"),
        other.execute("INSERT INTO invoice VALUES (1, 10)"),
        return_exceptions=True,
    )
    assert [type(each) for each in ended if isinstance(each, Exception)] in (
        [Conflict],
        [ConstraintViolated, Conflict],
        [Conflict, ConstraintViolated],
    )
    for transaction in (one, other):
        await transaction.abandon()
    assert await written.open_transactions() == 0


async def test_a_constraint_is_named_and_takes_everything_back(store: PostgresStore, written: Written) -> None:
    transaction = store.begin()
    await transaction.execute("INSERT INTO invoice VALUES (1, 10)")
    with pytest.raises(ConstraintViolated) as caught:
        await transaction.execute("INSERT INTO invoice VALUES (2, -1)")
    assert caught.value.constraint == "positive"
    with pytest.raises(ConstraintViolated):
        await transaction.execute("SELECT 1")
    with pytest.raises(ConstraintViolated):
        await transaction.commit(unit())
    await transaction.abandon()
    assert (await written.invoices(), await written.versions()) == ([], [])


async def test_a_deferred_constraint_is_found_by_the_commit(store: PostgresStore, written: Written) -> None:
    transaction = store.begin()
    await transaction.execute("INSERT INTO invoice VALUES (1, 10, 99)")
    with pytest.raises(ConstraintViolated) as caught:
        await transaction.commit(unit())
    assert caught.value.constraint == "known"
    assert (await written.invoices(), await written.versions()) == ([], [])


@pytest.mark.parametrize(
    "statement",
    [
        "SELEC 1",
        "SELECT * FROM nowhere",
        "SELECT 1; SELECT 2",
        "SELECT 1 / 0",
        "SELECT $1::int",
        "DO $$ BEGIN RAISE 'the row of an index is too long' USING ERRCODE = '54000'; END $$",
    ],
)
async def test_a_statement_that_cannot_be_run_is_an_error_for_good(store: PostgresStore, statement: str) -> None:
    transaction = store.begin()
    with pytest.raises(SqlError):
        await transaction.fetch(statement)
    await transaction.abandon()


async def test_a_value_of_another_type_is_an_error_for_good(store: PostgresStore) -> None:
    transaction = store.begin()
    with pytest.raises(SqlError):
        await transaction.fetch("SELECT $1::int", "one")
    await transaction.abandon()


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b"])
async def test_so_is_an_identity_that_nothing_takes(store: PostgresStore, written: Written, name: str) -> None:
    transaction = store.begin()
    await transaction.execute("INSERT INTO invoice VALUES (1, 10)")
    with pytest.raises(Unstorable):
        await transaction.commit(unit(name))
    assert (await written.invoices(), await written.open_transactions()) == ([], 0)


async def test_so_is_a_unit_that_is_too_large(store: PostgresStore, written: Written) -> None:
    transaction = store.begin()
    await transaction.execute("INSERT INTO invoice VALUES (1, 10)")
    with pytest.raises(TooLarge):
        await transaction.commit(Unit([Change("Account", "a", 0, b" " * (LARGEST_UNIT + 1))]))
    await transaction.abandon()
    assert (await written.invoices(), await written.open_transactions()) == ([], 0)


@pytest.mark.parametrize(
    "texts",
    [
        ("ROLLBACK AND CHAIN",),
        ("/* a /* nested */ comment */ ROLLBACK", "BEGIN"),
        ("COMMIT AND CHAIN",),
        ("commit; begin",),
        ("-- a comment\nEND",),
        ("UPDATE invoice SET amount = 3; ABORT; START TRANSACTION",),
        ("ROLLBACK TRANSACTION",),
        ("PREPARE TRANSACTION 'mine'",),
    ],
)
async def test_a_handler_cannot_end_the_transaction(
    store: PostgresStore, written: Written, texts: tuple[str, ...]
) -> None:
    transaction = store.begin()
    await transaction.execute("INSERT INTO invoice VALUES (1, 10)")
    for text in texts:
        with pytest.raises(SqlError, match="begins or ends a transaction") as caught:
            await transaction.execute(text)
        assert str(caught.value) == str(ended_by_user(ends_transaction(texts[0]), caught.value.where))
        assert caught.value.forbidden
    with pytest.raises(SqlError, match="begins or ends a transaction"):
        await transaction.commit(unit())
    await transaction.abandon()
    assert (await written.invoices(), await written.versions(), await written.log()) == ([], [], [])


async def test_a_library_cannot_end_the_transaction(store: PostgresStore, written: Written) -> None:
    transaction = store.begin()
    await transaction.run("INSERT INTO invoice VALUES (1, 10)", ())
    with pytest.raises(SqlError, match="begins or ends a transaction"):
        await transaction.run("ROLLBACK AND CHAIN", ())
    await transaction.abandon()
    transaction = store.begin()
    await transaction.run("INSERT INTO invoice VALUES (1, 10)", ())
    await transaction.run("SAVEPOINT a", ())
    await transaction.run("INSERT INTO invoice VALUES (2, 10)", ())
    await transaction.run("ROLLBACK TO SAVEPOINT a", ())
    await transaction.run("RELEASE SAVEPOINT a", ())
    await transaction.commit(unit())
    assert (await written.invoices(), await written.versions()) == ([1], [("a", 1)])


@pytest.mark.parametrize(
    "state", ["SHOP1", "U0001", "3B001", "25001", "34000", "55000", "28000", "3D000", "40002", "HV000", "F0000"]
)
async def test_a_state_that_is_not_of_the_server_is_an_error_for_good(store: PostgresStore, state: str) -> None:
    transaction = store.begin()
    with pytest.raises(SqlError, match="not that"):
        await transaction.execute(f"DO $$ BEGIN RAISE 'not that' USING ERRCODE = '{state}'; END $$")
    await transaction.abandon()


@pytest.mark.parametrize("state", ["08006", "25006", "53200", "55P03", "57014", "57P03", "58030", "XX001"])
async def test_a_state_of_the_server_is_an_error_for_now(store: PostgresStore, state: str) -> None:
    transaction = store.begin()
    with pytest.raises(StoreUnavailable):
        await transaction.execute(f"DO $$ BEGIN RAISE 'not now' USING ERRCODE = '{state}'; END $$")
    await transaction.abandon()


SHOWN = """
    SELECT current_setting('app.tenant', true) AS tenant, current_setting('session_replication_role') AS replicates,
        current_setting('TimeZone') AS zone, current_setting('default_transaction_read_only') AS reads_only,
        current_setting('search_path') AS path, current_setting('lock_timeout') AS waits, current_user::text AS who,
        (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks,
        to_regclass('pg_temp.kept')::text AS kept, pg_backend_pid() AS process
"""


@pytest.mark.parametrize(
    "leak",
    [
        "SELECT set_config('app.tenant', 'acme', false)",
        "SET session_replication_role = replica",
        "SET TimeZone = 'Asia/Tokyo'",
        "SET default_transaction_read_only = on",
        "SET lock_timeout = '1h'",
        "SELECT pg_advisory_lock(7)",
        "CREATE TEMP TABLE kept (number int)",
    ],
)
async def test_a_setting_of_a_handler_does_not_reach_the_next_one(store: PostgresStore, leak: str) -> None:
    seen: list[dict[str, Any]] = []
    for statement in (None, leak, None):
        transaction = store.begin()
        if statement is None:
            seen += await transaction.fetch(SHOWN)
        else:
            await transaction.execute(statement)
        await transaction.commit(unit(f"u{len(seen)}{statement is None}"))
    assert {**seen[0], "tenant": ""} == {**seen[1], "tenant": seen[1]["tenant"] or ""}


async def process_of(transaction: PostgresTransaction) -> int:
    """The server's process at the other end of its connection."""
    ((process,),) = [row.values() for row in await transaction.fetch("SELECT pg_backend_pid()")]
    return int(process)


async def test_a_cancelled_statement_ends_its_connection(
    store: PostgresStore, written: Written, server: str, connection: Connection, schema: str
) -> None:
    transaction = store.begin()
    process = await process_of(transaction)
    async with connection.transaction():
        await connection.execute(f"LOCK {schema}.invoice")
        writing = asyncio.create_task(transaction.execute("INSERT INTO invoice VALUES (1, 10)"))
        assert await waits(server, writing)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        await transaction.abandon()
    async with asyncio.timeout(5):  # the server would end it by itself after 30 s
        while await written.open_transactions():
            pass
    again = store.begin()
    found, other = await again.fetch("SELECT number FROM invoice"), await process_of(again)
    await again.abandon()
    assert (found, other != process) == ([], True), "the connection is used again"


@pytest.mark.parametrize("of_library", [False, True], ids=["statements", "a session"])
async def test_a_connection_whose_rollback_was_cancelled_is_not_used_again(
    store: PostgresStore, written: Written, of_library: bool
) -> None:
    """Whoever is cancelled while its transaction is taken back does not know how far that is."""
    transaction = store.begin()
    process = await process_of(transaction)
    if of_library:
        await transaction.run("INSERT INTO invoice VALUES (1, 10)", ())
    else:
        await transaction.execute("INSERT INTO invoice VALUES (1, 10)")
    abandoning = asyncio.create_task(transaction.abandon())
    await asyncio.sleep(0)  # its ROLLBACK is sent, and not answered yet
    abandoning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await abandoning
    again = store.begin()
    other = await process_of(again)
    await again.abandon()
    assert other != process, "the connection is used again"
    async with asyncio.timeout(5):
        while await written.open_transactions():
            pass
    assert await written.invoices() == []


async def test_a_handler_that_goes_on_after_its_statement_was_cancelled_commits_nothing(
    store: PostgresStore, written: Written, server: str, connection: Connection
) -> None:
    """What it wrote before went with the connection; a time limit of its own can be what cancels."""
    transaction = store.begin()
    await transaction.execute("INSERT INTO invoice VALUES (1, 10)")
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(7)")
        waiting = asyncio.create_task(transaction.fetch("SELECT pg_advisory_xact_lock(7)"))
        assert await waits(server, waiting)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    ended = await asyncio.gather(transaction.fetch("SELECT 1"), transaction.commit(unit()), return_exceptions=True)
    await transaction.abandon()
    assert [type(error) for error in ended] == [SqlError, SqlError]
    assert all("was cancelled" in str(error) for error in ended)
    assert (await written.invoices(), await written.versions()) == ([], [])


async def test_a_cancelled_commit_is_waited_for(
    store: PostgresStore, written: Written, server: str, connection: Connection, schema: str
) -> None:
    transaction = store.begin()
    await transaction.execute("INSERT INTO invoice VALUES (1, 10)")
    async with connection.transaction():
        await connection.execute(f"LOCK {schema}.remit_log IN SHARE MODE")
        rows = unit()
        committing = asyncio.create_task(transaction.commit(rows))
        assert await waits(server, committing)
        committing.cancel()
    with pytest.raises(asyncio.CancelledError) as told:
        await committing
    assert was_written(told.value, rows)
    await transaction.abandon()
    assert (await written.invoices(), await written.versions()) == ([1], [("a", 1)])


async def test_a_cancelled_commit_is_waited_for_so_long_and_never_broken_off(
    store: PostgresStore,
    written: Written,
    server: str,
    connection: Connection,
    schema: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outliving, "PATIENCE", 0.01)
    transaction = store.begin()
    await transaction.execute("INSERT INTO invoice VALUES (1, 10)")
    async with connection.transaction():
        await connection.execute(f"LOCK {schema}.remit_log IN SHARE MODE")
        committing = asyncio.create_task(transaction.commit(unit()))
        assert await waits(server, committing)
        committing.cancel()
        with pytest.raises(OutcomeUnknown):
            await committing
        await transaction.abandon()
    rung = asyncio.Event()
    store.watch(rung.set)
    await rung.wait()
    assert (await written.invoices(), await written.versions()) == ([1], [("a", 1)])


async def test_a_connection_that_is_lost_before_the_commit_has_written_nothing(
    store: PostgresStore, written: Written, connection: Connection
) -> None:
    transaction = store.begin()
    ((process,),) = [row.values() for row in await transaction.fetch("SELECT pg_backend_pid()")]
    await transaction.execute("INSERT INTO invoice VALUES (1, 10)")
    await connection.fetchval("SELECT pg_terminate_backend($1, 5000)", process)
    with pytest.raises(StoreUnavailable):
        await transaction.commit(unit())
    assert (await written.invoices(), await written.versions()) == ([], [])
    again = store.begin()
    await again.execute("INSERT INTO invoice VALUES (1, 10)")
    await again.commit(unit())
    assert await written.invoices() == [1]


@pytest.mark.parametrize("arrived", [True, False])
async def test_what_became_of_a_commit_is_found_out_when_its_connection_is_lost(
    store: PostgresStore, written: Written, arrived: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has committed and nobody heard of it, or it never was told to."""
    transaction = store.begin()
    await transaction.execute("INSERT INTO invoice VALUES (1, 10)")
    link = transaction._link
    assert link is not None

    async def lose() -> None:
        if arrived:
            await link.run("COMMIT")
        link.connection.terminate()
        raise ConnectionResetError

    monkeypatch.setattr(link, "commit", lose)
    if arrived:
        await transaction.commit(unit())
    else:
        with pytest.raises(StoreUnavailable, match="nothing was written"):
            await transaction.commit(unit())
    assert (await written.invoices(), await written.versions()) == (([1], [("a", 1)]) if arrived else ([], []))


async def test_a_checkpoint_moves_and_a_key_is_parked_with_statements(store: PostgresStore, written: Written) -> None:
    place = SubscriptionId("billing.mail", "sales", Channel.PRIVATE)
    record = MessageRecord(0, 1, "m1", "", "k", "sales.Placed", 1, 1.0, "{}", b"{}")
    moved = Advance(place, 0, 0, "", 1, "m1", 5.0)
    transaction = store.begin()
    await transaction.execute("INSERT INTO invoice VALUES (1, 10)")
    await transaction.commit(Unit(advance=moved, parks=[Park(place, "k", record, 5.0, "broken", 35.0)]))
    assert (await store.checkpoints(place))[0].pos == 1
    assert [row.key for row in await store.parked()] == ["k"]
    late = store.begin()
    await late.execute("INSERT INTO invoice VALUES (2, 10)")
    with pytest.raises(Conflict):
        await late.commit(Unit(advance=moved))
    assert await written.invoices() == [1]


async def test_more_than_there_are_connections_wait_for_their_turn(store: PostgresStore, written: Written) -> None:
    async def work(number: int) -> None:
        transaction = store.begin()
        await transaction.execute("INSERT INTO invoice VALUES ($1, 10)", number)
        await transaction.commit(unit(f"a{number}"))

    await asyncio.gather(*(work(number) for number in range(40)))
    assert await written.invoices() == list(range(40))
    assert len(await written.log()) == 40
