"""Writes units of work, many by one statement, and finds out their outcome if the connection is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg

from remit.errors import Conflict, RemitError, StoreError, StoreUnavailable, another
from remit.log import Channel, SubscriptionId
from remit.stores.port import Unit, partition_of
from remit.stores.postgres.columns import Written, apart, is_plain, write_rows
from remit.stores.postgres.failures import FAILURES, REPEATABLE, ended, is_of_all, not_written, refusal, unknown
from remit.stores.postgres.letters import write_unit
from remit.stores.postgres.session import Link, Session
from remit.stores.technology import StoreAddress

_MANY = 1000
"""Checkpoint moves after which old checkpoint rows are deleted."""
# The newest row stays, whatever its position: a person may have put the checkpoint back.
SWEEP = """
    DELETE FROM remit_checkpoint c
    USING unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::bigint[], $6::bigint[])
          AS m (subscription, source, channel, part, low, high)
    CROSS JOIN LATERAL (
        SELECT n.prev FROM remit_checkpoint n
        WHERE n.subscription = m.subscription AND n.source = m.source AND n.channel = m.channel AND n.part = m.part
        ORDER BY n.prev DESC LIMIT 1
    ) newest
    WHERE c.subscription = m.subscription AND c.source = m.source AND c.channel = m.channel AND c.part = m.part
    AND c.prev >= m.low AND c.prev < least(m.high, newest.prev)
"""
_Place = tuple[SubscriptionId, int]
_TRIES = 4
"""How often a batch is written in all, if other transactions get in its way."""
_PATIENCE = 5.0
"""Seconds in which the outcome of a lost connection has to be found out."""

_END = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_get_activity($1) WHERE backend_start = $2"
_STATUS = "SELECT pg_xact_status($1::text::xid8)"
_HEADS = """
    SELECT c.channel, p.part, l.pos FROM unnest($1::int[]) AS c (channel), generate_series(0, $2 - 1) AS p (part),
    LATERAL (SELECT pos FROM remit_log WHERE channel = c.channel AND part = p.part ORDER BY pos DESC LIMIT 1) l
"""
_IN_LOG = "SELECT EXISTS (SELECT FROM remit_log WHERE channel = $1 AND part = $2 AND pos > $3 AND id = $4)"
_CLAIMED = """
    SELECT EXISTS (SELECT FROM remit_idempotency
    WHERE caller = $1 AND key = $2 AND fingerprint = $3 AND outcome = $4 AND at = $5)
"""


class _Doubt(Exception):
    """The connection was lost during the commit. `transaction` is its number, if it is known."""

    def __init__(self, link: Link, transaction: str | None) -> None:
        super().__init__()
        self.link = link
        self.transaction = transaction


class Heads:
    """The last known position of each partition. Positions have no gaps, so other processes wrote what we did not."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, int], int] = {}
        self.elsewhere = False
        """Whether other processes have appended since this was set to False."""

    def last(self, channel: int, part: int) -> int:
        """The last known position of a partition."""
        return self._last.get((channel, part), 0)

    def wrote(self, channel: int, part: int, before: int, count: int) -> None:
        """This process has appended `count` messages after the position `before`."""
        self.saw([(channel, part, before)])
        self._last[channel, part] = before + count

    def saw(self, heads: Iterable[Sequence[Any]]) -> bool:
        """The log has these heads (channel, partition, position). Returns whether other processes have appended."""
        moved = False
        for channel, part, pos in heads:
            moved = moved or pos > self.last(channel, part)
            self._last[channel, part] = pos
        self.elsewhere = self.elsewhere or moved
        return moved


class Trail:
    """Remembers which checkpoint rows are old. Uses ranges of positions, so that deleted rows are not scanned again."""

    def __init__(self) -> None:
        self._moves = 0
        self._swept: dict[_Place, int] = {}
        self._newest: dict[_Place, int] = {}

    def moved(self, units: Iterable[Unit]) -> None:
        """Notes the checkpoint moves of written units."""
        for unit in units:
            for advance in unit.moves:
                self._moves += 1
                place = (advance.subscription, advance.part)
                self._newest[place] = advance.before
                if advance.before < self._swept.get(place, 0):  # put back: everything has to be swept again
                    del self._swept[place]

    def sweep(self) -> Sequence[Sequence[object]]:
        """The parameters of `SWEEP`, which deletes old rows; empty while there are few."""
        if self._moves < _MANY:
            return ()
        rows = [(*id, part, self._swept.get((id, part), 0), newest) for (id, part), newest in self._newest.items()]
        self._moves = 0
        self._swept |= self._newest
        self._newest = {}
        return list(zip(*rows, strict=True))


