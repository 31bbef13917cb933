"""The session and the connection of a unit of work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Any

import greenlet  # type: ignore[import-untyped]  # noqa: F401  # SQLAlchemy would miss it at the first statement only
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.pool import PoolProxiedConnection

from remit.errors import Conflict
from remit.stores.alchemy.dialects import engine_of
from remit.stores.alchemy.driver import Cursor, DriverConnection
from remit.stores.sql import Transaction


class _Unpooled(PoolProxiedConnection):
    """The connection of a unit of work, where SQLAlchemy expects one of a pool. No pool gets it back."""

    def __init__(self, connection: DriverConnection) -> None:
        self.dbapi_connection: Any = connection
        self.driver_connection = connection
        self.info: dict[Any, Any] = {}

    @property
    def is_valid(self) -> bool:
        return True

    @property
    def is_detached(self) -> bool:
        return True

    @property
    def record_info(self) -> None:
        return None

    def cursor(self, *arguments: Any, **options: Any) -> Any:
        return Cursor(self.dbapi_connection)

    def commit(self) -> None:
        self.dbapi_connection.commit()

    def rollback(self) -> None:
        self.dbapi_connection.rollback()

    def invalidate(self, e: BaseException | None = None, soft: bool = False) -> None:
        """The unit of work cannot be committed any more."""
        self.dbapi_connection.invalidate()

    def detach(self) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""

    def _close_special(self, transaction_reset: bool = False) -> None:
        """As `close`. SQLAlchemy calls it for a connection in a transaction."""


class Bound:
    """SQLAlchemy's objects for one unit of work. They are made when a handler asks for them, and need no closing."""

    def __init__(self, transaction: Transaction, dialect: str, require: Callable[[str], None] | None) -> None:
        """`require` raises `TableNotCovered` for a statement that the context may not run."""
        self._driver = DriverConnection(transaction, require)
        self._dialect = dialect
        self._sessions: dict[type, AsyncSession] = {}

    @cached_property
    def connection(self) -> AsyncConnection:
        """The connection of the unit of work."""
        engine = engine_of(self._dialect)
        return AsyncConnection(engine, Connection(engine.sync_engine, _Unpooled(self._driver)))

    def given(self, wanted: type) -> AsyncConnection | AsyncSession:
        """What a handler asks for: the connection, or a session of this class."""
        if not issubclass(wanted, AsyncSession):
            return self.connection
        session = self._sessions.get(wanted)
        if session is None:
            # The session ends what it has not begun, and so learns from the driver that it must not.
            session = wanted(bind=self.connection, join_transaction_mode="control_fully")
            self._sessions[wanted] = session
        return session

    async def flush(self) -> None:
        """Writes what the sessions have not written yet. Raises what SQLAlchemy raises."""
        for session in self._sessions.values():
            if session.new or session.dirty or session.deleted:
                await session.flush()


async def flushed(bound: Bound, handling: Awaitable[Any], where: str) -> Any:
    """The reply of a handler, once its sessions are flushed. Raises `Conflict` if a row was written since it was read,
    as its version tells (`version_id_col`)."""
    try:
        reply = await handling
        await bound.flush()
    except StaleDataError as error:
        raise Conflict("sql", where=where) from error
    return reply
