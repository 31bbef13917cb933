"""A store in memory: the same rules without durability. For tests, trials and measurements."""

from __future__ import annotations

from bisect import bisect, insort
from collections.abc import Callable, Collection, Mapping, Sequence
from heapq import nsmallest
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from remit.errors import Conflict, Unstorable
from remit.log import Channel, Checkpoint, Floors, Head, Heads, MessageRecord, Subscriber, SubscriptionId, place_in
from remit.stores.memory import MEMORY
from remit.stores.notes import BEGUN, NotesInRows
from remit.stores.port import (
    Advance,
    Discard,
    Entry,
    Letter,
    Park,
    ParkedKey,
    Settle,
    StoredOutcome,
    Unit,
    partition_of,
    written_read_only,
)
from remit.stores.rows import Place, RowTable, SelectedRow, Selection
from remit.stores.rows_in_memory import RowsInMemory
from remit.stores.size import LARGEST_UNIT, too_large
from remit.stores.sql import Transaction
from remit.stores.technology import StoreAddress

if TYPE_CHECKING:  # SQLite is loaded only for handlers' statements
    from remit.stores.memory.users import UserTables
    from remit.stores.replay import Ran

_Key = tuple[SubscriptionId, str]


class MemoryStore(NotesInRows):
    """Keeps everything in dictionaries. A commit checks first and then writes, without awaiting, so it is atomic."""

    def __init__(self, partitions: int = 16) -> None:
        self.technology = MEMORY
        self.partitions = partitions
        # Plain tuples: the garbage collector stops tracking them. Reading turns them into records.
        self._log: dict[tuple[int, int], list[tuple[Any, ...]]] = {}
        self._streams: dict[str, list[tuple[int, int, tuple[Any, ...]]]] = {}
        self._floors: dict[tuple[int, int], Checkpoint] = {}
        self._subscribers: dict[tuple[str, int], Subscriber] = {}
        self._state: dict[tuple[str, str], tuple[int, bytes]] = {}
        self._rows = RowsInMemory()
        self._outcomes: dict[tuple[str, str], StoredOutcome] = {}
        self._checkpoints: dict[SubscriptionId, dict[int, Checkpoint]] = {}
        self._parked: dict[_Key, ParkedKey] = {}
        self._letters: dict[_Key, list[Letter]] = {}
        self._beats: dict[str, tuple[float, str]] = {}
        self._leases: dict[str, tuple[str, float]] = {}
        self._watchers: list[Callable[[], None]] = []
        self._parts: dict[str, int] = {}
        self._read_only = False
        self._users: UserTables | None = None

    async def open(self, *, read_only: bool = False) -> None:
        """Nothing to open. With `read_only`, writes are refused."""
        self._read_only = read_only

    async def close(self) -> None:
        """Nothing to close."""

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        self._watchers.append(wake)
        return lambda: self._watchers.remove(wake)

    def changed_elsewhere(self) -> bool:
        return False

    def _refuse_to_write(self) -> None:
        if self._read_only:
            raise written_read_only("memory")

    async def commit(self, unit: Unit) -> None:
        if self._read_only:
            raise written_read_only("memory")
        placed = self._placed(unit.entries, self._check(unit))
        for kind, id, expected, body in unit.changes:
            self._state[kind, id] = (expected + 1, body)
        for kind, id, _ in unit.forgets:
            del self._state[kind, id]
        if unit.rows:
            self._rows.write(unit.rows)
        if unit.claim is not None:
            caller, key, fingerprint, outcome, at = unit.claim
            self._outcomes[caller, key] = StoredOutcome(fingerprint, outcome, at)
        if unit.advance is not None or unit.parks or unit.settle is not None or unit.discard is not None:
            self._follow(unit)
        if placed:
            for part, entry in placed:
                self._append(part, entry)
            for wake in self._watchers:
                wake()

    def stir(self) -> None:
        """Does nothing: messages cannot be staged in memory."""

    def begin(self) -> Transaction:
        from remit.stores.memory.users import Replayed, failure  # loads SQLite only when it is needed

        return Replayed(self, "memory", failure)

    async def attempt(self, before: Sequence[Ran], statement: Ran) -> Ran:
        """See `Replaying.attempt`."""
        return self._tables().try_out(before, statement)

    async def write(self, unit: Unit, ran: Sequence[Ran]) -> None:
        """See `Replaying.write`."""
        self._refuse_to_write()
        self._tables().write(ran, lambda: self._placed(unit.entries, self._check(unit)))
        await self.commit(unit)

    def _tables(self) -> UserTables:
        """The users' tables, made on first use."""
        from remit.stores.memory.users import UserTables  # loads SQLite only when it is needed

        if self._users is None:
            self._users = UserTables()
        return self._users

    def _follow(self, unit: Unit) -> None:
        """Writes the rows of a subscription."""
        for advance in unit.moves:
            moved = self._checkpoints.setdefault(advance.subscription, {})
            moved[advance.part] = Checkpoint(advance.after, advance.after_id, advance.at)
        if unit.settle is not None:
            self._settle(unit.settle)
        if unit.discard is not None:
            self._drop(unit.discard)
        for park in sorted(unit.parks, key=_only_waits):
            self._park(park)

    def _placed(self, entries: Sequence[Entry], size: int) -> list[tuple[int, Entry]]:
        """Messages with their partitions. `size` is the bytes of state. Raises `TooLarge`, `Unstorable`."""
        placed: list[tuple[int, Entry]] = []
        parts = self._parts
        for entry in entries:
            key = entry.key
            part = parts.get(key)
            placed.append((self._part(key) if part is None else part, entry))
            size += len(entry.payload) + len(entry.headers)
        if size > LARGEST_UNIT:
            raise too_large(size, "a unit of work writes", "memory")
        return placed

    def _append(self, part: int, entry: Entry) -> None:
        channel, key, id, type, version, at, headers, payload = entry
        log = self._log.get((channel, part))
        if log is None:
            log = self._log[channel, part] = []
        last: tuple[Any, ...] = log[-1] if log else (part, *self._floor(channel, part))
        pos, prev = last[1], last[2]
        row = (part, pos + 1, id, prev, key, type, version, at, headers, payload)
        log.append(row)
        if '"stream":' in headers and channel == Channel.PRIVATE and (place := place_in(headers)) is not None:
            insort(self._streams.setdefault(place.stream, []), (place.life, place.seq, row))

    def _floor(self, channel: Channel, part: int) -> Checkpoint:
        return self._floors.get((channel, part)) or Checkpoint(0, "", 0.0)

    def _part(self, key: str) -> int:
        """Computes and caches the partition of a key. Raises `Unstorable`."""
        if len(self._parts) > 10_000:
            self._parts.clear()
        try:
            part = self._parts[key] = partition_of(key, self.partitions)
        except UnicodeEncodeError as error:
            raise Unstorable(
                f"a key is not valid text ({error})", where="memory",
                expected="text without lone surrogates", next="correct the code that makes the key",
            ) from error  # fmt: skip
        return part

    def _check(self, unit: Unit) -> int:
        """Checks a unit, and returns its bytes of state and outcome. Raises `Conflict`."""
        size = 0 if unit.claim is None else len(unit.claim.outcome)
        for kind, id, expected, body in unit.changes:
            size += len(body)
            current = self._state.get((kind, id))
            if (current[0] if current else 0) != expected:
                raise Conflict("state", where=f"{kind} {id}")
        if unit.rows:
            size += self._rows.check(unit.rows)
        for kind, id, expected in unit.forgets:
            if (kind, id) not in self._state or self._state[kind, id][0] != expected:
                raise Conflict("state", where=f"{kind} {id}")
        if unit.claim is not None and (unit.claim.caller, unit.claim.key) in self._outcomes:
            raise Conflict("claim", where=unit.claim.key)
        if unit.advance is not None:
            self._check_advance(unit.advance)
        for advance in unit.further:
            self._check_advance(advance)
        if unit.settle is not None or unit.discard is not None or unit.parks:
            self._check_letters(unit)
        return size

    def _check_letters(self, unit: Unit) -> None:
        handled = [place for place in (unit.settle, unit.discard) if place is not None]
        freed = {_key(place) for place in handled if self._is_last(place)}
        failed = {_key(park) for park in unit.parks if park.error}
        for park in unit.parks:
            if (key := _key(park)) not in failed and (key in freed or key not in self._parked):
                raise Conflict("parked", where=f"{park.subscription.name} key {park.key}")

    def _is_last(self, place: Settle | Discard) -> bool:
        """Whether removing this letter will free its key. Raises `Conflict`."""
        letters = self._letters.get(_key(place), [])
        found = [x for x in letters if (x.record.part, x.record.pos) == (place.part, place.pos)]
        if not found or (isinstance(place, Settle) and found[0] is not letters[0]):
            raise Conflict("letter", where=place.key)
        return len(letters) == 1 and not (isinstance(place, Settle) and place.error)

    def _check_advance(self, advance: Advance) -> None:
        checkpoints = self._checkpoints.get(advance.subscription, {})
        current = checkpoints.get(advance.part)
        if (current.pos if current else 0, current.id if current else "") != (advance.before, advance.before_id):
            raise Conflict("checkpoint", where=f"{advance.subscription.name} partition {advance.part}")

    def _park(self, park: Park) -> None:
        key = _key(park)
        letters = [x for x in self._letters.get(key, []) if x.record.pos != park.record.pos]
        self._letters[key] = letters
        insort(letters, Letter(park.record, park.at), key=lambda letter: letter.record.pos)
        at, retry_at, error = park.at, park.retry_at, park.error
        before = self._parked.get(key) or ParkedKey(*key, park.record.part, at, at, 1, retry_at, error, 0)
        self._parked[key] = before._replace(letters=len(letters))

    def _settle(self, settle: Settle) -> None:
        key = _key(settle)
        parked = self._parked[key]
        if settle.error:
            again = parked.attempts + 1
            self._parked[key] = parked._replace(
                tried_at=settle.at, attempts=again, retry_at=settle.retry_at, error=settle.error
            )
            return
        del self._letters[key][0]
        self._count(key)

    def _drop(self, discard: Discard) -> None:
        key = _key(discard)
        self._letters[key] = [x for x in self._letters[key] if x.record.pos != discard.pos]
        self._count(key)

    def _count(self, key: _Key) -> None:
        left = len(self._letters[key])
        if left:
            self._parked[key] = self._parked[key]._replace(letters=left, retry_at=0.0, attempts=1)
        else:
            del self._parked[key], self._letters[key]

    async def load(self, kind: str, id: str) -> tuple[int, bytes] | None:
        return self._state.get((kind, id))

    async def load_all(self, kind: str, ids: Collection[str]) -> Mapping[str, tuple[int, bytes]]:
        rows = ((id, self._state.get((kind, id))) for id in ids)
        return {id: row for id, row in rows if row is not None}

    async def count_states(self, kind: str) -> int:
        return sum(of == kind and bool(body) for (of, _), (_, body) in self._state.items())

    async def page(self, kind: str, after: str | None, limit: int) -> Sequence[tuple[str, int, bytes]]:
        there = (id for (of, id), row in self._state.items() if of == kind and row[1] and (after is None or id > after))
        return [(id, *self._state[kind, id]) for id in nsmallest(limit, there)]

    async def page_at(
        self, kind: str, after: str | None, limit: int
    ) -> tuple[Sequence[tuple[str, int, bytes]], Mapping[int, Checkpoint]]:
        private = Channel.PRIVATE
        floors = {part: floor for (of, part), floor in self._floors.items() if of == private}
        ends = {part: log[-1] for (of, part), log in self._log.items() if of == private and log}
        heads = floors | {part: Checkpoint(end[1], end[2], end[7]) for part, end in ends.items()}
        return await self.page(kind, after, limit), heads

    async def stream(self, name: str, life: int, after: int, limit: int) -> list[MessageRecord]:
        rows = self._streams.get(name, [])
        first = bisect(rows, (life, after + 1))
        return [MessageRecord._make(row) for of, _, row in rows[first : first + limit] if of == life]

    async def lives(self, name: str) -> list[tuple[int, int]]:
        return list({life: seq for life, seq, _ in self._streams.get(name, [])}.items())

    async def prepare_rows(self, tables: Sequence[RowTable]) -> None:
        """Nothing to prepare."""

    async def load_rows(self, table: RowTable, ids: Collection[str]) -> Mapping[str, tuple[int, bytes]]:
        return self._rows.load(table, ids)

    async def select_rows(self, selection: Selection, after: Place | None, limit: int) -> Sequence[SelectedRow]:
        return self._rows.select(selection, after)[:limit]

    async def count_rows(self, selection: Selection) -> int:
        return len(self._rows.select(selection, None))

    async def outcome(self, caller: str, key: str) -> StoredOutcome | None:
        return self._outcomes.get((caller, key))

    async def recall(
        self, caller: str, key: str, kind: str, id: str
    ) -> tuple[StoredOutcome | None, tuple[int, bytes] | None]:
        return await self.outcome(caller, key), await self.load(kind, id)

    async def first_begun(self, caller: str, key: str, at: float) -> tuple[StoredOutcome | None, float]:
        self._refuse_to_write()
        begun = self._outcomes.setdefault((caller + BEGUN, key), StoredOutcome(b"", b"", at))
        return await self.outcome(caller, key), begun.at

    async def read(self, channel: Channel, part: int, after: int, limit: int) -> list[MessageRecord]:
        first = max(0, after - self._floor(channel, part).pos)
        return [MessageRecord._make(row) for row in self._log.get((channel, part), [])[first : first + limit]]

    async def heads(self, channel: Channel) -> Heads:
        floors = {part: Head(floor.pos, floor.at) for (of, part), floor in self._floors.items() if of == channel}
        ends = {part: MessageRecord._make(log[-1]) for (of, part), log in self._log.items() if of == channel and log}
        return floors | {part: Head(end.pos, end.at) for part, end in ends.items()}

    async def checkpoints(self, subscription: SubscriptionId) -> Mapping[int, Checkpoint]:
        return dict(self._checkpoints.get(subscription, {}))

    async def parked(
        self, name: str | None = None, *, key: str | None = None, limit: int = 1000
    ) -> Sequence[ParkedKey]:
        rows = [x for x in self._parked.values() if name in (None, x.subscription.name) and key in (None, x.key)]
        return sorted(rows, key=lambda row: row.since)[:limit]

    async def parking(self) -> Sequence[SubscriptionId]:
        return sorted({row.subscription for row in self._parked.values()})

    async def count_parked(self, subscription: SubscriptionId) -> int:
        return len(self._parked_of(subscription))

    def _parked_of(self, subscription: SubscriptionId) -> list[ParkedKey]:
        return [row for row in self._parked.values() if row.subscription == subscription]

    async def parked_among(
        self, subscription: SubscriptionId, part: int, keys: Collection[str]
    ) -> Collection[str] | None:
        rows = [self._parked.get((subscription, key)) for key in keys]
        found = {row.key for row in rows if row is not None and row.part == part}
        if found or any(row.part == part for row in self._parked_of(subscription)):
            return found
        return None

    async def due(
        self, subscription: SubscriptionId, *, at: float, tried_after: float, limit: int
    ) -> Sequence[ParkedKey]:
        rows = self._parked_of(subscription)
        due = nsmallest(limit, (row for row in rows if row.retry_at <= at), key=lambda row: row.retry_at)
        ahead = [row for row in rows if row.tried_at > tried_after and row.retry_at > at]
        return due + ahead[:limit]

    async def letters(self, subscription: SubscriptionId, key: str, limit: int) -> Sequence[Letter]:
        return self._letters.get((subscription, key), [])[:limit]

    async def retry(self, name: str, key: str | None, at: float) -> int:
        self._refuse_to_write()
        due = [k for k, row in self._parked.items() if row.subscription.name == name and key in (None, row.key)]
        for k in due:
            self._parked[k] = self._parked[k]._replace(retry_at=at)
        return len(due)

    async def beat(self, process: str, at: float, body: str) -> None:
        self._refuse_to_write()
        if body:
            self._beats[process] = (at, body)
        else:
            self._beats.pop(process, None)

    async def beats(self) -> Mapping[str, tuple[float, str]]:
        return dict(self._beats)

    async def lease(self, owner: str, names: Collection[str], *, now: float, until: float) -> None:
        self._refuse_to_write()
        for name in names:
            holder, end = self._leases.get(name, ("", 0.0))
            if holder == owner or end <= now:
                self._leases[name] = (owner, until)

    async def leases(self) -> Mapping[str, tuple[str, float]]:
        return dict(self._leases)

    async def keep(self, caller: str, key: str, at: float) -> None:
        self._refuse_to_write()
        if (outcome := self._outcomes.get((caller, key))) is not None:
            self._outcomes[caller, key] = outcome._replace(at=at)

    async def prune(self, *, beats: float, outcomes: float, tombstones: float, limit: int) -> int:
        self._refuse_to_write()
        gone = [process for process, (at, _) in self._beats.items() if at < beats][:limit]
        for process in gone:
            del self._beats[process]
        old = [place for place, outcome in self._outcomes.items() if outcome.at < outcomes][:limit]
        for place in old:
            del self._outcomes[place]
        return len(gone) + len(old)  # memory keeps no tombstones

    async def floors(self, channel: Channel) -> Floors:
        return {part: floor for (of, part), floor in self._floors.items() if of == channel}

    async def trim(self, channel: Channel, part: int, *, upto: int, before: float, limit: int) -> int:
        self._refuse_to_write()
        log = self._log.get((channel, part), [])
        old = list(takewhile(lambda row: row[1] <= upto and row[7] < before, log[:limit]))
        if old:
            _, pos, id, *_, at, _, _ = old[-1]
            self._floors[channel, part] = Checkpoint(pos, id, at)
            del log[: len(old)]
        return len(old)

    async def put_back(self, channel: Channel, records: Sequence[MessageRecord], floor: Checkpoint | None) -> bool:
        self._refuse_to_write()
        part, last = records[0].part, records[-1]
        stands = self._floors.get((channel, part))
        if stands is None or (stands.pos, stands.id) != (last.pos, last.id):
            return False
        self._log[channel, part][:0] = records
        if floor is None:
            del self._floors[channel, part]
        else:
            self._floors[channel, part] = floor
        return True

    async def report(self, subscription: str, channel: Channel, positions: Mapping[int, int], at: float) -> None:
        self._refuse_to_write()
        self._subscribers[subscription, channel] = Subscriber(subscription, channel, dict(positions), at)

    async def subscribers(self) -> Sequence[Subscriber]:
        return [subscriber for _, subscriber in sorted(self._subscribers.items())]

    async def forget(self, subscription: str) -> int:
        self._refuse_to_write()
        gone = [place for place in self._subscribers if place[0] == subscription]
        for place in gone:
            del self._subscribers[place]
        return len(gone)

    async def erase(self, subscription: SubscriptionId) -> None:
        self._refuse_to_write()
        self._checkpoints.pop(subscription, None)
        for rows in (self._parked, self._letters):
            for key in [key for key in rows if key[0] == subscription]:
                del rows[key]

    async def place(self, subscription: SubscriptionId, checkpoints: Mapping[int, Checkpoint]) -> None:
        self._refuse_to_write()
        self._checkpoints.setdefault(subscription, {}).update(checkpoints)


def _only_waits(park: Park) -> bool:
    return not park.error


def _key(place: Park | Settle | Discard) -> _Key:
    return place.subscription, place.key


def open_memory(address: StoreAddress, context: str) -> MemoryStore:
    """Makes a new store, whatever the address: it does not outlive its process."""
    return MemoryStore()
