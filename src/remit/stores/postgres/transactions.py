"""Units of work that carry statements of the user's: each has a connection and a transaction of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Literal

import asyncpg

from remit.errors import Conflict, ConstraintViolated, RemitError, SqlError
from remit.stores.nesting import Nested
from remit.stores.outliving import PATIENCE, Pending, failure_of
from remit.stores.port import Unit
from remit.stores.postgres.failures import (
    FAILURES,
    REPEATABLE,
    UNFIT,
    ended,
    failure,
    is_of_values,
    not_written,
    refusal,
    unknown,
)
from remit.stores.postgres.letters import write_unit
from remit.stores.postgres.session import Link, Session
from remit.stores.size import require_fit
from remit.stores.technology import StoreAddress

MOST = (8, 4, 2, 1)
"""Transactions at a time, by level: those of handlers whose callers have none, one, two, three. The next one waits."""
# Users' tables are not ours: nothing is known of their indexes, nor of what handlers wait for meanwhile.
_BOUNDS = """
    SET LOCAL enable_seqscan = on; SET LOCAL plan_cache_mode = auto; SET LOCAL statement_timeout = '30s';
    SET LOCAL idle_in_transaction_session_timeout = '30s'
"""
_STATUS = "SELECT pg_xact_status($1::text::xid8)"


class Transactions:
    """The connections of a store for such units: made when they are needed, and used again."""

    def __init__(self, place: StoreAddress, partitions: int, written: Callable[[Unit], None]) -> None:
        """`written` is told of each unit that was committed here."""
        self.where = place.shown
        self.partitions = partitions
        self.written = written
        self._place = place
        self._free = [asyncio.Semaphore(most) for most in MOST]
        self._idle: list[Session] = []
        self._ending: set[asyncio.Task[None]] = set()

    async def take(self, level: int) -> Session:
        """A session, as soon as one of this level is free. Raises `SqlError` where there are none."""
        if level >= len(self._free):
            raise self._too_deep(level)
        await self._free[level].acquire()
        return self._idle.pop() if self._idle else Session(self._place, "sql")

    def give_back(self, session: Session, level: int) -> None:
        """It is in no transaction any more."""
        self._idle.append(session)
        self._free[level].release()

    def end(self, session: Session, level: int) -> None:
        """Ends its connection, after the server has been told to break off what it does there."""
        ending = asyncio.create_task(self._end(session, level), name="sql")
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _end(self, session: Session, level: int) -> None:
        await session.close()
        self.give_back(session, level)

    def _too_deep(self, level: int) -> SqlError:
        return SqlError(
            f"{level} handlers that ask for Sql wait for each other's calls, and this is one more", where=self.where,
            expected=f"at most {len(self._free)} that call each other",
            next="send the command for later, or let a handler in between do without Sql",
        )  # fmt: skip

    async def close(self) -> None:
        """Ends the connections. Every transaction has ended before."""
        await asyncio.gather(*self._ending)
        idle, self._idle = self._idle, []
        for session in idle:
            await session.close()


class PostgresTransaction:
    """Begins with the first statement. Without any, its unit is committed like all others, by `commit`."""

    def __init__(self, transactions: Transactions, commit: Callable[[Unit], Awaitable[None]]) -> None:
        self._transactions = transactions
        self._commit_plainly = commit
        self._nested = Nested.here()
        self._turn = asyncio.Lock()
        self._session: Session | None = None
        self._link: Link | None = None
        self._failed: Exception | None = None
        self._ending = False
        """Its commit has begun."""

    # ── what users call ─────────────────────────────────────────────────────────────────────────────────────────────

    async def fetch(self, statement: str, /, *values: object) -> list[dict[str, Any]]:
        """See `Sql.fetch`."""
        return [dict(row) for row in await self._run("fetch", statement, values)]

    async def execute(self, statement: str, /, *values: object) -> int:
        """See `Sql.execute`."""
        told: str = await self._run("execute", statement, values)
        count = told.rpartition(" ")[2]
        return int(count) if count.isdecimal() else 0

    async def _run(self, method: Literal["fetch", "execute"], statement: str, values: tuple[object, ...]) -> Any:
        async with self._turn:
            if self._nested.over:
                raise self._too_late()
            if self._failed is not None:
                raise self._failed
            try:
                link = self._link or await self._begin()
                return await getattr(link.connection, method)(statement, *values)
            except (*FAILURES, *UNFIT) as error:
                if self._session is not None:
                    self._session.heard(error)
                self._failed = self._told(error)
                raise self._failed from error
            except RemitError as error:
                self._failed = error
                raise
            except asyncio.CancelledError:
                self._drop()
                raise

    async def _begin(self) -> Link:
        self._session = await self._transactions.take(self._nested.level)
        link = await self._session.link()
        await link.begin()
        await link.run(_BOUNDS)
        self._link = link
        return link

    def _too_late(self) -> SqlError:
        return SqlError(
            "the unit of work is over", where=self._transactions.where,
            expected="statements before the handler returns", next="await them in the handler",
        )  # fmt: skip

    def _told(self, error: Exception) -> Exception:
        """What a failure means of a statement that is the user's."""
        where = self._transactions.where
        state = getattr(error, "sqlstate", None) or ""
        if state.startswith("23"):
            violated = ConstraintViolated(
                error.args[0], where=where, expected="rows that fit the constraints of their table",
                next="catch ConstraintViolated, and raise a refusal that the message declares",
            )  # fmt: skip
            violated.constraint = getattr(error, "constraint_name", None) or ""
            return violated
        if state in REPEATABLE:
            return Conflict("sql", where=where)
        # The driver, too, sees what is wrong with a statement; on a connection that works it means nothing else.
        refused = (
            isinstance(error, asyncpg.InterfaceError)
            and self._link is not None
            and not self._link.connection.is_closed()
        )
        if refused or is_of_values(error) or state[:2] in ("2D", "3F", "42"):
            return SqlError(str(error), where=where, expected="a statement that the server can run", next="correct it")
        return failure(error, where)

    # ── what the unit of work calls ─────────────────────────────────────────────────────────────────────────────────

    async def commit(self, unit: Unit) -> None:
        """Writes the unit with what the statements have written, or neither. Raises as `Store.commit` does, and what a
        statement has raised, whoever has caught it."""
        if self._failed is not None:
            raise self._failed
        require_fit(unit, self._transactions.where)
        self._nested.over = True  # the handler has ended
        link, self._ending = self._link, self._link is not None
        if link is None:
            await self._commit_plainly(unit)
        else:
            pending = Pending(unit)
            task = asyncio.create_task(self._commit(link, unit), name="commit")
            task.add_done_callback(lambda ended: pending.settle(failure_of(ended)))
            await pending.outcome(self._transactions.where)

    async def _commit(self, link: Link, unit: Unit) -> None:
        transaction = ""
        try:
            if not link.connection.is_in_transaction():
                raise self._ended_by_user()
            transaction = str((await write_unit(link, unit, self._transactions.partitions)).transaction)
            await link.commit()
        except (*FAILURES, *UNFIT) as error:
            if self._session is not None:
                self._session.heard(error)
            if not transaction or not ended(error):
                raise self._refused(error, bool(transaction)) from error
            await self._find_out(transaction)
        finally:
            await self._end()
        self._transactions.written(unit)

    def _refused(self, error: Exception, written: bool) -> Exception:
        """What a failure means that is one of our own statements, or of COMMIT once those are `written`."""
        state = getattr(error, "sqlstate", None)
        if state in REPEATABLE and not written:
            return Conflict("state", where=self._transactions.where)
        return self._told(error) if written else refusal(error, self._transactions.where)

    def _ended_by_user(self) -> SqlError:
        return SqlError(
            "a statement of the handler has ended the transaction", where=self._transactions.where,
            expected="a transaction that ends with the unit of work", next="no COMMIT and no ROLLBACK in a handler",
        )  # fmt: skip

    async def _find_out(self, transaction: str) -> None:
        """The connection was lost in COMMIT: returns if it was committed all the same."""
        loop = asyncio.get_running_loop()
        latest = loop.time() + PATIENCE
        status = "in progress"
        session, where = self._session, self._transactions.where
        while session is not None and status == "in progress" and loop.time() < latest:
            session.drop()
            with suppress(RemitError):
                ((status,),) = await session.fetch(_STATUS, transaction)
            await asyncio.sleep(0.1 * (status == "in progress"))
        if status == "in progress":
            raise unknown(where, "the server does not say")
        if status != "committed":
            raise not_written(where)

    async def abandon(self) -> None:
        """Rolls back, unless it is committed or just about to be. Idempotent."""
        self._nested.over = True  # the handler has ended
        if not self._ending:
            await self._end()

    async def _end(self) -> None:
        session, link = self._session, self._link
        if session is None:
            return
        try:
            if link is None or link.connection.is_closed():
                session.drop()
            elif link.connection.is_in_transaction():
                await link.run("ROLLBACK")
        except FAILURES:
            session.drop()
        except asyncio.CancelledError:
            session.drop()
            raise
        finally:
            if self._session is session:
                self._session = self._link = None
                self._transactions.give_back(session, self._nested.level)

    def _drop(self) -> None:
        """A cancelled statement leaves nobody knows what behind: its connection is not used again, and what was written
        there before is lost, whatever the handler makes of the cancellation."""
        session, self._session = self._session, None
        self._link = None
        self._failed = SqlError(
            "a statement of the handler was cancelled, and with it the transaction", where=self._transactions.where,
            expected="a unit of work that ends with its statement", next="let TimeoutError and CancelledError through",
        )  # fmt: skip
        if session is not None:
            self._transactions.end(session, self._nested.level)
