"""Units of work with handlers' SQL statements: each has a connection and a transaction of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Literal, TypeVar

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
    is_of_server,
    is_of_values,
    not_written,
    refusal,
    unknown,
)
from remit.stores.postgres.letters import write_unit
from remit.stores.postgres.library import counted, run, run_many, wide_path
from remit.stores.postgres.session import Link, Session
from remit.stores.size import require_fit
from remit.stores.sql import Answer
from remit.stores.sql_ends import ended_by_user, ends_transaction
from remit.stores.technology import StoreAddress

MOST = (8, 4, 2, 1)
"""Transactions at a time, by level: for handlers below no, one, two or three callers with a transaction. More wait."""
# Users' tables may lack indexes, and their handlers may wait for other things, so these limits are wider.
_BOUNDS = (
    "enable_seqscan = on", "plan_cache_mode = auto", "statement_timeout = '30s'",
    "idle_in_transaction_session_timeout = '30s'",
)  # fmt: skip
T = TypeVar("T")
_STATUS = "SELECT pg_xact_status($1::text::xid8)"


class Transactions:
    """The connections of a store for such units: made when they are needed, and reused."""

    def __init__(self, place: StoreAddress, partitions: int, written: Callable[[Unit], None]) -> None:
        """`written` is called with each unit that was committed here."""
        self.where = place.shown
        self.partitions = partitions
        self.written = written
        self._place = place
        self._free = [asyncio.Semaphore(most) for most in MOST]
        self._idle: list[Session] = []
        self._ending: set[asyncio.Task[None]] = set()

    async def take(self, level: int) -> Session:
        """A session, once one of this level is free. Raises `SqlError` for a level that is too deep."""
        if level >= len(self._free):
            raise self._too_deep(level)
        await self._free[level].acquire()
        return self._idle.pop() if self._idle else Session(self._place, "sql")

    def give_back(self, session: Session, level: int) -> None:
        """Returns a session that is in no transaction."""
        self._idle.append(session)
        self._free[level].release()

    def end(self, session: Session, level: int) -> None:
        """Closes a session's connection, after the server was told to cancel its statement."""
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
        """Closes the connections. All transactions must have ended."""
        await asyncio.gather(*self._ending)
        idle, self._idle = self._idle, []
        for session in idle:
            await session.close()


async def _ask(link: Link, method: Literal["fetch", "execute"], statement: str, values: Sequence[object]) -> Any:
    if link.pooled or (method == "execute" and not values):  # without values it may be several statements
        return await getattr(link.connection, method)(statement, *values)
    rows, told = await link.run_for_user(statement, values)
    return rows if method == "fetch" else told