class Writer:
    """The one connection of this process that writes units. Used by one task at a time."""

    def __init__(self, session: Session, place: StoreAddress, partitions: int) -> None:
        self.heads = Heads()
        self.trail = Trail()
        self._session = session
        self._where = place.shown
        self._partitions = partitions

    async def look(self) -> bool:
        """Reads the heads. Returns whether other processes have appended. Raises `StoreError`, `StoreUnavailable`."""
        return self.heads.saw(await self._session.fetch(_HEADS, list(Channel), self._partitions))

    async def write(self, units: Sequence[Unit]) -> list[Exception | None]:
        """Writes units. Returns the error of each, or None if it is written."""
        if len(units) == 1:
            return await self._batch(units)
        outcomes: dict[int, Exception | None] = {}
        plain = [(number, unit) for number, unit in enumerate(units) if is_plain(unit)]
        while plain:
            try:
                batch, plain = apart(plain)
            except TypeError:  # a row with a wrong type: write each unit by itself
                break
            found = await self._batch([unit for _, unit in batch])
            outcomes |= {number: outcome for (number, _), outcome in zip(batch, found, strict=True)}
        for number, unit in enumerate(units):
            if number not in outcomes:
                (outcomes[number],) = await self._batch([unit])
        return [outcomes[number] for number in range(len(units))]

    async def _batch(self, units: Sequence[Unit]) -> list[Exception | None]:
        """Writes units that share no row, if possible in one transaction. If a value of one may have failed them all,
        they are written in halves, so that no unit fails because of another."""
        outcomes = await self._together(units)
        if outcomes is None:
            half = len(units) // 2
            outcomes = [*await self._batch(units[:half]), *await self._batch(units[half:])]
        return outcomes

    async def _together(self, units: Sequence[Unit]) -> list[Exception | None] | None:
        """Writes units in one transaction. Returns None if a value of one of several may have failed them all."""
        try:
            lost = (await self._repeatedly(units)).lost
            self.trail.moved(unit for number, unit in enumerate(units) if number not in lost)
            return [lost.get(number) for number in range(len(units))]
        except (StoreError, StoreUnavailable) as error:
            return [another(error) for _ in units]
        except Conflict as conflict:
            return [conflict]  # raised only for a unit alone in its transaction
        except _Doubt as doubt:
            return await self._find_out(doubt, units)
        except Exception as error:  # noqa: BLE001  # the driver's encoder may raise anything for a value
            self._session.heard(error)
            if len(units) > 1 and not is_of_all(error):
                return None
            return [_refused(error, self._where) for _ in units]

    async def _repeatedly(self, units: Sequence[Unit]) -> Written:
        """Writes units, again if other transactions get in the way."""
        for _ in range(_TRIES - 1):
            try:
                return await self._transaction(units)
            except asyncpg.PostgresError as error:
                if error.sqlstate not in REPEATABLE:
                    raise
        return await self._transaction(units)

    async def _transaction(self, units: Sequence[Unit]) -> Written:
        link = await self._session.link()
        if link.pooled or not is_plain(units[0]):
            written = await self._steps(units)
        else:
            try:
                written = await write_rows(link, units, self._partitions)
            except FAILURES as error:
                if ended(error):
                    self._session.drop()
                    raise _Doubt(link, None) from error
                raise
        for head in written.heads:
            self.heads.wrote(*head)
        return written

    async def _steps(self, units: Sequence[Unit]) -> Written:
        """Writes units in a transaction of several statements: for letters, and behind a pooler."""
        async with self._session.transaction() as link:
            if len(units) == 1:
                written = await write_unit(link, units[0], self._partitions)
            else:
                written = await write_rows(link, units, self._partitions)
            try:
                await link.commit()
            except FAILURES as error:
                if ended(error):
                    raise _Doubt(link, written.transaction) from error
                raise
        return written

    async def _find_out(self, doubt: _Doubt, units: Sequence[Unit]) -> list[Exception | None]:
        """Finds out whether units are written whose connection was lost during the commit."""
        loop = asyncio.get_running_loop()
        latest = loop.time() + _PATIENCE
        while True:
            try:
                return [self._told(written) for written in await self._look_up(doubt, units)]
            except (StoreError, StoreUnavailable) as error:
                if loop.time() > latest:
                    return [unknown(self._where, f"the server does not say: {error.what}") for _ in units]
            await asyncio.sleep(0.1)

    def _told(self, written: bool | None) -> Exception | None:
        if written is None:
            return unknown(self._where, "it left no trace that would tell whether it was written")
        return None if written else not_written(self._where)

    async def _look_up(self, doubt: _Doubt, units: Sequence[Unit]) -> list[bool | None]:
        if doubt.transaction is not None:
            ((status,),) = await self._session.fetch(_STATUS, doubt.transaction)
            if status == "in progress":
                raise StoreUnavailable("the transaction has not ended", where=self._where)
            return [status == "committed"] * len(units)
        # First end the old connection's process: it could still commit.
        for (gone,) in await self._session.fetch(_END, doubt.link.process, doubt.link.began):
            if not gone:
                raise StoreUnavailable("the lost connection's process has not ended", where=self._where)
        found = [await self._is_written(unit) for unit in units]
        await self.look()
        return found

    async def _is_written(self, unit: Unit) -> bool | None:
        """Whether a row is there that only this unit writes; None if it writes no such row."""
        if unit.entries:
            channel, key, id, *_ = unit.entries[0]
            part = partition_of(key, self._partitions)
            last = self.heads.last(channel, part)
            return await self._exists(_IN_LOG, channel, part, last, id)
        if (claim := unit.claim) is not None:
            outcome = str(claim.outcome, "utf-8")
            return await self._exists(_CLAIMED, claim.caller, claim.key, claim.fingerprint, outcome, claim.at)
        return None

    async def _exists(self, sql: str, *values: object) -> bool:
        ((there,),) = await self._session.fetch(sql, *values)
        return bool(there)


def _refused(error: Exception, where: str) -> RemitError:
    told = refusal(error, where)
    told.__cause__ = error
    return told
