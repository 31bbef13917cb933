"""A connection to the server that is made on first use and remade after a failure, and a queue of queries for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple, TypeVar

import asyncpg

from remit.errors import StoreError, StoreUnavailable, another
from remit.stores.postgres.failures import FAILURES, ended, failure, refusal
from remit.stores.tables import quoted
from remit.stores.technology import StoreAddress

Row = Sequence[Any]

ANSWER_SECONDS = 10.0
"""The timeout of connecting, and of a statement."""
_PAUSE_SECONDS = 0.25
"""Pause before a failed connection is tried again, so that a recovering server is not flooded."""
_OLDEST = 14
_USERS_KEPT = 100
"""Statements of users that stay prepared on a connection."""

# Bounds: a hanging writer frees its locks, a statement that waits for one fails soon, and no plan for a small table is
# kept while the table grows.
_BOUNDS = ("lock_timeout = '2s'", "idle_in_transaction_session_timeout = '5s'", "enable_seqscan = off")
_ALWAYS = (
    "default_transaction_isolation = 'read committed'",
    "plan_cache_mode = force_generic_plan",  # the plan does not depend on the first values
    "tcp_keepalives_idle = 10",
    "tcp_keepalives_interval = 5",
)
_AS_NEW = (
    "SELECT pg_advisory_unlock_all()", "CLOSE ALL", "UNLISTEN *", "SET SESSION AUTHORIZATION DEFAULT", "RESET ROLE",
    "RESET ALL", "DISCARD TEMP",
)  # fmt: skip
"""Takes back what users' statements have left on a connection. Prepared statements stay."""
_WHO = """
    SELECT pid, backend_start, current_setting('transaction_read_only')::bool
    FROM pg_stat_get_activity(pg_backend_pid())
"""
_READ_ONLY = "25006"
_RENEW_SECONDS = 1.0
"""How long a read-only connection is kept: the next one may lead to a server that takes writes."""


class _Found(NamedTuple):
    """Stands for the statement that found types: one of this name has not replaced the driver's unnamed one."""

    name: str = "found before"


_types: dict[frozenset[int], Any] = {}
"""What the driver has learned of built-in types, by the types that it asked for together."""
_BUILT_IN = 10_000
"""Types below this number are the same on every server of every release."""


class _Connection(asyncpg.Connection):
    """The driver's connection. A process asks once what a built-in type is, instead of once for each connection: that
    is the most expensive question of a connection that has just been made."""

    async def _introspect_types(self, typeoids: Any, *more: Any, **others: Any) -> tuple[Any, Any]:
        asked = frozenset[int](typeoids)
        if (known := _types.get(asked)) is not None:
            return known, _Found()
        ask: Any = vars(asyncpg.Connection)["_introspect_types"]  # it is private: the stubs leave it out
        found: tuple[Any, Any] = await ask(self, typeoids, *more, **others)
        if max(asked) < _BUILT_IN:
            _types[asked] = found[0]
        return found


