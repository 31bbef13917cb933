"""Staging: writes a message as a row in a user's transaction, through the user's connection. Committed rows are moved
to the log later.

The library is recognised by the module of the connection's class; nothing is imported that is not loaded already. For
each library only its way to run one INSERT with values is known.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from remit.errors import OutboxError
from remit.stores.tables import quoted


class Staged(NamedTuple):
    """A row of `remit_staging`."""

    hash: str
    """The CRC-32 of the key as decimal text: libraries would take a number for one of 32 bits."""
    key: str
    id: str
    type: str
    version: int
    at: float
    headers: str
    payload: str


_WRITE = (
    "INSERT INTO {schema}.remit_staging (hash, key, id, type, version, at, headers, payload)"
    " VALUES (CAST(CAST({} AS text) AS bigint), {}, {}, {}, {}, {}, {}, {})"
)


class _Library(NamedTuple):
    """How a library runs a statement. Its functions get the user's connection."""

    mark: str
    """The placeholder of a value, with its `number` (from 1) or `name`."""
    execute: Callable[[Any, str, Staged], Any]
    is_async: Callable[[Any], bool]
    is_postgres: Callable[[Any], bool]
    commits_alone: Callable[[Any], Any]
    """Whether a statement would commit by itself, because there is no transaction. Awaitable if that needs a question
    to the server."""


def stage(connection: object, schema: str, row: Staged) -> None:
    """Writes the row in the transaction of a synchronous connection.

    Raises `OutboxError`, and the errors of the connection.
    """
    library = _library_of(connection, is_async=False)
    _refuse_alone(connection, library.commits_alone(connection))
    try:
        library.execute(connection, _statement(library, schema), row)
    except Exception as error:
        _explain(error, schema)
        raise


async def stage_async(connection: object, schema: str, row: Staged) -> None:
    """Writes the row in the transaction of an asynchronous connection. Raises as `stage` does."""
    library = _library_of(connection, is_async=True)
    alone = library.commits_alone(connection)
    _refuse_alone(connection, alone if isinstance(alone, bool) else await alone)
    try:
        await library.execute(connection, _statement(library, schema), row)
    except Exception as error:
        _explain(error, schema)
        raise


def _library_of(connection: object, *, is_async: bool) -> _Library:
    names = [cls.__module__.partition(".")[0] for cls in type(connection).__mro__]
    library = next((_LIBRARIES[name] for name in names if name in _LIBRARIES), None)
    where = _class_of(connection)
    if library is None or not library.is_postgres(connection):
        raise OutboxError(
            "a message cannot be published with this connection", where=where,
            expected="a PostgreSQL session or connection of SQLAlchemy, asyncpg, psycopg 3 or Django",
            next="pass the connection whose transaction writes the data that the message is about",
        )  # fmt: skip
    if library.is_async(connection) is not is_async:
        raise OutboxError(
            "this connection is asynchronous" if not is_async else "this connection is synchronous", where=where,
            expected="the outbox that goes with the connection",
            next="outbox = system.outbox(...) for asynchronous, system.outbox_sync(...) for synchronous connections",
        )  # fmt: skip
    return library


def _refuse_alone(connection: object, alone: bool) -> None:
    if alone:
        raise OutboxError(
            "the connection is in no transaction, so the message would be sent even if the rest is rolled back",
            where=_class_of(connection), expected="a transaction that has begun, and no AUTOCOMMIT",
            next="publish inside of it: `async with connection.transaction():`, `with transaction.atomic():`",
        )  # fmt: skip


def _class_of(connection: object) -> str:
    return f"{type(connection).__module__}.{type(connection).__qualname__}"


def _statement(library: _Library, schema: str) -> str:
    marks = [library.mark.format(number=number, name=name) for number, name in enumerate(Staged._fields, 1)]
    return _WRITE.format(*marks, schema=quoted(schema))


def _explain(error: BaseException, schema: str) -> None:
    """Raises `OutboxError` if the server's error means that the outbox is not set up."""
    state = _state_of(error)
    if state in ("42P01", "3F000"):
        raise OutboxError(
            f"this database has no outbox in schema {schema!r}", where=schema,
            expected="the database of the context's store, with its schema made",
            next="start the system once, or migrate its stores; or say which schema: outbox(..., schema=...)",
        ) from error  # fmt: skip
    if state == "42501":
        name = quoted(schema)
        raise OutboxError(
            f"this user may not publish to schema {schema!r}", where=schema,
            expected="the right to insert into its staging table",
            next=f"GRANT USAGE ON SCHEMA {name} TO <user>; GRANT INSERT ON {name}.remit_staging TO <user>",
        ) from error  # fmt: skip


