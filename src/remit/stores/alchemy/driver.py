"""A driver for SQLAlchemy (PEP 249, awaited inside) whose connection is the transaction of a unit of work.

It opens nothing and ends nothing: the unit of work commits. So whatever SQLAlchemy does with a driver's connection
(settings, codecs, its own transactions) does not reach the connection of the store.
"""

from __future__ import annotations

import json
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from sqlalchemy.util import await_only

from remit.errors import ConstraintViolated, RemitError, SqlError
from remit.stores.sql import Answer, Transaction


class Error(Exception):
    """An error of a statement. The error of the store's own driver is its `__cause__`."""

    def __init__(self, message: str, cause: BaseException | None = None) -> None:
        super().__init__(message)
        self.sqlstate: str | None = getattr(cause, "sqlstate", None)
        self.pgcode = self.sqlstate
        self.constraint_name: str | None = getattr(cause, "constraint_name", None)
        self.detail: str | None = getattr(cause, "detail", None)


class InterfaceError(Error):
    """The driver was used wrongly."""


class DatabaseError(Error):
    """The database has refused a statement."""


class DataError(DatabaseError):
    """A value does not fit."""


class OperationalError(DatabaseError):
    """The database cannot do it now."""


class IntegrityError(DatabaseError):
    """A constraint would be broken."""


class InternalError(DatabaseError):
    """The database is in trouble."""


class ProgrammingError(DatabaseError):
    """The statement is wrong."""


class NotSupportedError(DatabaseError):
    """The database has no such feature."""


_CLASSES: dict[str, type[Error]] = {
    "0A": NotSupportedError, "22": DataError, "23": IntegrityError, "42": ProgrammingError, "3F": ProgrammingError,
}  # fmt: skip
"""The error for an SQLSTATE, by its class."""


def forbidden(what: str, where: str, expected: str, next: str) -> SqlError:
    """The error for something that no handler may do."""
    error = SqlError(what, where=where, expected=expected, next=next)
    error.forbidden = True
    return error


_JSON = frozenset({114, 199, 3802, 3807})
"""PostgreSQL's types `json` and `jsonb`, and arrays of them."""


class Driver:
    """What SQLAlchemy takes for the module of the driver."""

    Error, InterfaceError, DatabaseError, DataError = Error, InterfaceError, DatabaseError, DataError
    OperationalError, IntegrityError, InternalError = OperationalError, IntegrityError, InternalError
    ProgrammingError, NotSupportedError = ProgrammingError, NotSupportedError
    Binary = bytes
    paramstyle = "numeric_dollar"
    sqlite_version_info = sqlite3.sqlite_version_info
    sqlite_version = sqlite3.sqlite_version
    version_info = sqlite3.sqlite_version_info
    __version__ = "1.0"

    def __init__(self, driver: Any = None) -> None:
        self.asyncpg = driver
        """The module that SQLAlchemy's types for PostgreSQL take ranges from."""

    def connect(self, *_: object, **__: object) -> NoReturn:
        """Raises `SqlError`: there are only the connections of units of work."""
        raise forbidden(
            "the engine of a session of remit was asked for a connection", where="AsyncSession",
            expected="the session or the connection that the handler has got",
            next="make an engine of your own for what is not part of the unit of work",
        )  # fmt: skip


class DriverConnection:
    """The transaction of one unit of work, as a connection of this driver."""

    def __init__(self, transaction: Transaction, require: Callable[[str], None] | None) -> None:
        """`require` raises `TableNotCovered` for a statement that the context may not run."""
        self.transaction = transaction
        self.require = require

    def cursor(self, *_: object, **__: object) -> Cursor:
        """A new cursor."""
        return Cursor(self)

    def commit(self) -> NoReturn:
        """Raises `SqlError`: the unit of work commits."""
        error = forbidden(
            "the handler has committed its session", where="AsyncSession.commit",
            expected="a transaction that the unit of work commits after the handler",
            next="leave commit() and begin() out; flush() sends statements, begin_nested() makes a savepoint",
        )  # fmt: skip
        self.transaction.refuse(error)
        raise error

    def rollback(self) -> None:
        """The unit of work cannot be committed any more."""
        self.transaction.refuse(
            forbidden(
                "the handler has rolled back or closed its session",
                where="AsyncSession.rollback",
                expected="a transaction that ends with the unit of work",
                next="raise a refusal to take everything back, or use begin_nested() for a part",
            )
        )

    def invalidate(self) -> None:
        """The unit of work cannot be committed any more. Nothing happens if its transaction knows itself that it is
        lost, as after a statement that was cancelled."""
        self.transaction.refuse(
            forbidden(
                "the handler has invalidated its session, or was cancelled in it",
                where="AsyncSession.invalidate",
                expected="a transaction that ends with the unit of work",
                next="leave invalidate() out, and let TimeoutError and CancelledError through",
            )
        )

    def close(self) -> None:
        """Does nothing: the unit of work ends the transaction."""

    def terminate(self) -> None:
        """Does nothing, as `close`."""


