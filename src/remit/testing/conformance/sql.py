"""What a store must do whose technology says `sql`: run handlers' SQL statements.

class TestMyStore(SqlConformance):
    @pytest.fixture
    async def store(self): ...     # new, empty and open
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from remit.errors import Conflict, ConstraintViolated, RemitError, SqlError, StoreUnavailable
from remit.stores.port import Change, Unit
from remit.stores.sql import SqlStore, Transaction
from remit.testing.conformance.stores import entry, same, whole_log

__all__ = ["SqlConformance"]

PATIENT = 5
"""How often a statement is tried that waits for another transaction's lock."""


async def raises(outcome: Awaitable[object], error: type[RemitError], promise: str) -> None:
    """Fails unless awaiting raises this error."""
    try:
        await outcome
    except error:
        return
    raise AssertionError(f"{promise}\nexpected: {error.__name__}\nfound:    it went through")


async def with_table(store: SqlStore) -> None:
    """Creates a user's table."""
    making = store.begin()
    await making.execute("CREATE TABLE invoice (number integer PRIMARY KEY, amount integer CHECK (amount > 0))")
    await making.commit(Unit())


async def numbers(store: SqlStore) -> list[int]:
    """The rows of that table, as a new transaction sees them."""
    looking = store.begin()
    rows = await looking.fetch("SELECT number FROM invoice ORDER BY number")
    await looking.abandon()
    return [row["number"] for row in rows]


def unit(name: str, expected: int = 0) -> Unit:
    """A unit with a state and a message."""
    return Unit([Change("Account", name, expected, b"{}")], [entry("k", f"{name}-{expected}")])


async def inserting_two(store: SqlStore) -> Transaction:
    """Inserts once the cancelled transaction has released its lock: a busy server may take a while."""
    for _ in range(PATIENT):
        following = store.begin()
        try:
            await following.execute("INSERT INTO invoice VALUES (2, 20)")
        except StoreUnavailable:
            await following.abandon()
        else:
            return following
    raise AssertionError("the cancelled transaction still holds its lock")


