"""Statements of the user's in a simulated store, which PostgreSQL takes and SQLite's adapter does not.

Others write meanwhile: no lock on the file is held while a handler waits. A statement runs on what is stored and on
what the statements before it write, which is taken back at once; the commit runs all of them again, with the unit.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from functools import partial
from typing import Any

from remit.errors import Conflict, ConstraintViolated, OutcomeUnknown, SqlError, StoreUnavailable
from remit.stores.nesting import Nested
from remit.stores.outliving import Pending, failure_of
from remit.stores.port import Unit
from remit.stores.sqlite.failures import failure
from remit.stores.sqlite.store import SqliteStore

__all__ = ["Statements", "StatementsStore"]

Statement = tuple[str, dict[str, object]]
"""With the values that stand in it, by their numbers."""
Answer = tuple[list[dict[str, Any]], int]
"""Rows, and how many were written."""

_DEEPEST = 4
"""So many handlers with statements may call each other, as in PostgreSQL."""


class StatementsStore(SqliteStore):
    """A simulated store: SQLite's rows, and tables of the user's beside them, made by `tables`."""

    tables: Sequence[str] = ()

    async def open(self, *, read_only: bool = False) -> None:
        await super().open(read_only=read_only)
        assert self._open is not None  # noqa: S101  nothing is only looked at here
        for table in self.tables:
            self._open.writer.execute(table, ())

    def stir(self) -> None:
        """Nobody stages messages in a file."""

    def begin(self) -> Statements:
        """See `SqlStore.begin`."""
        return Statements(self)

    async def attempt(self, written: Sequence[Statement]) -> Answer:
        """What the last of these statements gives, and how many rows it writes, after the others; nothing stays."""
        try:
            return await self._opened().commits.run(partial(self._attempt, written))
        except OutcomeUnknown as error:  # nothing was to stay
            raise StoreUnavailable("simulated: the answer to a statement was lost", where=self._where) from error

    def _attempt(self, written: Sequence[Statement]) -> Answer:
        connection = self._opened().writer._connection  # noqa: SLF001  the one that writes
        connection.execute("BEGIN IMMEDIATE")
        try:
            cursor = _run(connection, written)
            names = [column[0] for column in cursor.description or ()]
            rows: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            return rows, max(cursor.rowcount, 0)
        finally:
            connection.execute("ROLLBACK")

    async def write(self, unit: Unit, written: Sequence[Statement]) -> None:
        """The unit with these statements, or neither. Raises as `Store.commit`."""
        store = self._opened()
        try:
            (outcome,) = await store.commits.run(partial(self._together, unit, written))
        except OutcomeUnknown:
            self._wake()  # it may be written
            raise
        if outcome is not None:
            raise outcome
        self._wake()

    def _together(self, unit: Unit, written: Sequence[Statement]) -> list[Exception | None]:
        writer = self._opened().writer

        def both(unit: Unit) -> None:
            try:
                _run(writer._connection, written)  # noqa: SLF001  the one that writes
            except sqlite3.IntegrityError as error:  # somebody was quicker: the next run is told by its statement
                raise Conflict("sql", where=self._where) from error
            writer._write(unit)  # noqa: SLF001  as a unit without statements is written

        try:
            return writer._together([unit], both)  # noqa: SLF001  the same
        except Conflict as error:
            return [error]
        except (TypeError, ValueError, OverflowError, sqlite3.DataError) as error:
            return [writer._told(error)]  # noqa: SLF001  the same
        except sqlite3.Error as error:
            raise failure(error, self._where) from error


def _run(connection: sqlite3.Connection, written: Sequence[Statement]) -> sqlite3.Cursor:
    """Runs them; the cursor is that of the last."""
    cursor = connection.cursor()
    for statement, values in written:
        cursor.execute(statement, values)
    return cursor


class Statements:
    """See `Transaction` of stores."""

    def __init__(self, store: StatementsStore) -> None:
        self._store = store
        self._nested = Nested.here()
        self._turn = asyncio.Lock()
        self._written: list[Statement] = []
        self._failed: Exception | None = None

    async def fetch(self, statement: str, /, *values: object) -> list[dict[str, Any]]:
        """See `Sql.fetch`."""
        rows, _ = await self._run(statement, values)
        return rows

    async def execute(self, statement: str, /, *values: object) -> int:
        """See `Sql.execute`."""
        _, count = await self._run(statement, values)
        return count

    async def _run(self, statement: str, values: tuple[object, ...]) -> Answer:
        async with self._turn:
            if self._nested.over:
                raise self._wrong("the unit of work is over")
            if self._nested.level >= _DEEPEST:
                self._failed = self._wrong(
                    f"{self._nested.level} handlers that ask for Sql wait for each other's calls"
                )
            if self._failed is not None:
                raise self._failed
            named = {f"{number}": value for number, value in enumerate(values, 1)}
            try:
                told = await self._store.attempt([*self._written, (statement, named)])
            except asyncio.CancelledError:
                self._failed = self._wrong("a statement of the handler was cancelled, and with it the transaction")
                raise
            except Exception as error:
                self._failed = self._told(error)
                raise self._failed from error
            self._written.append((statement, named))
            return told

    def _wrong(self, what: str) -> SqlError:
        return SqlError(what, where=self._store._where)  # noqa: SLF001  two halves of one

    def _told(self, error: Exception) -> Exception:
        if isinstance(error, sqlite3.IntegrityError):
            violated = ConstraintViolated(str(error), where=self._store._where)  # noqa: SLF001  the same
            violated.constraint = str(error).rpartition(": ")[2]
            return violated
        return self._wrong(str(error)) if isinstance(error, sqlite3.Error) else error

    async def commit(self, unit: Unit) -> None:
        """See `Transaction.commit`."""
        if self._failed is not None:
            raise self._failed
        self._nested.over = True
        if not self._written:
            await self._store.commit(unit)
            return
        pending = Pending(unit)
        task = asyncio.create_task(self._store.write(unit, self._written), name="commit")
        task.add_done_callback(lambda ended: pending.settle(failure_of(ended)))
        await pending.outcome(self._store._where)  # noqa: SLF001  the same

    async def abandon(self) -> None:
        """See `Transaction.abandon`."""
        self._nested.over = True