class PostgresTransaction:
    """Begins with the first statement. Without any statement, its unit is committed by `commit` like all others."""

    def __init__(self, transactions: Transactions, commit: Callable[[Unit], Awaitable[None]]) -> None:
        self._transactions = transactions
        self._commit_plainly = commit
        self._nested = Nested.here()
        self._turn = asyncio.Lock()
        self._session: Session | None = None
        self._link: Link | None = None
        self._serves_library = False
        self._is_wide = False
        """Whether names are looked up as a library expects it."""
        self._failed: Exception | None = None
        self._slip: SqlError | None = None
        """The failure of a statement; rolling back to a savepoint takes it back."""
        self._ending = False
        """Whether its commit has begun."""

    # ── called by handlers ──────────────────────────────────────────────────────────────────────────────────────────

    async def fetch(self, statement: str, /, *values: object) -> list[dict[str, Any]]:
        """See `Sql.fetch`."""
        return [
            dict(row) for row in await self._perform(statement, lambda link: _ask(link, "fetch", statement, values))
        ]

    async def execute(self, statement: str, /, *values: object) -> int:
        """See `Sql.execute`."""
        return max(counted(await self._perform(statement, lambda link: _ask(link, "execute", statement, values))), 0)

    async def run(self, statement: str, values: Sequence[object], /) -> Answer:
        """See `Transaction.run`."""
        self._serves_library = True
        if statement.startswith("ROLLBACK TO SAVEPOINT"):
            self._forgive()
        return await self._perform(statement, lambda link: self._of_library(link, run, statement, values))

    async def run_many(self, statement: str, many: Sequence[Sequence[object]], /) -> Answer:
        """See `Transaction.run_many`."""
        self._serves_library = True
        return await self._perform(statement, lambda link: self._of_library(link, run_many, statement, many))

    async def _of_library(self, link: Link, runs: Callable[..., Awaitable[Answer]], *what: object) -> Answer:
        if not self._is_wide:
            await link.run(f"SET LOCAL search_path = {await wide_path(link)}")
            self._is_wide = True
        return await runs(link, *what, self._transactions.where)

    def refuse(self, error: Exception, /) -> None:
        """See `Transaction.refuse`."""
        if not self._nested.over:
            self._failed = self._failed or error

    def _forgive(self) -> None:
        """Before a part of the transaction is taken back: the failure of a statement in it does not count."""
        if self._link is not None and not self._link.connection.is_closed() and self._slip is self._failed:
            self._failed = None

    async def _perform(self, text: str, statement: Callable[[Link], Awaitable[T]]) -> T:
        async with self._turn:
            if self._nested.over:
                raise self._too_late()
            if self._failed is not None:
                raise self._failed
            try:
                self._require_within(text)
                link = self._link or await self._begin()
                return await statement(link)
            except (*FAILURES, *UNFIT) as error:
                if self._session is not None:
                    self._session.heard(error)
                self._failed = self._told(error)
                self._slip = self._failed if isinstance(self._failed, SqlError) else None
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
        self._is_wide = self._serves_library and link.wide_path != ""
        path = (f"search_path = {link.wide_path}",) if self._is_wide else ()
        await link.begin_for_user(*_BOUNDS, *path)
        self._link = link
        return link

    def _require_within(self, text: str) -> None:
        if word := ends_transaction(text):
            raise ended_by_user(word, self._transactions.where)

    def _too_late(self) -> SqlError:
        return SqlError(
            "the unit of work is over", where=self._transactions.where,
            expected="statements before the handler returns", next="await them in the handler",
        )  # fmt: skip

    def _told(self, error: Exception) -> Exception:
        """Translates the failure of a handler's statement."""
        where = self._transactions.where
        state = getattr(error, "sqlstate", None) or ""
        if state.startswith("23"):
            violated = ConstraintViolated(
                error.args[0], where=where, expected="rows that fit the constraints of their table",
                next="catch ConstraintViolated, and raise a refusal that the message declares",
            )  # fmt: skip
            violated.constraint = getattr(error, "constraint_name", None) or ""
            return violated
        if state in REPEATABLE or isinstance(error, asyncpg.InvalidCachedStatementError):
            return Conflict("sql", where=where)
        # The driver also refuses faulty statements. While the connection works, its InterfaceError means just that.
        lives = self._link is not None and not self._link.connection.is_closed()
        refused = isinstance(error, asyncpg.InterfaceError) or (state != "" and not is_of_server(state))
        if (lives and refused) or is_of_values(error) or state[:2] in ("2D", "3F", "42"):
            return SqlError(str(error), where=where, expected="a statement that the server can run", next="correct it")
        return failure(error, where)

    # ── called by the unit of work ──────────────────────────────────────────────────────────────────────────────────

    async def commit(self, unit: Unit) -> None:
        """Writes the unit and the changes of the statements, or neither. Raises as `Store.commit`. Raises the error of
        a failed statement, even if the handler has caught it."""
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
                raise ended_by_user("a statement", self._transactions.where)
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
        """Translates the failure of one of remit's statements; or of COMMIT, if those are `written`."""
        state = getattr(error, "sqlstate", None)
        if state in REPEATABLE and not written:
            return Conflict("state", where=self._transactions.where)
        return self._told(error) if written else refusal(error, self._transactions.where)

    async def _find_out(self, transaction: str) -> None:
        """Finds out the outcome after the connection was lost in COMMIT. Returns if the transaction was committed."""
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
        """Rolls back, unless it is committed or being committed. Idempotent."""
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
        """After a cancelled statement, the state of the connection is unknown: it is not used again, and the
        transaction is lost, even if the handler swallows the cancellation."""
        session, self._session = self._session, None
        self._link = None
        self._failed = SqlError(
            "a statement of the handler was cancelled, and with it the transaction", where=self._transactions.where,
            expected="a handler that ends with its statement", next="let TimeoutError and CancelledError through",
        )  # fmt: skip
        if session is not None:
            self._transactions.end(session, self._nested.level)