class SqlConformance:
    """The promises of transactions with handlers' statements, one test each."""

    async def test_it_says_what_it_can(self, store: SqlStore) -> None:
        same(store.technology.sql, True, "the technology says `sql`")

    async def test_statements_and_unit_are_written_together(self, store: SqlStore) -> None:
        await with_table(store)
        writing = store.begin()
        count = await writing.execute("INSERT INTO invoice VALUES ($1, $2), ($3, $4)", 1, 10, 2, 20)
        same(count, 2, "a statement tells how many rows it has written")
        rows = await writing.fetch("SELECT number, amount FROM invoice WHERE amount > $1", 15)
        same(rows, [{"number": 2, "amount": 20}], "a transaction sees what it has written, by the names of columns")
        same(await numbers(store), [], "other transactions do not see it before the commit")
        await writing.commit(unit("a1"))
        same(await numbers(store), [1, 2], "statements are committed")
        same(await store.load("Account", "a1"), (1, b"{}"), "state is committed with them")
        same([message.id for message in await whole_log(store)], ["a1-0"], "and so are messages")

    async def test_a_conflict_takes_the_statements_back(self, store: SqlStore) -> None:
        await with_table(store)
        await store.commit(unit("a1"))
        writing = store.begin()
        await writing.execute("INSERT INTO invoice VALUES (1, 10)")
        await raises(writing.commit(unit("a1")), Conflict, "another version is a conflict")
        same(await numbers(store), [], "after a conflict neither the unit nor its statements are written")

    async def test_what_is_abandoned_is_not_written(self, store: SqlStore) -> None:
        await with_table(store)
        writing = store.begin()
        await writing.execute("INSERT INTO invoice VALUES (1, 10)")
        await writing.abandon()
        await writing.abandon()
        same(await numbers(store), [], "an abandoned transaction is not written")
        await raises(writing.execute("INSERT INTO invoice VALUES (2, 10)"), SqlError, "no statement runs after the end")

    async def test_without_a_statement_a_unit_is_like_any_other(self, store: SqlStore) -> None:
        await store.begin().commit(unit("a1"))
        same(await store.load("Account", "a1"), (1, b"{}"), "a unit without statements is committed")
        await raises(store.begin().commit(unit("a1")), Conflict, "a unit without statements conflicts like any other")

    async def test_a_failed_statement_fails_the_unit_whoever_has_caught_it(self, store: SqlStore) -> None:
        await with_table(store)
        for statement, error in (("INSERT INTO invoice VALUES (2, -1)", ConstraintViolated), ("SELEC", SqlError)):
            writing = store.begin()
            await writing.execute("INSERT INTO invoice VALUES (1, 10)")
            await raises(writing.execute(statement), error, "a failing statement raises its error")
            await raises(writing.commit(unit("a1")), error, "the commit after it raises the error again")
            await writing.abandon()
        same(await numbers(store), [], "nothing of a failed transaction is written")
        same(await store.load("Account", "a1"), None, "nothing of its unit is written")

    async def test_statements_of_a_library_tell_columns_rows_and_count(self, store: SqlStore) -> None:
        await with_table(store)
        writing = store.begin()
        many = await writing.run_many("INSERT INTO invoice VALUES ($1, $2)", [(1, 10), (2, 20), (3, 30)])
        same((many.columns, many.rows, many.touched in (3, -1)), ((), (), True), "writing returns no columns")
        found = await writing.run("SELECT number, amount FROM invoice WHERE number > $1 ORDER BY number", (1,))
        rows = [tuple(row) for row in found.rows]
        same(([name for name, _ in found.columns], rows), (["number", "amount"], [(2, 20), (3, 30)]), "reading does")
        nothing = await writing.run("SELECT number FROM invoice WHERE number > 3", ())
        same((len(nothing.columns), len(nothing.rows)), (1, 0), "there are columns without rows, too")
        changed = await writing.run("UPDATE invoice SET amount = $1 WHERE number < 3", (15,))
        same(changed.touched, 2, "a statement tells how many rows it has written")
        await writing.commit(unit("a1"))
        same(await numbers(store), [1, 2, 3], "statements of a library are committed with the unit")

    async def test_a_savepoint_takes_back_what_came_after_it(self, store: SqlStore) -> None:
        await with_table(store)
        writing = store.begin()
        await writing.run("INSERT INTO invoice VALUES (1, 10)", ())
        await writing.run("SAVEPOINT one", ())
        await writing.run("INSERT INTO invoice VALUES (2, 10)", ())
        failing = writing.run("INSERT INTO invoice VALUES (1, 10)", ())
        await raises(failing, ConstraintViolated, "a failing statement raises its error after a savepoint, too")
        await raises(writing.run("SELECT 1", ()), ConstraintViolated, "no statement runs before it is taken back")
        await writing.run("ROLLBACK TO SAVEPOINT one", ())
        await writing.run("SAVEPOINT two", ())
        await writing.run("INSERT INTO invoice VALUES (3, 10)", ())
        await writing.run("RELEASE SAVEPOINT two", ())
        await writing.commit(unit("a1"))
        same(await numbers(store), [1, 3], "what a savepoint took back is not written, and all the rest is")

    async def test_a_unit_that_is_refused_is_not_written(self, store: SqlStore) -> None:
        await with_table(store)
        writing = store.begin()
        await writing.run("SAVEPOINT one", ())
        await writing.run("INSERT INTO invoice VALUES (1, 10)", ())
        writing.refuse(SqlError("refused", next="do not"))
        await raises(writing.run("ROLLBACK TO SAVEPOINT one", ()), SqlError, "no savepoint takes a refusal back")
        await raises(writing.commit(unit("a1")), SqlError, "a refused unit is not committed")
        await writing.abandon()
        same(await numbers(store), [], "none of its statements are written")
        same(await store.load("Account", "a1"), None, "nothing of its unit is written")

    async def test_a_cancelled_statement_leaves_nothing_behind(self, store: SqlStore) -> None:
        await with_table(store)
        blocking, waiting = store.begin(), store.begin()
        await blocking.execute("INSERT INTO invoice VALUES (1, 10)")
        await waiting.execute("INSERT INTO invoice VALUES (2, 10)")
        task = asyncio.create_task(waiting.execute("INSERT INTO invoice VALUES (1, 10)"))
        await blocking.fetch("SELECT 1")
        task.cancel()
        await asyncio.wait([task])
        await waiting.abandon()
        following = await inserting_two(store)
        await following.commit(unit("a2"))
        await blocking.commit(unit("a1"))
        same(await numbers(store), [1, 2], "a cancelled statement blocks no other transaction")

    async def test_many_at_once_all_come_through(self, store: SqlStore) -> None:
        await with_table(store)

        async def work(number: int) -> None:
            writing = store.begin()
            await writing.execute("INSERT INTO invoice VALUES ($1, 10)", number)
            await writing.commit(unit(f"a{number}"))

        await asyncio.gather(*(work(number) for number in range(30)))
        same(await numbers(store), list(range(30)), "every transaction is committed")
        same(len(await whole_log(store)), 30, "every unit's message is written")
