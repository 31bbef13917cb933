"""A context's store in one SQLite file, shared by all processes of this machine that host the context.

Writes go through one connection on an executor of their own and are committed in groups. Reads run directly on the
event loop, on a second connection. Each is a lookup by primary key or a bounded page of an index, usually from memory,
and never waits for a writer (WAL). That takes less time than a switch to another thread and back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from remit.errors import Conflict, OutcomeUnknown, StoreError
from remit.log import Channel, Checkpoint, Heads, MessageRecord, SubscriptionId
from remit.stores import row_sql
from remit.stores.notes import BEGUN
from remit.stores.port import KeyClaim, StoredOutcome, Unit, not_open, written_read_only
from remit.stores.replay import Ran, Replayed
from remit.stores.rows import Place, RowTable, SelectedRow, Selection
from remit.stores.size import require_fit
from remit.stores.sql import Transaction
from remit.stores.sqlite import SQLITE, rows, statements
from remit.stores.sqlite.commits import Commits, SerialExecutor, ThreadExecutor
from remit.stores.sqlite.failures import failure, not_to_be_opened, unstorable
from remit.stores.sqlite.presence import Presence
from remit.stores.sqlite.schema import connect, inspect, look, make_private, prepare
from remit.stores.sqlite.users import UserStatements
from remit.stores.sqlite.writer import Writer
from remit.stores.tables import InTables, as_records, heads_of, states_at
from remit.stores.technology import StoreAddress

CACHE_KIB = 16 * 1024
"""The most of the file that reads keep in memory until a commit, in KiB: eight times what SQLite does by itself. The
rows of a page lie apart in the file, and each would be read from there again."""


class _Open(NamedTuple):
    writer: Writer
    reader: sqlite3.Connection
    commits: Commits
    presence: Presence
    users: UserStatements


class SqliteStore(InTables):
    """The `Store` of `context` in the file at `path`. The file and its directory are created if they are missing.

    They are created for this user only: the file with mode 0600, the directory with 0700. An existing file keeps its
    rights and its number of partitions. `executor` runs the writes; the default is a thread.
    """

    sql = statements

    def __init__(
        self, path: str | Path, context: str, *, executor: SerialExecutor | None = None, partitions: int = 16
    ) -> None:
        self.technology = SQLITE
        self.partitions = partitions
        self._path = Path(path)
        self._where = str(path)
        self._context = context
        self._executor = executor
        self._thread: ThreadExecutor | None = None
        self._open: _Open | None = None
        self._looking = False
        self._told = 0
        self._watchers: list[Callable[[], None]] = []

    async def open(self, *, read_only: bool = False) -> None:
        """Creates or migrates the tables. With `read_only`, writes nothing and accepts any number of partitions.

        Raises `StoreError` (the file of another program or context, a newer schema, damaged, not writable; with
        `read_only` also missing or an older schema) and `StoreUnavailable` (locked by another process for more than
        5 s, disk full).
        """
        if self._open is not None or self._looking:
            return
        if read_only:
            self.partitions = inspect(self._path, self._context)
            self._looking = True
            return
        executor = self._executor
        if executor is None:
            executor = self._thread = ThreadExecutor(f"remit-store-{self._context}")
        try:
            writer, reader, presence = await executor.run(self._connect)
        except BaseException:
            self._stop_thread()
            raise
        self._told = writer.seen
        commits = Commits(executor, writer.write, self._wake)
        users = UserStatements(self._path, self._where, self._executor, self.partitions, presence, commits)
        self._open = _Open(writer, reader, commits, presence, users)

    def _connect(self) -> tuple[Writer, sqlite3.Connection, Presence]:
        connections: list[sqlite3.Connection] = []
        try:
            make_private(self._path)
            Presence.refuse_inherited(self._path)
            connections.append(connect(self._path))
            prepare(connections[0], self._path, self._context, self.partitions)
            connections.append(connect(self._path))
            connections[1].execute("PRAGMA query_only = ON")
            connections[1].execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            presence = Presence(self._path)
            writer = Writer(connections[0], self._where, self.partitions, presence)
            return writer, connections[1], presence
        except BaseException as error:
            for connection in connections:
                connection.close()
            if isinstance(error, sqlite3.Error):
                raise not_to_be_opened(error, self._where) from error
            if isinstance(error, OSError):
                raise StoreError(
                    f"the directory of the file cannot be made ({error.strerror})", where=self._where,
                    expected="a directory this user can write", next="give another path",
                ) from error  # fmt: skip
            raise

    async def close(self) -> None:
        self._looking = False
        store, self._open = self._open, None
        if store is None:
            return
        try:
            await store.commits.finished()
            await store.users.close()
        finally:
            store.reader.close()
            closed = store.commits.run(store.writer.close)
            self._stop_thread()
            await closed
            store.presence.leave()

    def _stop_thread(self) -> None:
        if self._thread is not None:
            self._thread.stop()
            self._thread = None

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        self._watchers.append(wake)
        return partial(self._watchers.remove, wake)

    def _wake(self) -> None:
        for wake in tuple(self._watchers):
            wake()

    def changed_elsewhere(self) -> bool:
        """Also raises `StoreError` if the file was deleted or replaced; from then on every other method does too."""
        if self._open is not None:
            self._open.presence.look()
        store = self._opened()
        # Only the writer's connection tells other processes' commits from ours. While a batch runs, it looks itself.
        if store.commits.resting:
            try:
                store.writer.look()
            except sqlite3.Error as error:
                raise failure(error, self._where) from error
        told, self._told = self._told, store.writer.seen
        return told != self._told

    async def commit(self, unit: Unit) -> None:
        commits = self._opened().commits
        require_fit(unit, self._where)
        await commits.add(unit).outcome(self._where, commits.withdraw)

    # ── handlers' statements ──────────────────────────────────────────────────────────────────────────────────────────

    def stir(self) -> None:
        """Does nothing: messages cannot be staged in a file."""

    def begin(self) -> Transaction:
        self._opened()
        return Replayed(self, self._where, failure)

    async def attempt(self, before: Sequence[Ran], statement: Ran) -> Ran:
        """See `Replaying.attempt`."""
        return await self._opened().users.attempt(before, statement)

    async def write(self, unit: Unit, ran: Sequence[Ran]) -> None:
        """See `Replaying.write`."""
        users = self._opened().users
        require_fit(unit, self._where)
        try:
            await users.write(unit, ran)
        except OutcomeUnknown:
            self._wake()  # messages may have been appended
            raise
        if unit.entries:
            self._wake()

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def load(self, kind: str, id: str) -> tuple[int, bytes] | None:
        rows = self._fetch(statements.LOAD, kind, id)
        return rows[0] if rows else None

    async def load_all(self, kind: str, ids: Collection[str]) -> Mapping[str, tuple[int, bytes]]:
        rows = self._fetch(statements.LOAD_ALL, kind, msgspec.json.encode(list(ids)).decode())
        return {id: (version, body) for id, version, body in rows}

    async def page(self, kind: str, after: str | None, limit: int) -> list[tuple[str, int, bytes]]:
        return self._fetch(statements.STATES, kind, "" if after is None else after, after is None, limit)

    async def page_at(
        self, kind: str, after: str | None, limit: int
    ) -> tuple[list[tuple[str, int, bytes]], dict[int, Checkpoint]]:
        begin = ("" if after is None else after, after is None, limit)
        return states_at(self._fetch(statements.STATES_AT, kind, *begin, self.partitions))

    async def count_states(self, kind: str) -> int:
        return int(self._fetch(statements.COUNT_STATES, kind)[0][0])

    async def stream(self, name: str, life: int, after: int, limit: int) -> list[MessageRecord]:
        return list(map(MessageRecord._make, self._fetch(statements.STREAM, name, life, after, limit)))

    async def lives(self, name: str) -> list[tuple[int, int]]:
        return self._fetch(statements.LIVES, name)

    # ── row models ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def prepare_rows(self, tables: Sequence[RowTable]) -> None:
        store = self._opened()
        if any(any(rows.missing(self._fetch, table, self._where)) for table in tables):
            work = partial(rows.make, tables=tables, where=self._where)
            await store.commits.run(partial(store.writer.transact, work))

    async def load_rows(self, table: RowTable, ids: Collection[str]) -> Mapping[str, tuple[int, bytes]]:
        found = (row for sql, some in rows.load(table, ids, statements.KEYS) for row in self._fetch(sql, *some))
        return {id: (version, body) for id, version, body in found}

    async def select_rows(self, selection: Selection, after: Place | None, limit: int) -> list[SelectedRow]:
        asked = row_sql.select(selection, after, limit, "?", "CAST(body AS BLOB)")
        return self._fetch(asked.sql, *asked.values)

    async def count_rows(self, selection: Selection) -> int:
        asked = row_sql.count(selection, "?")
        ((found,),) = self._fetch(asked.sql, *asked.values)
        return int(found)

    # ── commands, the log, subscriptions ──────────────────────────────────────────────────────────────────────────────

    async def outcome(self, caller: str, key: str) -> StoredOutcome | None:
        rows = self._fetch(statements.OUTCOME, caller, key)
        return StoredOutcome(*rows[0]) if rows else None

    async def recall(
        self, caller: str, key: str, kind: str, id: str
    ) -> tuple[StoredOutcome | None, tuple[int, bytes] | None]:
        return await self.outcome(caller, key), await self.load(kind, id)

    async def first_begun(self, caller: str, key: str, at: float) -> tuple[StoredOutcome | None, float]:
        place = caller + BEGUN, key
        begun = await self.outcome(*place)
        if begun is None:
            with suppress(Conflict):  # another process has stored it first
                await self.commit(Unit(claim=KeyClaim(*place, b"", b"", at)))
            begun = await self.outcome(*place) or StoredOutcome(b"", b"", at)
        return await self.outcome(caller, key), begun.at

    async def read(self, channel: Channel, part: int, after: int, limit: int) -> list[MessageRecord]:
        return list(as_records(self._fetch(statements.READ, channel, part, after, limit)))

    async def heads(self, channel: Channel) -> Heads:
        rows = self._fetch(statements.HEADS, self.partitions, channel)
        return heads_of(rows)

    async def parked_among(
        self, subscription: SubscriptionId, part: int, keys: Collection[str]
    ) -> Collection[str] | None:
        place = (*subscription, part)
        rows = [row for some in statements.asked(keys) for row in self._fetch(statements.AMONG, *place, *some)]
        return {key for (key,) in rows if key is not None} if rows else None

    async def retry(self, name: str, key: str | None, at: float) -> int:
        """Works in pages, each in a transaction of its own, so that commits wait only briefly. Raises like `commit`."""
        store, due, last = self._opened(), 0, ("", 0, 0, "")
        while True:
            places = self._fetch(statements.PLACES, name, key, *last, statements.PAGE)
            work = partial(statements.make_due, name=name, places=places, at=at)
            due += await store.commits.run(partial(store.writer.transact, work))
            if len(places) < statements.PAGE:
                return due
            last = places[-1]

    async def prune(self, *, beats: float, outcomes: float, tombstones: float, limit: int) -> int:
        """Each kind has a transaction of its own; none is begun if there is nothing to delete."""
        before = (beats, outcomes, tombstones)
        (old,) = self._fetch(statements.OLD, *before)
        gone = 0
        for sql, at, some in zip(statements.PRUNE, before, old, strict=True):
            if some:
                gone += await self._execute(sql, at, limit)
        return gone

    async def trim(self, channel: Channel, part: int, *, upto: int, before: float, limit: int) -> int:
        """No transaction is begun if there is nothing to delete."""
        store = self._opened()
        first = self._fetch(statements.FIRST, channel, part)
        if not first or first[0][0] > upto or first[0][1] >= before:
            return 0
        work = partial(statements.trim, channel=channel, part=part, upto=upto, before=before, limit=limit)
        return await store.commits.run(partial(store.writer.transact, work))

    async def put_back(self, channel: Channel, records: Sequence[MessageRecord], floor: Checkpoint | None) -> bool:
        store = self._opened()
        work = partial(statements.put_back, channel=channel, records=records, floor=floor)
        return await store.commits.run(partial(store.writer.transact, work))

    async def place(self, subscription: SubscriptionId, checkpoints: Mapping[int, Checkpoint]) -> None:
        store = self._opened()
        work = partial(statements.put, subscription=subscription, checkpoints=checkpoints)
        await store.commits.run(partial(store.writer.transact, work))

    def _opened(self) -> _Open:
        if self._looking:
            raise written_read_only(self._where)
        if self._open is None:
            raise not_open(self._where)
        self._open.presence.require()
        return self._open

    def _fetch(self, sql: str, *values: Any) -> list[Any]:
        if self._looking:
            return look(self._path, sql, values)
        reader = self._opened().reader
        try:
            return reader.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise failure(error, self._where) from error
        except (ValueError, OverflowError) as error:
            raise unstorable(error, self._where) from error

    async def _rows(self, sql: str, *values: Any) -> list[Any]:
        return self._fetch(sql, *values)

    async def _execute(self, sql: str, *values: Any) -> int:
        store = self._opened()
        return await store.commits.run(partial(store.writer.execute, sql, values))


def open_sqlite(address: StoreAddress, context: str) -> SqliteStore:
    """Makes the store at `sqlite:PATH`; not yet open."""
    return SqliteStore(address.path, context)
