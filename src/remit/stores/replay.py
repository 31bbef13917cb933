"""Handlers' SQL statements in SQLite, which has one writer at a time: each is tried at once and repeated at the commit.

A handler may take long, so no lock is held while it runs. A statement sees what is stored and what the handler's
earlier statements have written; all of that is rolled back at once. The commit repeats all statements together with
the unit. If one gives another result than the handler got, that is a conflict, and the handler runs again. So the
results on which a handler decided hold when its changes are written.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, NamedTuple, Protocol

from remit.errors import Conflict, ConstraintViolated, SqlError, StoreUnavailable
from remit.stores.moments import Moments
from remit.stores.outliving import Pending, failure_of
from remit.stores.port import Unit
from remit.stores.sql import Answer
from remit.stores.sql_ends import ended_by_user, ends_transaction

FAILURES = (sqlite3.Error, sqlite3.Warning, ValueError, TypeError, OverflowError)
"""The exceptions of a failing statement."""
TABLES = frozenset(
    {
        "checkpoint", "floor", "heartbeat", "idempotency", "lease", "letter", "log", "meta", "parked", "state",
        "subscriber",
    }
)  # fmt: skip
"""The tables of remit in a file. Those of later releases begin with `PREFIX`."""
PREFIX = "remit_"
_SHAPES = re.compile(r"\b(create|alter)\b", re.IGNORECASE)
"""A statement that may change the schema."""
_ANALYZES = re.compile(r"\banalyze\b", re.IGNORECASE)
"""A statement that may change the statistics by which SQLite chooses indexes."""
_SCHEMA = """
    SELECT type, name, tbl_name FROM sqlite_master
    UNION ALL
    SELECT 'reference', f."table", m.name FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f
    WHERE m.type = 'table'
"""
"""All tables, views, indexes and triggers, with the table of each; and the tables to which foreign keys refer."""
_NEWEST = "SELECT 1 FROM sqlite_master LIMIT 1"
_TEXT = "SELECT sql FROM sqlite_master WHERE type = ? AND name = ?"
_COLUMNS = "SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0"
_MISSING = re.compile(r"no such table: (?:main\.)?(.*)")
_MODULES = frozenset({"fts4", "fts5", "rtree"})
_MARK = re.compile(r'(?:SAVEPOINT|RELEASE SAVEPOINT|ROLLBACK TO SAVEPOINT) "?\w+"?')
_STEPS = 10_000
"""Steps of SQLite's virtual machine between two checks of the time."""
_REFUSED = frozenset(
    {
        sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_SAVEPOINT, sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH,
        sqlite3.SQLITE_PRAGMA, sqlite3.SQLITE_CREATE_TEMP_INDEX, sqlite3.SQLITE_CREATE_TEMP_TABLE,
        sqlite3.SQLITE_CREATE_TEMP_TRIGGER, sqlite3.SQLITE_CREATE_TEMP_VIEW,
    }
)  # fmt: skip
"""What handlers' statements must not do: transactions belong to the unit, temporary objects would be shared."""
_OF_STATEMENTS = frozenset(
    {
        0, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE,
        sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_MISUSE,
    }
)  # fmt: skip
"""Primary result codes caused by a statement, not by the file; 0 is for errors of the Python module."""


_EARLIER = (
    "{}() tells of an earlier statement, and that may be one of another handler. Write INSERT ... RETURNING to get the"
    " new row, and use the result of execute() for the number of rows"
)
_INSIGHT = "{} tells of the connection or of the pages of its file, and these differ when the statement runs again"
_INSIGHTS = {name: _INSIGHT.format(name) for name in ("sqlite_stmt", "sqlite_dbpage", "dbstat")}
"""Tables of SQLite that handlers' statements must not read, and the reasons."""
_FUNCTIONS = {
    "load_extension": "a handler may not load an extension",
    **{name: _EARLIER.format(name) for name in ("last_insert_rowid", "changes", "total_changes")},
}
"""Functions that handlers' statements must not call, and the reasons."""


