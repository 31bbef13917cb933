"""SQLAlchemy's dialects of the stores, over the driver whose connection is a unit of work.

They are made ready without a connection: all they would ask a server for is the same for every server that remit takes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NoReturn

from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.postgresql.base import PGExecutionContext
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import URL, Engine
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import NullPool

from remit.stores.alchemy.driver import Driver, forbidden

_HAS_TABLE = "SELECT 1 FROM sqlite_master WHERE type IN ('table', 'view') AND name = $1"


def _refused(self: Any, dbapi_connection: Any, level: Any) -> NoReturn:
    raise forbidden(
        f"a handler has asked for the isolation level or mode {level!r}", where="execution_options",
        expected="the transaction of the unit of work as it is",
        next="lock what must not change with select(...).with_for_update()",
    )  # fmt: skip


def _mode_refused(self: Any, connection: Any, value: Any) -> NoReturn:
    _refused(self, connection, value)


class PostgresDialect(PGDialect_asyncpg):
    """PostgreSQL. What the dialect expects of codecs on its connection, the driver does."""

    supports_statement_cache = True
    supports_server_side_cursors = False
    execution_ctx_cls = PGExecutionContext  # type: ignore[assignment]  # theirs looks after prepared statements
    server_version_info = (14,)
    default_schema_name = None
    default_isolation_level = "READ COMMITTED"
    _backslash_escapes = False
    _supports_jsonb_subscripting = True

    set_isolation_level = _refused
    set_readonly = _mode_refused
    set_deferrable = _mode_refused

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:
        """Never: a lost connection is `StoreUnavailable`."""
        return False


class SqliteDialect(SQLiteDialect_pysqlite):
    """SQLite. Statements run again with the commit, so new rows tell their keys themselves."""

    supports_statement_cache = True
    is_async = True
    supports_server_side_cursors = False
    favor_returning_over_lastrowid = True
    use_insertmanyvalues_wo_returning = True
    server_version_info = Driver.sqlite_version_info
    default_schema_name = "main"
    default_isolation_level = "SERIALIZABLE"

    set_isolation_level = _refused

    def has_table(self, connection: Any, table_name: str, schema: str | None = None, **_: Any) -> bool:
        """Whether there is a table or a view. Without PRAGMA, which handlers' statements may not use."""
        return connection.exec_driver_sql(_HAS_TABLE, (table_name,)).scalar() is not None

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:
        """Never: there is no connection to lose."""
        return False


def _postgres() -> Any:
    import asyncpg

    made: Any = PostgresDialect  # its constructor has no types
    return made(dbapi=Driver(asyncpg), paramstyle="numeric_dollar")


def _sqlite() -> Any:
    return SqliteDialect(dbapi=Driver(), paramstyle="numeric_dollar")


_DIALECTS: dict[str, Callable[[], Any]] = {"postgresql": _postgres, "sqlite": _sqlite}


@cache
def engine_of(dialect: str) -> AsyncEngine:
    """The engine for a dialect. It has no connections: they are made for units of work."""
    made = _DIALECTS[dialect]()
    pool = NullPool(made.dbapi.connect, dialect=made)
    return AsyncEngine(Engine(pool, made, URL.create(f"{dialect}+remit"), hide_parameters=True))