class Cursor:
    """Runs statements, and keeps the rows of the last one."""

    lastrowid = None
    arraysize = 1

    def __init__(self, connection: DriverConnection) -> None:
        self._connection = connection
        self._rows: deque[Sequence[Any]] = deque()
        self.description: list[tuple[Any, ...]] | None = None
        self.rowcount = -1

    def execute(self, statement: str, values: Sequence[object] = ()) -> None:
        """Runs a statement. Raises `Error` for a faulty one, and what `Transaction.run` raises otherwise."""
        answer = self._awaited(statement, lambda: self._connection.transaction.run(statement, values or ()))
        self.description = [(*column, None, None, None, None, None) for column in answer.columns] or None
        self._rows = deque(_read(answer))
        self.rowcount = answer.touched

    def executemany(self, statement: str, many: Sequence[Sequence[object]]) -> None:
        """Runs a statement for each of these values. Raises as `execute`."""
        answer = self._awaited(statement, lambda: self._connection.transaction.run_many(statement, many))
        self.description = None
        self._rows.clear()
        self.rowcount = answer.touched

    def _awaited(self, statement: str, run: Callable[[], Any]) -> Answer:
        if self._connection.require is not None:
            self._connection.require(statement)
        try:
            answer: Answer = await_only(run())
        except SqlError as error:
            if error.__cause__ is None:  # a rule of remit, which says itself what to do
                raise
            raise _told(error) from error.__cause__
        return answer

    def fetchone(self) -> Sequence[Any] | None:
        """The next row."""
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Sequence[Any]]:
        """The next rows."""
        return [self._rows.popleft() for _ in range(min(size or self.arraysize, len(self._rows)))]

    def fetchall(self) -> list[Sequence[Any]]:
        """All rows that are left."""
        rows = list(self._rows)
        self._rows.clear()
        return rows

    def __iter__(self) -> Iterator[Sequence[Any]]:
        while self._rows:
            yield self._rows.popleft()

    def close(self) -> None:
        """Forgets the rows."""
        self._rows.clear()

    async def _async_soft_close(self) -> None:
        """SQLAlchemy's asyncio extension closes cursors with it."""

    def setinputsizes(self, *_: object) -> None:
        """Does nothing."""


def _read(answer: Answer) -> Sequence[Sequence[Any]]:
    """The rows with JSON as Python's values. SQLAlchemy would set a codec on the connection, which is the store's."""
    places = [place for place, (_, type) in enumerate(answer.columns) if type in _JSON]
    if not places:
        return answer.rows
    rows = [list(row) for row in answer.rows]
    for row in rows:
        for place in places:
            row[place] = _decoded(row[place])
    return rows


def _decoded(value: Any) -> Any:
    if value is None:
        return None
    return json.loads(value) if isinstance(value, str) else [_decoded(each) for each in value]


def _told(error: RemitError) -> Error:
    """The error that SQLAlchemy wraps in its own of the same name."""
    cause = error.__cause__
    state: str = getattr(cause, "sqlstate", None) or ""
    chosen = IntegrityError if isinstance(error, ConstraintViolated) else _CLASSES.get(state[:2], ProgrammingError)
    # Without the server's details: they may show data, and the text goes to logs and to what is parked.
    said = cause.args[0] if cause is not None and cause.args else cause
    return chosen(str(said), cause)