def _state_of(error: BaseException | None) -> str | None:
    """The SQLSTATE of an error, or of one that it wraps."""
    while error is not None:
        state = getattr(error, "sqlstate", None)
        if isinstance(state, str):
            return state
        error = getattr(error, "orig", None) or error.__cause__
    return None


# ── the libraries ───────────────────────────────────────────────────────────────────────────────────────────────────


def _never(connection: Any) -> bool:
    return False


def _always(connection: Any) -> bool:
    return True


def _asyncpg_is_connection(connection: Any) -> bool:
    return hasattr(connection, "is_in_transaction")  # a pool has none: it commits each statement


def _execute_asyncpg(connection: Any, sql: str, row: Staged) -> Any:
    return connection.execute(sql, *row)


def _asyncpg_commits_alone(connection: Any) -> bool:
    return not connection.is_in_transaction()


def _execute_psycopg(connection: Any, sql: str, row: Staged) -> Any:
    return connection.execute(sql, row)


def _psycopg_is_async(connection: Any) -> bool:
    return any(cls.__name__.startswith("Async") for cls in type(connection).__mro__)


def _psycopg_commits_alone(connection: Any) -> bool:
    of = getattr(connection, "connection", connection)  # of a cursor
    # In a pipeline the status is always ACTIVE and does not tell whether a transaction has begun.
    return bool(of.autocommit) and of.info.transaction_status.name not in ("INTRANS", "INERROR")


def _execute_django(connection: Any, sql: str, row: Staged) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, row)


def _django_is_postgres(connection: Any) -> bool:
    return bool(connection.vendor == "postgresql")


def _django_commits_alone(connection: Any) -> bool:
    return bool(connection.get_autocommit())


def _execute_sqlalchemy(connection: Any, sql: str, row: Staged) -> Any:
    text = sys.modules["sqlalchemy"].text
    return connection.execute(text(sql), row._asdict())


def _sqlalchemy_is_async(connection: Any) -> bool:
    is_scoped = type(connection).__name__ == "async_scoped_session"
    return is_scoped or hasattr(connection, "sync_session") or hasattr(connection, "sync_connection")


def _bind(connection: Any) -> Any:
    """What a session of SQLAlchemy is bound to, or the connection itself."""
    for inner in ("sync_session", "sync_connection"):
        connection = getattr(connection, inner, connection)
    return connection.get_bind() if hasattr(connection, "get_bind") else connection


def _sqlalchemy_is_postgres(connection: Any) -> bool:
    is_engine = hasattr(connection, "connect")
    return not is_engine and bool(_bind(connection).dialect.name == "postgresql")


def _sqlalchemy_commits_alone(connection: Any) -> Any:
    """Asks the driver's connection, because AUTOCOMMIT may be set at the engine, the session or the connection."""
    if not hasattr(connection, "get_bind"):
        return _driver_commits_alone(connection)
    used = connection.connection()  # the one that the session writes with; begins its transaction if need be
    return _awaited(used) if _sqlalchemy_is_async(connection) else _driver_commits_alone(used)


async def _awaited(connection: Any) -> bool:
    return _driver_commits_alone(await connection)


def _driver_commits_alone(connection: Any) -> bool:
    used = getattr(connection, "sync_connection", connection)
    return bool(getattr(used.connection.dbapi_connection, "autocommit", False))


_LIBRARIES: Mapping[str, _Library] = {
    "asyncpg": _Library("${number}", _execute_asyncpg, _always, _asyncpg_is_connection, _asyncpg_commits_alone),
    "psycopg": _Library("%s", _execute_psycopg, _psycopg_is_async, _always, _psycopg_commits_alone),
    "django": _Library("%s", _execute_django, _never, _django_is_postgres, _django_commits_alone),
    "sqlalchemy": _Library(
        ":{name}", _execute_sqlalchemy, _sqlalchemy_is_async, _sqlalchemy_is_postgres, _sqlalchemy_commits_alone
    ),
}
