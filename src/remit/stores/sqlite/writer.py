"""Writes units of work, many per transaction. Runs on the executor, without asyncio.

A batch is first written in one transaction without savepoints. Only if a unit conflicts is the batch written again with
a savepoint per unit, so that each unit fails or succeeds on its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import TypeVar

from remit.errors import Conflict, OutcomeUnknown
from remit.stores.port import Advance, Change, Discard, Entry, KeyClaim, Park, Settle, Unit, partition_of
from remit.stores.sqlite import rows
from remit.stores.sqlite.failures import failure, unstorable, wrote_nothing
from remit.stores.sqlite.presence import Presence
from remit.stores.tables import Key, key_row, letter_place, letter_row

_CLAIM = "INSERT INTO idempotency (caller, key, fingerprint, outcome, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_BEGIN_AT = "INSERT INTO checkpoint VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_MOVE = (
    "UPDATE checkpoint SET pos = ?, id = ?, at = ?"
    " WHERE subscription = ? AND source = ? AND channel = ? AND part = ? AND pos = ? AND id = ?"
)
_NEW_STATE = "INSERT INTO state (kind, id, version, body) VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING"
_STATE = "UPDATE state SET version = ?, body = ? WHERE kind = ? AND id = ? AND version = ?"
_FORGET = "DELETE FROM state WHERE kind = ? AND id = ? AND version = ?"
_HEAD = "SELECT pos, id FROM log WHERE channel = ? AND part = ? ORDER BY pos DESC LIMIT 1"
_FLOOR = "SELECT pos, id FROM floor WHERE channel = ? AND part = ?"
_APPEND = "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PARK = (
    "INSERT INTO parked (subscription, source, channel, part, key, since, tried_at, attempts, retry_at, error)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, 1, ?7, ?8) ON CONFLICT DO NOTHING"
)
_IS_PARKED = "SELECT 1 FROM parked WHERE (subscription, source, channel, part, key) = (?, ?, ?, ?, ?)"
# A subscription that starts anew may park a message that was discarded before: then the message waits again.
_LETTER = "INSERT OR REPLACE INTO letter VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL)"
_LOWEST = (
    "SELECT pos FROM letter WHERE (subscription, source, channel, part, key) = (?, ?, ?, ?, ?)"
    " AND discarded_at IS NULL ORDER BY pos LIMIT 1"
)
_PAYLOAD = (
    "SELECT CAST(payload AS BLOB) FROM letter"
    " WHERE (subscription, source, channel, key, part, pos) = (?, ?, ?, ?, ?, ?) AND discarded_at IS NULL"
)
_DELETE_LETTER = "DELETE FROM letter WHERE (subscription, source, channel, key, part, pos) = (?, ?, ?, ?, ?, ?)"
_ENTOMB = (
    "UPDATE letter SET payload = '', discarded_at = ?, reason = ?, sha256 = ?"
    " WHERE (subscription, source, channel, key, part, pos) = (?, ?, ?, ?, ?, ?)"
)
_FAILED_AGAIN = (
    "UPDATE parked SET attempts = attempts + 1, tried_at = ?, retry_at = ?, error = ?"
    " WHERE (subscription, source, channel, part, key) = (?, ?, ?, ?, ?)"
)
_DUE_NOW = (
    "UPDATE parked SET retry_at = 0, attempts = 1 WHERE (subscription, source, channel, part, key) = (?, ?, ?, ?, ?)"
)
_UNPARK = "DELETE FROM parked WHERE (subscription, source, channel, part, key) = (?, ?, ?, ?, ?)"

# Errors of a unit, not of the store: conflicts, and values that no column takes.
_REFUSALS = (
    Conflict,
    TypeError,
    ValueError,
    OverflowError,
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)

_MANY = 100
"""After so many transactions that were not awaited, one is."""
_Head = tuple[int, str]
T = TypeVar("T")


class Writer:
    """The one writing connection of this process."""

    def __init__(self, connection: sqlite3.Connection, where: str, partitions: int, presence: Presence) -> None:
        self._connection = connection
        self._execute = connection.execute
        self._where = where
        self._partitions = partitions
        self._presence = presence
        self._heads: dict[tuple[int, int], _Head] = {}
        self._hurried = 0
        """Transactions in a row that did not wait for the disk."""
        self.seen = 0
        """Changes when another process has committed."""
        self.look()

    def close(self) -> None:
        """Closes the connection. The last connection to close moves the write-ahead log into the file."""
        self._connection.close()

    def look(self) -> None:
        """Detects commits of other processes. After one, the heads are read again."""
        (version,) = self._execute("PRAGMA data_version").fetchone()
        if version != self.seen:
            self.seen = version
            self._heads.clear()

    def write(self, units: Sequence[Unit]) -> list[Exception | None]:
        """Commits the units together. Returns the error of each, or None.

        Raises `StoreUnavailable` or `StoreError` (none is written), `OutcomeUnknown` (all are written or none).
        """
        self._presence.look()
        try:
            self._hurry(all(unit.repeatable for unit in units))
            try:
                return self._together(units, self._write)
            except _REFUSALS as error:
                return [self._told(error)] if len(units) == 1 else self._together(units, self._attempt)
        except sqlite3.Error as error:
            raise failure(error, self._where) from error

    def _hurry(self, hurries: bool) -> None:
        """Decides whether the next transactions wait for the disk. If not, a power failure loses the last of them, and
        none that comes before a transaction that did wait: they are in one file, in their order."""
        if hurries and self._hurried < _MANY:
            if not self._hurried:
                self._execute("PRAGMA synchronous = NORMAL")
            self._hurried += 1
        elif self._hurried:
            self._execute("PRAGMA synchronous = FULL")
            self._hurried = 0

    def execute(self, sql: str, values: Sequence[object]) -> int:
        """Runs a statement in a transaction of its own. Returns how many rows it changed. Raises like `write`."""
        self._presence.look()
        try:
            self._hurry(False)
            return self._execute(sql, values).rowcount
        except sqlite3.Error as error:
            raise failure(error, self._where) from error

    def transact(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Runs a function in a transaction and returns its result. Raises like `write`."""
        self._presence.look()
        try:
            self._hurry(False)
            self._execute("BEGIN IMMEDIATE")
            try:
                result = function(self._connection)
            except BaseException:
                self._roll_back()
                raise
            self._commit()
        except sqlite3.Error as error:
            raise failure(error, self._where) from error
        return result

    def write_after(self, unit: Unit, before: Callable[[], None]) -> None:
        """Commits a unit together with what `before` writes on this connection. Raises the error of the unit, and like
        `write`; `sqlite3.IntegrityError` for a constraint that is checked at the commit."""
        self._presence.look()
        try:
            self._hurry(False)
            self._execute("BEGIN IMMEDIATE")
            try:
                self.look()
                before()
                self._write(unit)
            except BaseException:
                self._roll_back()
                raise
        except _REFUSALS as error:
            raise self._told(error) from error
        except sqlite3.Error as error:
            raise failure(error, self._where) from error
        try:
            self._commit()
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise failure(error, self._where) from error

    def _together(self, units: Sequence[Unit], write: Callable[[Unit], Exception | None]) -> list[Exception | None]:
        self._execute("BEGIN IMMEDIATE")
        try:
            self.look()
            outcomes = [write(unit) for unit in units]
        except BaseException:
            self._roll_back()
            raise
        self._commit()
        return outcomes

    def _attempt(self, unit: Unit) -> Exception | None:
        """Writes a unit in a savepoint. Returns its error, without affecting the rest of the transaction."""
        self._execute("SAVEPOINT unit")
        refusal: Exception | None = None
        try:
            self._write(unit)
        except _REFUSALS as error:
            self._execute("ROLLBACK TO unit")
            self._heads.clear()
            refusal = self._told(error)
        self._execute("RELEASE unit")
        return refusal

    def _told(self, error: Exception) -> Exception:
        return error if isinstance(error, Conflict) else unstorable(error, self._where)

    def _roll_back(self) -> None:
        self._heads.clear()
        # After some errors, such as a full disk, SQLite has rolled back already.
        if self._connection.in_transaction:
            self._execute("ROLLBACK")

    def _commit(self) -> None:
        try:
            self._execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            if wrote_nothing(error) or isinstance(error, sqlite3.IntegrityError):
                raise
            raise OutcomeUnknown(
                f"the commit ended with {error}", where=self._where, expected="a commit that reaches the disk",
                next="call again with the same key; check the disk",
            ) from error  # fmt: skip

    def _write(self, unit: Unit) -> None:
        # The claim first: a repeated command must be recognised even if other rows conflict.
        if unit.claim is not None:
            self._take(unit.claim)
        for advance in unit.moves:
            self._advance(advance)
        if unit.settle is not None:
            self._settle(unit.settle)
        if unit.discard is not None:
            self._discard(unit.discard)
        for change in unit.changes:
            self._change(change)
        if unit.rows or unit.forgets:
            self._write_seldom(unit)
        for park in sorted(unit.parks, key=_only_waits):
            self._park(park)
        for entry in unit.entries:
            self._append(entry)

    def _write_seldom(self, unit: Unit) -> None:
        for row in unit.rows:
            rows.write(self._execute, row)
        for forget in unit.forgets:
            if not self._execute(_FORGET, forget).rowcount:
                raise Conflict("state", where=f"{forget.kind} {forget.id}")

    def _take(self, claim: KeyClaim) -> None:
        caller, key, fingerprint, outcome, at = claim
        if not self._execute(_CLAIM, (caller, key, fingerprint, str(outcome, "utf-8"), at)).rowcount:
            raise Conflict("claim", where=key)

    def _advance(self, advance: Advance) -> None:
        name, source, channel = advance.subscription
        place = (name, source, int(channel), advance.part)  # see `_append`
        after = (advance.after, advance.after_id, advance.at)
        moved = self._execute(_MOVE, (*after, *place, advance.before, advance.before_id)).rowcount
        if not moved and advance.before == 0:
            moved = self._execute(_BEGIN_AT, (*place, *after)).rowcount
        if not moved:
            raise Conflict("checkpoint", where=f"{name} partition {advance.part}")

    def _change(self, change: Change) -> None:
        kind, id, expected, body = change
        text = str(body, "utf-8")
        if expected == 0:
            written = self._execute(_NEW_STATE, (kind, id, text)).rowcount
        else:
            written = self._execute(_STATE, (expected + 1, text, kind, id, expected)).rowcount
        if not written:
            raise Conflict("state", where=f"{kind} {id}")

    def _append(self, entry: Entry) -> None:
        channel, key, id, type, version, at, headers, payload = entry
        number = int(channel)  # the sqlite3 module takes a microsecond longer to bind a member of an enumeration
        part = partition_of(key, self._partitions)
        pos, prev = self._heads.get((number, part)) or self._head(number, part)
        pos += 1
        text = str(payload, "utf-8")
        self._execute(_APPEND, (number, part, pos, id, prev, key, type, version, at, headers, text))
        self._heads[number, part] = (pos, id)

    def _head(self, channel: int, part: int) -> _Head:
        """The last message, even if it was deleted."""
        place = (channel, part)
        return self._execute(_HEAD, place).fetchone() or self._execute(_FLOOR, place).fetchone() or (0, "")

    def _park(self, park: Park) -> None:
        key = key_row(park, park.record.part)
        if park.error:
            self._execute(_PARK, (*key, park.at, park.retry_at, park.error))
        elif not self._execute(_IS_PARKED, key).fetchone():  # freed meanwhile: no process would handle its letter
            raise Conflict("parked", where=f"{park.subscription.name} key {park.key}")
        self._execute(_LETTER, letter_row(park))

    def _settle(self, settle: Settle) -> None:
        key = key_row(settle, settle.part)
        if self._execute(_LOWEST, key).fetchone() != (settle.pos,):
            raise Conflict("letter", where=f"{settle.subscription.name} key {settle.key}")
        if settle.error:
            self._execute(_FAILED_AGAIN, (settle.at, settle.retry_at, settle.error, *key))
        else:
            self._execute(_DELETE_LETTER, letter_place(settle))
            self._free(key)

    def _discard(self, discard: Discard) -> None:
        letter = letter_place(discard)
        payload = self._execute(_PAYLOAD, letter).fetchone()
        if payload is None:
            raise Conflict("letter", where=f"{discard.subscription.name} key {discard.key}")
        self._execute(_ENTOMB, (discard.at, discard.reason, sha256(payload[0]).hexdigest(), *letter))
        self._free(key_row(discard, discard.part))

    def _free(self, key: Key) -> None:
        """Frees a key without letters in the transaction that found none; what is left is due now."""
        self._execute(_DUE_NOW if self._execute(_LOWEST, key).fetchone() else _UNPARK, key)


def _only_waits(park: Park) -> bool:
    return not park.error