class Ran(NamedTuple):
    """A statement of a handler, and the result that the handler got."""

    text: str
    values: tuple[object, ...]
    names: Sequence[str] = ()
    rows: Sequence[tuple[Any, ...]] = ()
    written: int = 0
    """The number of rows written."""
    wrote: bool = False
    """Whether later statements may see an effect of it."""
    chance: bytes = b""
    """The seed of its random values."""
    at: float = 0.0
    """The time that it reads, in seconds since 1970."""
    is_mark: bool = False
    """Whether it makes, releases or rolls back to a savepoint."""

    def says(self, other: Ran) -> bool:
        """Whether both have the same result. Rows in another order are another result."""
        return self.rows == other.rows and self.written == other.written


_Part = tuple[str, str, str]
"""Something in the schema: what it is, its name, and the name of its table."""


class _Values(dict[str, object]):
    """The values of a statement by number; records which ones are used."""

    def __init__(self, values: Sequence[object]) -> None:
        super().__init__({str(number): value for number, value in enumerate(values, 1)})
        self.unused = set(self)

    def __getitem__(self, number: str) -> object:
        self.unused.discard(number)
        return super().__getitem__(number)


class Users:
    """A connection that runs handlers' statements. Used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, where: str, limit_seconds: float) -> None:
        self.connection = connection
        self._where = where
        self._limit_seconds = limit_seconds
        self._theirs = False
        """Whether the statement being prepared is a handler's."""
        self._why = ""
        self._checks = itertools.count()
        self._latest = 0.0
        self._chance = Random(0)  # noqa: S311  values of tables, no secrets
        self._moments = Moments(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.set_authorizer(self._may)
        connection.set_progress_handler(self._is_late, _STEPS)
        connection.create_function("random", 0, lambda: self._chance.getrandbits(64) - 2**63)
        connection.create_function("randomblob", 1, self._random_bytes)

    def read(self, statement: Ran) -> Ran:
        """Runs a statement that only reads. Returns its result."""
        return self._taken_back((), statement, "BEGIN")

    def try_out(self, before: Sequence[Ran], statement: Ran) -> Ran:
        """Runs a statement after those before it, and rolls everything back. Returns its result. Raises `Conflict` if
        the statement fails and the ones before give other results than before: that may be why."""
        try:
            return self._taken_back([each for each in before if each.wrote or each.is_mark], statement)
        except FAILURES as error:
            if before and is_of_statement(error):
                self._taken_back(before, None)
            raise

    def _taken_back(self, before: Sequence[Ran], statement: Ran | None, begin: str = "BEGIN IMMEDIATE") -> Ran:
        self.connection.execute(begin)
        try:
            self.repeat(before)
            return before[-1] if statement is None else self.run(statement)
        finally:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    def repeat(self, ran: Sequence[Ran]) -> None:
        """Runs statements again. Raises `Conflict` if one gives another result than before."""
        for each in ran:
            try:
                again = self.run(each)
            except FAILURES as error:
                if is_of_statement(error):
                    raise Conflict("sql", where=self._where) from error
                raise
            if not again.says(each):
                raise Conflict("sql", where=self._where)

    def run(self, statement: Ran) -> Ran:
        """Runs a statement in the current transaction, and returns its result."""
        if statement.is_mark:
            self.connection.execute(statement.text)
            return statement
        connection, values = self.connection, _Values(statement.values)
        # SQLite looks here whether others have changed the schema. It does not look again for what a trigger names.
        connection.execute(_NEWEST).fetchall()
        before, shapes = connection.total_changes, _SHAPES.search(statement.text) is not None
        schema = self._schema() if shapes else frozenset[_Part]()
        self._latest = time.monotonic() + self._limit_seconds
        self._chance.seed(statement.chance)
        self._moments.stand_still(statement.at)
        try:
            cursor, rows = self._execute(statement.text, values)
            if values.unused:
                given = f"{len(values)} values are given"
                raise ValueError(f"{given}, but the statement does not have ${min(values.unused)}")
            changed = connection.total_changes - before
            if shapes:
                self._check_added(self._schema() - schema)
        finally:
            self._latest = 0.0
        if cursor.description is None and _ANALYZES.search(statement.text):
            self._tell_analyzed()
        names = [column[0] for column in cursor.description or ()]
        count = cursor.rowcount if cursor.rowcount >= 0 else changed
        return statement._replace(
            names=names, rows=rows, written=count, wrote=cursor.description is None or changed > 0
        )  # fmt: skip

    def _execute(self, text: str, values: _Values) -> tuple[sqlite3.Cursor, list[tuple[Any, ...]]]:
        """Executes a handler's statement to its end. An error says why it is not allowed, if that is the cause."""
        self._theirs, self._why = True, ""
        try:
            # SQLite caches prepared statements by text, and `_may` checks them when they are prepared. The newline
            # keeps handlers' statements apart from those of remit, which may do more.
            cursor = self.connection.execute("\n" + text, values)
            # Virtual tables prepare statements of their own as long as rows are fetched.
            return cursor, cursor.fetchall()
        except sqlite3.DatabaseError as error:
            if self._why:
                error.args = (self._why,)
            raise
        finally:
            self._theirs = False

    def _tell_analyzed(self) -> None:
        """Makes all connections load the new statistics. With others, they would read rows in another order."""
        (version,) = self.connection.execute("PRAGMA schema_version").fetchone()
        self.connection.execute(f"PRAGMA schema_version = {version + 1}")

    def _schema(self) -> frozenset[_Part]:
        return frozenset(self.connection.execute(_SCHEMA).fetchall())

    def _check_added(self, added: frozenset[_Part]) -> None:
        """Raises `ValueError` or `sqlite3.DatabaseError` if something new has the name of a table of remit or uses one.
        SQLite's authorizer gets neither the new name of a renamed table, nor the table of a foreign key, nor what a
        view or trigger uses before that is used itself."""
        for kind, name, table in sorted(added):
            if _is_ours(name):
                raise ValueError(f"{name} is a table of remit, or has the name of one")
            for use in self._uses_of(kind, name, table):
                self._check_use(kind, name, use)

    def _check_use(self, kind: str, name: str, use: str) -> None:
        try:
            # A cached statement that only explains is not prepared again after a change of the schema.
            self._execute(f"{use} -- {next(self._checks)}", _Values(()))
        except sqlite3.DatabaseError as error:
            missing, why = _MISSING.match(str(error)), self._why
            if missing is not None and _is_ours(missing[1]):
                why = f"{missing[1]} is a table of remit"
            why = why or self._why_unclear(kind, name, str(error))
            if why:
                raise ValueError(why) from error

    def _why_unclear(self, kind: str, name: str, error: str) -> str:
        """Why something must not be created that SQLite cannot use yet; empty if it may."""
        if error.startswith("cannot modify"):  # a trigger of a view for another event
            return ""
        (text,) = self.connection.execute(_TEXT, (kind, name)).fetchone()
        ours = next(filter(_is_ours, re.findall(r"\w+", text)), None)
        if ours is None:
            return ""
        return (
            f"{ours} is the name of a table of remit, and SQLite cannot tell yet whether {name} uses that: {error}."
            " Create first what is missing"
        )  # fmt: skip

    def _uses_of(self, kind: str, name: str, table: str) -> Iterator[str]:
        """Statements that use a table, use a view, or fire a trigger."""
        if kind == "table":  # a virtual table prepares its own statements only when it is read
            yield f"SELECT * FROM {_quoted(name)} LIMIT 1"  # noqa: S608  # a name of the schema, quoted
        elif kind == "view":
            yield f"EXPLAIN SELECT * FROM {_quoted(name)}"  # noqa: S608  # as above
        elif kind == "trigger":
            names = [_quoted(column) for (column,) in self.connection.execute(_COLUMNS, (table,))]
            yield f"EXPLAIN INSERT INTO {_quoted(table)} DEFAULT VALUES"
            columns = ", ".join(f"{each} = {each}" for each in names)
            yield f"EXPLAIN UPDATE {_quoted(table)} SET {columns}"  # noqa: S608  # as above
            yield f"EXPLAIN DELETE FROM {_quoted(table)}"  # noqa: S608  # as above

    def _may(self, action: int, first: str | None, second: str | None, schema: str | None, _by: str | None) -> int:
        """SQLite's authorizer: whether the statement being prepared may do something."""
        if not self._theirs:
            return sqlite3.SQLITE_OK
        self._why = self._why or _why_not(action, first, second, schema)
        return sqlite3.SQLITE_DENY if self._why else sqlite3.SQLITE_OK

    def _random_bytes(self, size: object) -> bytes:
        return self._chance.randbytes(max(self._moments.size_of(size), 1))

    def _is_late(self) -> bool:
        return bool(self._latest) and time.monotonic() > self._latest

    def break_off(self) -> None:
        """Interrupts the running statement at the next check. May be called from any thread."""
        if self._latest:
            self._latest = 1e-9


_BY_MODULES = frozenset(
    {(sqlite3.SQLITE_PRAGMA, "data_version", None), (sqlite3.SQLITE_PRAGMA, "page_size", None)}
)  # fmt: skip
"""FTS5 checks on a search whether other connections have written. FTS4 and R*Tree ask for the size of a page."""
_BY_FIRST = frozenset({sqlite3.SQLITE_READ, sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})
"""For these actions, the second name is a column."""
_ON_TABLES = _BY_FIRST | {
    sqlite3.SQLITE_CREATE_INDEX, sqlite3.SQLITE_CREATE_TABLE, sqlite3.SQLITE_CREATE_TRIGGER, sqlite3.SQLITE_CREATE_VIEW,
    sqlite3.SQLITE_CREATE_VTABLE, sqlite3.SQLITE_DROP_INDEX, sqlite3.SQLITE_DROP_TABLE, sqlite3.SQLITE_DROP_TRIGGER,
    sqlite3.SQLITE_DROP_VIEW, sqlite3.SQLITE_DROP_VTABLE, sqlite3.SQLITE_ALTER_TABLE, sqlite3.SQLITE_ANALYZE,
    sqlite3.SQLITE_REINDEX,
}  # fmt: skip
_ON_SCHEMAS = _ON_TABLES - _BY_FIRST | {sqlite3.SQLITE_INSERT}


def _why_not(action: int, first: str | None, second: str | None, schema: str | None) -> str:
    """Why a handler's statement must not do this action of SQLite's authorizer; empty if it may."""
    temporary = schema == "temp" and action in _ON_SCHEMAS
    if temporary or (action in _REFUSED and (action, first, second) not in _BY_MODULES):
        return "handlers' statements may not use transactions, PRAGMA, ATTACH or temporary objects"
    if action in _ON_TABLES:
        for name in filter(None, (first,) if action in _BY_FIRST else (first, second)):
            if _is_ours(name):
                return f"{name} is a table of remit"
            if name.lower() in _INSIGHTS:
                return _INSIGHTS[name.lower()]
    if action == sqlite3.SQLITE_CREATE_VTABLE and (second or "").lower() not in _MODULES:
        return f"the module {second} is not allowed for virtual tables: only fts4, fts5 and rtree are"
    return _FUNCTIONS.get((second or "").lower(), "") if action == sqlite3.SQLITE_FUNCTION else ""


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _is_ours(name: str) -> bool:
    return name.lower() in TABLES or name.lower().startswith(PREFIX)


def is_of_statement(error: Exception) -> bool:
    """Whether an error is caused by a statement and its values, not by the file."""
    if not isinstance(error, sqlite3.Error):
        return True
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _OF_STATEMENTS


def told(error: Exception, where: str, failure: Callable[[sqlite3.Error, str], Exception], text: str = "") -> Exception:
    """Translates the failure of a handler's statement, if `text` is that. `failure` translates failures of the file."""
    if isinstance(error, sqlite3.IntegrityError):
        violated = ConstraintViolated(
            str(error), where=where, expected="rows that fit the constraints of their table",
            next="catch ConstraintViolated, and raise a refusal that the message declares",
        )  # fmt: skip
        violated.constraint = str(error).partition(": ")[2]
        return violated
    if is_of_statement(error):
        if word := ends_transaction(text, single=True):
            return ended_by_user(word, where)
        if str(error).startswith("no such table"):
            return SqlError(
                str(error), where=where,
                expected="a table of this context: its statements reach no table of another context",
                next="correct the name, or ask the other context with one of its queries",
            )  # fmt: skip
        failed = SqlError(str(error), where=where, expected="a statement that SQLite can run", next="correct it")
        denied = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_AUTH
        failed.forbidden = denied or str(error).startswith("cannot VACUUM")
        return failed
    if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
        return StoreUnavailable(
            "the statement took too long", where=where, expected="a statement that ends within the time limit",
            next="give its table an index, or read less at a time",
        )  # fmt: skip
    return failure(error, where) if isinstance(error, sqlite3.Error) else error


def _storable(value: object) -> object:
    """A value in a form that SQLite takes. Raises `TypeError`."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)  # a copy, because a bytearray may change
    raise TypeError(f"SQLite takes no {type(value).__name__}: give a text, a number or bytes, such as its isoformat()")


class Replaying(Protocol):
    """A store that tries statements, and repeats them with a unit."""

    async def attempt(self, before: Sequence[Ran], statement: Ran) -> Ran:
        """Runs a statement after those before it, and rolls everything back. Returns its result. Raises what SQLite
        raises, and `Conflict`."""
        ...

    async def write(self, unit: Unit, ran: Sequence[Ran]) -> None:
        """Writes the unit and these statements, or neither. Raises as `Store.commit`, and `ConstraintViolated`."""
        ...

    async def commit(self, unit: Unit) -> None:
        """See `Store.commit`."""
        ...


class Replayed:
    """See `Transaction`."""

    def __init__(self, store: Replaying, where: str, failure: Callable[[sqlite3.Error, str], Exception]) -> None:
        self._store, self._where, self._failure = store, where, failure
        self._turn = asyncio.Lock()
        self._ran: list[Ran] = []
        self._failed: Exception | None = None
        self._slip: SqlError | None = None
        """The failure of a statement; rolling back to a savepoint takes it back."""
        self._over = False

    async def fetch(self, statement: str, /, *values: object) -> list[dict[str, Any]]:
        """See `Sql.fetch`."""
        ran = await self._run(statement, values)
        return [dict(zip(ran.names, row, strict=True)) for row in ran.rows]

    async def execute(self, statement: str, /, *values: object) -> int:
        """See `Sql.execute`."""
        return (await self._run(statement, values)).written

    async def run(self, statement: str, values: Sequence[object], /) -> Answer:
        """See `Transaction.run`."""
        if _MARK.fullmatch(statement):
            self._mark(statement)
            return Answer((), (), -1)
        ran = await self._run(statement, tuple(values))
        return Answer([(name, 0) for name in ran.names], ran.rows, len(ran.rows) if ran.names else ran.written)

    def _mark(self, statement: str) -> None:
        """Notes a statement on a savepoint, to be repeated with the others. Raises the error of a failed statement,
        unless this one takes it back."""
        if statement.startswith("ROLLBACK") and self._slip is self._failed:
            self._failed = None
        if self._failed is not None:
            raise self._failed
        self._ran.append(Ran(statement, (), is_mark=True))

    async def run_many(self, statement: str, many: Sequence[Sequence[object]], /) -> Answer:
        """See `Transaction.run_many`."""
        written = [(await self._run(statement, tuple(values))).written for values in many]
        return Answer((), (), sum(written))

    def refuse(self, error: Exception, /) -> None:
        """See `Transaction.refuse`."""
        if not self._over:
            self._failed = self._failed or error

    async def _run(self, text: str, values: tuple[object, ...]) -> Ran:
        async with self._turn:
            if self._over:
                raise SqlError(
                    "the unit of work is over", where=self._where, expected="statements before the handler returns",
                    next="await them in the handler",
                )  # fmt: skip
            if self._failed is not None:
                raise self._failed
            try:
                statement = Ran(text, tuple(map(_storable, values)), chance=os.urandom(8), at=time.time())
                ran = await self._store.attempt(self._ran, statement)
            except asyncio.CancelledError:
                self._failed = SqlError(
                    "a statement of the handler was cancelled, and with it the transaction", where=self._where,
                    expected="a handler that ends with its statement",
                    next="let TimeoutError and CancelledError through",
                )  # fmt: skip
                raise
            except FAILURES as error:
                self._failed = told(error, self._where, self._failure, text)
                self._slip = self._failed if isinstance(self._failed, SqlError) else None
                raise self._failed from error
            except Exception as error:
                self._failed = error
                raise
            self._ran.append(ran)
            return ran

    async def commit(self, unit: Unit) -> None:
        """See `Transaction.commit`."""
        if self._failed is not None:
            raise self._failed
        self._over = True
        if all(each.is_mark for each in self._ran):
            await self._store.commit(unit)
            return
        pending = Pending(unit)
        task = asyncio.create_task(self._store.write(unit, self._ran), name="commit")
        task.add_done_callback(lambda ended: pending.settle(failure_of(ended)))
        await pending.outcome(self._where)

    async def abandon(self) -> None:
        """See `Transaction.abandon`. There is nothing to roll back."""
        self._over = True
