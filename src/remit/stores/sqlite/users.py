"""Handlers' statements in a store's file. Reading statements run beside the writer; writing statements are tried and
repeated at the commit, on the executor of all writes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from remit.stores.port import Unit
from remit.stores.replay import Ran, Users, told
from remit.stores.sqlite.commits import Commits, SerialExecutor, ThreadExecutor
from remit.stores.sqlite.failures import failure
from remit.stores.sqlite.presence import Presence
from remit.stores.sqlite.schema import connect
from remit.stores.sqlite.writer import Writer

READERS = 4
"""Reading statements that run at a time; more wait."""
READ_SECONDS = 30.0
WRITE_SECONDS = 5.0
"""The time limits of a statement. One that writes blocks all other writes meanwhile."""


class _Reader:
    """A read-only connection, opened on first use, and the executor that runs its statements."""

    def __init__(self, path: Path, where: str, executor: SerialExecutor | None) -> None:
        self._path, self._where = path, where
        self._thread = ThreadExecutor("remit-sql") if executor is None else None
        self._users: Users | None = None
        self.executor: SerialExecutor = self._thread or executor  # type: ignore[assignment]  # one of them is not None

    def read(self, statement: Ran) -> Ran | None:
        """The result of a statement; None if it would write."""
        if self._users is None:
            connection = connect(self._path)
            connection.execute("PRAGMA query_only = ON")
            self._users = Users(connection, self._where, READ_SECONDS)
        try:
            return self._users.read(statement)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY:
                return None
            raise

    def break_off(self) -> None:
        """Interrupts the running statement."""
        if self._users is not None:
            self._users.break_off()

    def close(self) -> None:
        """Closes the connection, if it was opened."""
        if self._users is not None:
            self._users.connection.close()

    def stop(self) -> None:
        """Ends its thread, if it has one."""
        if self._thread is not None:
            self._thread.stop()


class UserStatements:
    """A store's connections for handlers' statements, opened on first use."""

    def __init__(
        self,
        path: Path,
        where: str,
        executor: SerialExecutor | None,
        partitions: int,
        presence: Presence,
        commits: Commits,
    ) -> None:
        """Each reader has an executor of its own, unless `executor` is given, which then runs everything."""
        self._path, self._where, self._executor = path, where, executor
        self._partitions, self._presence, self._commits = partitions, presence, commits
        self._writing: tuple[Users, Writer] | None = None
        self._free = asyncio.Semaphore(READERS if executor is None else 1)
        self._idle: list[_Reader] = []
        self._readers: list[_Reader] = []

    async def attempt(self, before: Sequence[Ran], statement: Ran) -> Ran:
        """See `Replaying.attempt`."""
        if not any(each.wrote for each in before):
            read = await self._read(statement)
            if read is not None:
                return read
        return await self._commits.run(partial(self._try_out, before, statement))

    async def _read(self, statement: Ran) -> Ran | None:
        await self._free.acquire()
        reader = self._idle.pop() if self._idle else self._another()
        reading = asyncio.ensure_future(reader.executor.run(partial(reader.read, statement)))
        reading.add_done_callback(partial(self._give_back, reader))
        try:
            return await asyncio.shield(reading)
        except asyncio.CancelledError:
            reader.break_off()
            raise

    def _another(self) -> _Reader:
        reader = _Reader(self._path, self._where, self._executor)
        self._readers.append(reader)
        return reader

    def _give_back(self, reader: _Reader, reading: asyncio.Future[Ran | None]) -> None:
        if not reading.cancelled():
            reading.exception()  # marks it as retrieved: the caller may have been cancelled
        self._idle.append(reader)
        self._free.release()

    def _try_out(self, before: Sequence[Ran], statement: Ran) -> Ran:
        self._presence.look()
        return self._opened()[0].try_out(before, statement)

    async def write(self, unit: Unit, ran: Sequence[Ran]) -> None:
        """Writes the unit and these statements, or neither. Raises as `Replaying.write`."""
        await self._commits.run(partial(self._write, unit, ran))

    def _write(self, unit: Unit, ran: Sequence[Ran]) -> None:
        users, writer = self._opened()
        try:
            writer.write_after(unit, partial(users.repeat, ran))
        except sqlite3.IntegrityError as error:
            raise told(error, self._where, failure) from error

    def _opened(self) -> tuple[Users, Writer]:
        if self._writing is None:
            connection = connect(self._path)
            users = Users(connection, self._where, WRITE_SECONDS)
            self._writing = users, Writer(connection, self._where, self._partitions, self._presence)
        return self._writing

    async def close(self) -> None:
        """Closes the connections. No statement may run any more."""
        for reader in self._readers:
            await reader.executor.run(reader.close)
            reader.stop()
        if self._writing is not None:
            await self._commits.run(self._writing[1].close)
