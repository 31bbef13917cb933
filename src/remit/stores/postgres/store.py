"""A context's store in a schema of a PostgreSQL database, shared by all processes that host the context."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from remit.errors import StoreError
from remit.log import Channel, Checkpoint, Heads, MessageRecord, SubscriptionId
from remit.stores import row_sql
from remit.stores.port import StoredOutcome, Unit, not_open, written_read_only
from remit.stores.postgres import POSTGRESQL, rows, statements
from remit.stores.postgres.bell import Bell
from remit.stores.postgres.commits import Commits
from remit.stores.postgres.failures import FAILURES, refusal
from remit.stores.postgres.lookups import BEGIN, LOAD, OUTCOME, RECALL, Lookups
from remit.stores.postgres.place import address_of
from remit.stores.postgres.schema import inspect, prepare
from remit.stores.postgres.sequencer import SEQUENCE, Front, Sequencer
from remit.stores.postgres.session import Asking, Row, Session
from remit.stores.postgres.transactions import PostgresTransaction, Transactions
from remit.stores.postgres.writer import SWEEP, Writer
from remit.stores.rows import Place, RowTable, SelectedRow, Selection
from remit.stores.size import require_fit
from remit.stores.tables import InTables, as_records, heads_of, record_of, states_at
from remit.stores.technology import StoreAddress

_STAGED = -1
_NOTHING: tuple[Any, ...] = (None,) * 5
_NEITHER: tuple[Any, ...] = (None,) * 4


class _Reading(NamedTuple):
    lookups: Session
    others: Session
    loads: Lookups
    outcomes: Lookups
    begins: Lookups
    recalls: Lookups


class _Writing(NamedTuple):
    session: Session
    writer: Writer
    commits: Commits
    bell: Bell
    front: Front
    sequencer: Sequencer
    transactions: Transactions


class PostgresStore(InTables):
    """The `Store` of `context` at `postgresql://USER@HOST/DATABASE`, in the schema `?schema=NAME` (default: its name).

    A schema keeps its number of partitions. Each store uses four connections: for writing, for single lookups, for all
    other queries, and for notifications; and more for handlers' SQL statements.
    """

    sql = statements

    def __init__(self, address: StoreAddress | str, context: str, *, partitions: int = 16) -> None:
        self.technology = POSTGRESQL
        self.partitions = partitions
        self._place = address_of(address, context)
        self._context = context
        self._asking = Asking()
        self._reading: _Reading | None = None
        self._writing: _Writing | None = None
        self._watchers: list[Callable[[], None]] = []

    async def open(self, *, read_only: bool = False) -> None:
        """Makes or migrates the schema. With `read_only`, writes nothing and accepts any number of partitions.

        Raises `StoreError` (wrong credentials or rights, another context's schema, a newer schema, a server older than
        PostgreSQL 14; with `read_only` also a missing or older schema) and `StoreUnavailable` (the server cannot be
        reached, or takes no writes).
        """
        if self._reading is not None:
            return
        if read_only:
            others = Session(self._place, "reader", to_read=True)
            try:
                self.partitions = await inspect(others, self._place, self._context)
            except BaseException:
                await others.close()
                raise
        else:
            self._writing = await self._open_to_write()
            others = Session(self._place, "reader")
        lookups, turn = Session(self._place, "lookups", to_read=read_only), asyncio.Lock()
        questions = (LOAD, OUTCOME, BEGIN, RECALL)
        self._reading = _Reading(lookups, others, *(Lookups(lookups, turn, question) for question in questions))

    async def _open_to_write(self) -> _Writing:
        session = Session(self._place, "writer")
        try:
            await prepare(session, self._place, self._context, self.partitions)
            writer = Writer(session, self._place, self.partitions)
            await writer.look()
        except BaseException:
            await session.close()
            raise
        writer.heads.elsewhere = False
        commits = Commits(writer.write, self._appended)
        bell = Bell(Session(self._place, "bell"), [self._place.schema], partial(self._look, writer, commits))
        transactions = Transactions(self._place, self.partitions, partial(self._written, writer))
        return _Writing(session, writer, commits, bell, Front(), Sequencer(self._sequence), transactions)

    async def close(self) -> None:
        writing, self._writing = self._writing, None
        reading, self._reading = self._reading, None
        if writing is not None:
            await writing.commits.finished()
            await writing.sequencer.close()
            await writing.transactions.close()
            await writing.bell.close()
            await writing.session.close()
        if reading is not None:
            await self._asking.finished()
            await reading.lookups.close()
            await reading.others.close()

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Also calls `wake` for commits of other processes, as soon as they are noticed."""
        self._watchers.append(wake)
        return partial(self._watchers.remove, wake)

    def stir(self) -> None:
        if self._writing is not None:
            self._writing.sequencer.stir()

    async def _sequence(self) -> int:
        """Moves staged messages to the log, as many as fit into one transaction. Returns how many."""
        front = self._writable().front
        (found,) = await self._rows(SEQUENCE, *front.values())
        front.saw(*found)
        moved = found[0]
        if moved:
            self._appended()
        return int(moved)

    def _appended(self) -> None:
        if self._writing is not None:
            self._writing.bell.ring()
        self._wake()

    def _wake(self) -> None:
        for wake in tuple(self._watchers):
            wake()

    async def _look(self, writer: Writer, commits: Commits) -> bool:
        """Reads the heads, and wakes followers if other processes have appended. Not during a commit of this one."""
        moved = await commits.between(writer.look)
        if moved:
            self._wake()
        if values := writer.trail.sweep():
            await self._rows(SWEEP, *values)
        return moved

    def changed_elsewhere(self) -> bool:
        """Notices other processes at once by notifications, and at least every second.

        Raises `StoreError` while staged messages cannot be moved to the log.
        """
        if self._writing is None:
            return True  # it is not watched: assume a change
        if (trouble := self._writing.sequencer.trouble) is not None:
            raise StoreError(
                f"messages published by users' transactions cannot be moved to the log: {trouble.what}",
                where=self._place.shown, expected="rows of remit_staging that the log takes",
                next="see the server's log; the row of remit_staging with the lowest nr is the first that waits",
            ) from trouble  # fmt: skip
        heads = self._writing.writer.heads
        changed, heads.elsewhere = heads.elsewhere, False
        return changed

    async def commit(self, unit: Unit) -> None:
        commits = self._writable().commits
        await commits.add(unit, require_fit(unit, self._place.shown)).outcome(self._place.shown, commits.withdraw)

    def begin(self) -> PostgresTransaction:
        return PostgresTransaction(self._writable().transactions, self.commit)

    def _written(self, writer: Writer, unit: Unit) -> None:
        """A unit was committed by a transaction with SQL statements."""
        writer.trail.moved([unit])
        if unit.entries:
            self._appended()

    async def load(self, kind: str, id: str) -> tuple[int, bytes] | None:
        row = await self._readable().loads.find(kind, id)
        return None if row is None else (row[0], row[1].encode())

    async def load_all(self, kind: str, ids: Collection[str]) -> Mapping[str, tuple[int, bytes]]:
        rows = await self._rows(statements.LOAD_ALL, kind, list(ids))
        return {id: (version, body.encode()) for id, version, body in rows}

    async def page(self, kind: str, after: str | None, limit: int) -> list[tuple[str, int, bytes]]:
        rows = await self._rows(statements.STATES, kind, "" if after is None else after, after is None, limit)
        return [(id, version, body.encode()) for id, version, body in rows]

    async def page_at(
        self, kind: str, after: str | None, limit: int
    ) -> tuple[list[tuple[str, int, bytes]], dict[int, Checkpoint]]:
        begin = ("" if after is None else after, after is None, limit)
        states, heads = states_at(await self._rows(statements.STATES_AT, kind, *begin, self.partitions))
        return [(id, version, body.encode()) for id, version, body in states], heads

    async def count_states(self, kind: str) -> int:
        return int((await self._rows(statements.COUNT_STATES, kind))[0][0])

    async def stream(self, name: str, life: int, after: int, limit: int) -> list[MessageRecord]:
        return [record_of(row) for row in await self._rows(statements.STREAM, name, life, after, limit)]

    async def lives(self, name: str) -> list[tuple[int, int]]:
        return [(life, seq) for life, seq in await self._rows(statements.LIVES, name)]

    async def prepare_rows(self, tables: Sequence[RowTable]) -> None:
        writing = self._writable()
        await writing.commits.between(partial(rows.prepare, writing.session, self._place, tables))

    async def load_rows(self, table: RowTable, ids: Collection[str]) -> Mapping[str, tuple[int, bytes]]:
        found = await self._rows(rows.load(table), list(ids))
        return {id: (version, body.encode()) for id, version, body in found}

    async def select_rows(self, selection: Selection, after: Place | None, limit: int) -> Sequence[SelectedRow]:
        asked = row_sql.select(selection, after, limit, "$")
        return await self._rows(asked.sql, *asked.values)

    async def count_rows(self, selection: Selection) -> int:
        asked = row_sql.count(selection, "$")
        ((found,),) = await self._rows(asked.sql, *asked.values)
        return int(found)

    async def outcome(self, caller: str, key: str) -> StoredOutcome | None:
        row = await self._readable().outcomes.find(caller, key)
        return None if row is None else StoredOutcome(row[0], row[1].encode(), row[2])

    async def recall(
        self, caller: str, key: str, kind: str, id: str
    ) -> tuple[StoredOutcome | None, tuple[int, bytes] | None]:
        row = await self._readable().recalls.find(caller, key, kind, id)
        fingerprint, outcome, at, version, body = row or _NOTHING
        ended = None if outcome is None else StoredOutcome(fingerprint, outcome.encode(), at)
        return ended, None if body is None else (version, body.encode())

    async def first_begun(self, caller: str, key: str, at: float) -> tuple[StoredOutcome | None, float]:
        self._writable()
        while True:
            row = await self._readable().begins.find(caller, key, repr(at))
            fingerprint, outcome, kept, begun = row or _NEITHER
            if outcome is not None:
                return StoredOutcome(fingerprint, outcome.encode(), kept), at if begun is None else begun
            if begun is not None:
                return None, begun

    async def read(self, channel: Channel, part: int, after: int, limit: int) -> list[MessageRecord]:
        return list(as_records(await self._rows(statements.READ, channel, part, after, limit)))

    async def heads(self, channel: Channel) -> Heads:
        partitions = self.partitions
        if channel == Channel.PUBLISHED and self._writing is not None:
            rows = await self._rows(statements.HEADS_AND_STAGED, partitions, channel, self._writing.front.above)
        else:
            rows = await self._rows(statements.HEADS, partitions, channel)
        if rows and rows[-1][0] == _STAGED:  # committed before this call, so a fresh answer has to include it
            await self._sequence()
            while self._writable().front.more:
                await self._sequence()
            rows = await self._rows(statements.HEADS, partitions, channel)
        return heads_of(rows)

    async def parked_among(
        self, subscription: SubscriptionId, part: int, keys: Collection[str]
    ) -> Collection[str] | None:
        rows = await self._rows(statements.AMONG, *subscription, part, list(keys))
        return {key for (key,) in rows if key is not None} if rows else None

    async def retry(self, name: str, key: str | None, at: float) -> int:
        """Works in pages, each in a transaction of its own, so that commits wait only briefly."""
        due, last = 0, ("", 0, 0, "")
        while True:
            page = [tuple(row) for row in await self._write(statements.RETRY, at, name, key, *last, statements.PAGE)]
            due += len(page)
            if len(page) < statements.PAGE:
                return due
            last = max(page)

    async def prune(self, *, beats: float, outcomes: float, tombstones: float, limit: int) -> int:
        """Each kind has a transaction of its own. Rows that are being written are left for the next time."""
        gone = 0
        for sql, at in zip(statements.PRUNE, (beats, outcomes, tombstones), strict=True):
            ((rows,),) = await self._write(sql, at, limit)
            gone += rows
        return gone

    async def trim(self, channel: Channel, part: int, *, upto: int, before: float, limit: int) -> int:
        """Commits do not wait for it: it locks only what it deletes."""
        ((gone,),) = await self._write(statements.TRIM, channel, part, upto, before, limit)
        return int(gone)

    async def put_back(self, channel: Channel, records: Sequence[MessageRecord], floor: Checkpoint | None) -> bool:
        self._writable()
        session = self._readable().others

        async def put() -> bool:
            async with session.transaction() as link:
                if done := await statements.put_back(link, channel, records, floor):
                    await link.commit()
                return done

        try:
            return await self._asking.ask(put)
        except FAILURES as error:
            raise refusal(error, self._place.shown) from error

    async def place(self, subscription: SubscriptionId, checkpoints: Mapping[int, Checkpoint]) -> None:
        self._writable()
        session = self._readable().others

        async def put() -> None:
            async with session.transaction() as link:
                await statements.put(link, subscription, checkpoints)
                await link.commit()

        try:
            await self._asking.ask(put)
        except FAILURES as error:
            raise refusal(error, self._place.shown) from error

    def _readable(self) -> _Reading:
        if self._reading is None:
            raise not_open(self._place.shown)
        return self._reading

    def _writable(self) -> _Writing:
        self._readable()
        if self._writing is None:
            raise written_read_only(self._place.shown)
        return self._writing

    async def _rows(self, sql: str, *values: object) -> list[Row]:
        return await self._asking.ask(partial(self._readable().others.fetch, sql, *values))

    async def _write(self, sql: str, *values: object) -> list[Row]:
        self._writable()
        return await self._rows(sql, *values)

    async def _execute(self, sql: str, *values: object) -> int:
        return len(await self._write(sql, *values))