class Link:
    """A connection. Methods raise the driver's exceptions.

    Behind a pooler that assigns connections per transaction, nothing outlives a transaction: no prepared statement and
    no setting. Such a pooler is recognised by a process id that differs from the one that answers.
    """

    def __init__(
        self, connection: asyncpg.Connection[Any], schema: str, process: int, began: object, read_only: bool
    ) -> None:
        self.connection = connection
        self.read_only = read_only
        """Whether the server takes no writes: a standby, or read-only for now. Kept until the connection is
        replaced."""
        self.made = asyncio.get_running_loop().time()
        self.schema = schema
        self.wide_path = ""
        """The search path for the statements of a library; empty until one has run."""
        self.of_library: dict[str, tuple[Any, list[tuple[str, int]]]] = {}
        """The prepared statements of a library, each with its columns; the one that was used last is the last."""
        self._bounds = (*_BOUNDS, f"search_path = {quoted(schema)}, pg_temp")
        self.process = process
        self.began = began
        self.pooled = process != connection.get_server_pid()
        self._settings = tuple(f"SET {setting}" for setting in self._bounds + _ALWAYS)
        self._is_used = False
        """Whether statements of users may have left something on it."""
        self._prepared: dict[str, Any] = {}
        self._users: dict[str, Any] = {}
        self._names = 0

    async def run(self, sql: str) -> None:
        """Runs statements without values and rows."""
        await self.connection.execute(sql, timeout=ANSWER_SECONDS)

    async def fetch(self, sql: str, *values: object) -> list[Row]:
        """Runs one statement. Outside a transaction, it is one of its own."""
        if self.pooled:
            return list(await self.connection.fetch(sql, *values, timeout=ANSWER_SECONDS))
        statement = self._prepared.get(sql)
        if statement is None:
            statement = self._prepared[sql] = await self._prepare(sql, within=ANSWER_SECONDS)
        try:
            rows: list[Row] = await statement.fetch(*values, timeout=ANSWER_SECONDS)
        except asyncpg.InvalidCachedStatementError:
            del self._prepared[sql]  # a migration has changed its result type
            if self.connection.is_in_transaction():
                raise
            return await self.fetch(sql, *values)
        return rows

    def _prepare(self, sql: str, within: float | None = None) -> Awaitable[Any]:
        # Named, because the driver would have an unnamed statement parsed and planned each time.
        self._names += 1
        return self.connection.prepare(sql, name=f"remit_{self._names}", timeout=within)

    async def run_for_user(self, sql: str, values: Sequence[object]) -> tuple[list[Row], str]:
        """Runs a statement of a user, not behind a pooler. Returns its rows, and what the server says of it. The last
        ones stay prepared. Raises `InvalidCachedStatementError` if its table was changed since: then it can run in a
        new transaction."""
        statement = self._users.pop(sql, None)
        if statement is None:
            statement = await self._prepare(sql)
        try:
            rows = list(await statement.fetch(*values))
        except asyncpg.OutdatedSchemaCacheError as error:
            raise asyncpg.InvalidCachedStatementError(str(error)) from error
        self._users[sql] = statement  # as the last one: the first is the one that was not used for the longest time
        if len(self._users) > _USERS_KEPT:
            del self._users[next(iter(self._users))]
        return rows, str(statement.get_statusmsg())

    async def set_up(self) -> None:
        """Applies the session settings, unless a pooler would drop them."""
        if not self.pooled:
            await self.run("; ".join(self._settings))

    async def begin(self, *settings: str) -> None:
        """Begins a transaction with the bounds that every transaction has, and these settings instead."""
        await self.run("; ".join(self._beginning(settings)))

    async def begin_for_user(self, *settings: str) -> None:
        """As `begin`, for users' statements. What those of an earlier transaction have left on the connection is taken
        back first, in the same message: a transaction of its own, so that no rollback brings it back."""
        again = ["BEGIN", *_AS_NEW, *self._settings, "COMMIT"] if self._is_used else []
        self._is_used = not self.pooled
        await self.run("; ".join([*again, *self._beginning(settings)]))

    def _beginning(self, settings: Sequence[str]) -> list[str]:
        bounds = [*self._bounds, *settings] if self.pooled else settings
        return ["BEGIN ISOLATION LEVEL READ COMMITTED", *(f"SET LOCAL {setting}" for setting in bounds)]

    async def commit(self) -> None:
        """Commits the transaction."""
        await self.run("COMMIT")


class Session:
    """Gives a working connection, or raises why there is none. Used by one task at a time.

    A read-only connection is remade every second, unless it is meant `to_read`. After a failover the address may lead
    to a standby for a moment; a connection kept there could never write again.
    """

    def __init__(self, place: StoreAddress, use: str, *, to_read: bool = False) -> None:
        self._place = place
        self._use = use
        self._to_read = to_read
        self._link: Link | None = None
        self._failed: tuple[float, StoreError | StoreUnavailable] | None = None

    async def link(self) -> Link:
        """The connection, remade if it broke. Raises `StoreError`, `StoreUnavailable`."""
        loop = asyncio.get_running_loop()
        if self._link is not None and not self._link.connection.is_closed():
            if not self._link.read_only or self._to_read or loop.time() - self._link.made < _RENEW_SECONDS:
                return self._link
            self.drop()
        if self._failed is not None and loop.time() - self._failed[0] < _PAUSE_SECONDS:
            raise another(self._failed[1])
        try:
            self._link = await self._connect()
        except FAILURES as error:
            told = failure(error, self._place.shown)
            self._failed = (loop.time(), told)
            raise told from error
        self._failed = None
        return self._link

    async def _connect(self) -> Link:
        connection = await asyncpg.connect(
            self._place.text,
            statement_cache_size=0,  # `Link.fetch` prepares statements itself
            timeout=ANSWER_SECONDS,
            connection_class=_Connection,
            server_settings={"application_name": f"remit {self._place.schema} {self._use}"[:63]},
        )
        try:
            self._judge(connection.get_server_version().major)
            async with connection.transaction():
                ((process, began, read_only),) = await connection.fetch(_WHO)
            link = Link(connection, self._place.schema, process, began, read_only)
            await link.set_up()
        except BaseException:
            connection.terminate()
            raise
        return link

    def _judge(self, version: int) -> None:
        if version < _OLDEST:
            raise StoreError(
                f"the server is PostgreSQL {version}", where=self._place.shown,
                expected=f"PostgreSQL {_OLDEST} or newer", next="upgrade the server",
            )  # fmt: skip

    async def fetch(self, sql: str, *values: object) -> list[Row]:
        """Runs a statement that may run twice: once more on a new connection if the old one turns out to be broken.

        Raises `StoreError`, `StoreUnavailable`; `Unstorable` for its values.
        """
        again = self._link is not None
        while True:
            try:
                return await self._once(sql, values)
            except FAILURES as error:
                lost = ended(error)
                self.heard(error)
                if lost:
                    self.drop()
                if not lost or not again or isinstance(error, TimeoutError):
                    raise refusal(error, self._place.shown) from error
                again = False
            except asyncio.CancelledError:
                self.drop()
                raise

    async def _once(self, sql: str, values: Sequence[object]) -> list[Row]:
        link = await self.link()
        if not link.pooled:
            return await link.fetch(sql, *values)
        async with self.transaction() as link:
            rows = await link.fetch(sql, *values)
            await link.commit()
            return rows

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Link]:
        """A transaction of several statements; nothing is written unless the block commits. Raises the driver's errors.

        After a failed rollback or a cancellation, the connection is not used again.
        """
        link = await self.link()
        over = False
        try:
            await link.begin()
            yield link
            over = await _rolled_back(link)
        except Exception:
            over = await _rolled_back(link)
            raise
        finally:
            if not over:
                self.drop()

    def heard(self, error: Exception) -> None:
        """Takes note of a failed statement: its error may tell that the connection is read-only."""
        if self._link is not None and getattr(error, "sqlstate", None) == _READ_ONLY:
            self._link.read_only = True

    def drop(self) -> None:
        """Closes the connection abruptly. The next use makes a new one."""
        link, self._link = self._link, None
        if link is not None:
            link.connection.terminate()

    async def close(self) -> None:
        """Closes the connection in order."""
        link, self._link = self._link, None
        if link is not None:
            with suppress(*FAILURES):
                await link.connection.close(timeout=ANSWER_SECONDS)


async def _rolled_back(link: Link) -> bool:
    """Rolls back an open transaction. Returns False if the connection cannot be used again."""
    try:
        if link.connection.is_in_transaction():
            await link.run("ROLLBACK")
    except FAILURES:
        return False
    return not link.connection.is_closed()


T = TypeVar("T")


class Asking:
    """Runs queries in a task of its own, in order. A query that has begun is finished even if its caller is cancelled.

    An interrupted statement would make its connection unusable. Callers with short deadlines would then close it again
    and again, and others would wait for a new one.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[[], Awaitable[Any]], asyncio.Future[Any]]] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def ask(self, question: Callable[[], Awaitable[T]]) -> T:
        """The result of a query in its turn. It does not run if its caller is cancelled before that."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work(), name="reading")
        return await answer

    async def finished(self) -> None:
        """Returns when no query is running."""
        while self._worker is not None:
            await asyncio.wait([self._worker])

    async def _work(self) -> None:
        answer: asyncio.Future[Any] | None = None
        try:
            while self._waiting:
                question, answer = self._waiting.popleft()
                if not answer.done():
                    await _answer(question, answer)
        finally:
            self._worker = None
            for left in (answer, *(answer for _, answer in self._waiting)):
                if left is not None:
                    left.cancel()
            self._waiting.clear()


async def _answer(question: Callable[[], Awaitable[Any]], answer: asyncio.Future[Any]) -> None:
    try:
        found = await question()
    except Exception as error:  # noqa: BLE001  # passed on to the caller
        if not answer.done():
            answer.set_exception(error)
    else:
        if not answer.done():
            answer.set_result(found)
