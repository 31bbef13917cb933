"""A store in one pickled file, which is written anew with every unit, under a lock: as simple as a store can be."""

from __future__ import annotations

import fcntl
import os
import pickle
from bisect import insort
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import TypeVar

from remit.errors import Conflict, StoreError, StoreUnavailable, Unstorable
from remit.log import Channel, Checkpoint, Head, MessageRecord, Subscriber, SubscriptionId, place_of
from remit.stores import (
    Discard,
    Entry,
    Letter,
    NotesInRows,
    Park,
    ParkedKey,
    Place,
    RowsInMemory,
    RowTable,
    SelectedRow,
    Selection,
    Settle,
    StoreAddress,
    StoredOutcome,
    Unit,
    partition_of,
    require_fit,
    written_read_only,
)

from . import SHELF  # noqa: TID252  it is installed under a shorter name than it has here

__all__ = ["ShelfStore", "open_shelf"]

R = TypeVar("R")
PARTITIONS = 16
Key = tuple[SubscriptionId, str]
Seen = tuple[int, int, int]


@dataclass
class Rows:
    """All that a store keeps."""

    state: dict[tuple[str, str], tuple[int, bytes]] = field(default_factory=dict[tuple[str, str], tuple[int, bytes]])
    log: dict[tuple[int, int], list[MessageRecord]] = field(default_factory=dict[tuple[int, int], list[MessageRecord]])
    floors: dict[tuple[int, int], Checkpoint] = field(default_factory=dict[tuple[int, int], Checkpoint])
    outcomes: dict[tuple[str, str], StoredOutcome] = field(default_factory=dict[tuple[str, str], StoredOutcome])
    begun: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])
    checkpoints: dict[tuple[SubscriptionId, int], Checkpoint] = field(
        default_factory=dict[tuple[SubscriptionId, int], Checkpoint]
    )
    parked: dict[Key, ParkedKey] = field(default_factory=dict[Key, ParkedKey])
    letters: dict[Key, list[Letter]] = field(default_factory=dict[Key, list[Letter]])
    beats: dict[str, tuple[float, str]] = field(default_factory=dict[str, tuple[float, str]])
    leases: dict[str, tuple[str, float]] = field(default_factory=dict[str, tuple[str, float]])
    tables: RowsInMemory = field(default_factory=RowsInMemory)
    subscribers: dict[tuple[str, Channel], Subscriber] = field(default_factory=dict[tuple[str, Channel], Subscriber])

    # What a unit asks for is looked at as a whole, before any of it is written.

    def check(self, unit: Unit) -> None:
        """Raises `Conflict`, `Unstorable`."""
        for change in unit.changes:
            if self.state.get((change.kind, change.id), (0,))[0] != change.expected:
                raise Conflict("state", where=f"{change.kind} {change.id}")
        for forget in unit.forgets:
            if self.state.get((forget.kind, forget.id), (None,))[0] != forget.expected:
                raise Conflict("state", where=f"{forget.kind} {forget.id}")
        self.tables.check(unit.rows)
        if unit.claim is not None and (unit.claim.caller, unit.claim.key) in self.outcomes:
            raise Conflict("claim", where=unit.claim.key)
        for move in unit.moves:
            stands = self.checkpoints.get((move.subscription, move.part))
            if (stands[:2] if stands else (0, "")) != (move.before, move.before_id):
                raise Conflict("checkpoint", where=move.subscription.name)
        self._check_parks(unit.parks, [place for place in (unit.settle, unit.discard) if place is not None])
        for entry in unit.entries:
            part_of(entry)

    def _check_parks(self, parks: Sequence[Park], handled: Sequence[Settle | Discard]) -> None:
        freed = {key_of(place) for place in handled if self._is_last(place)}
        parked = (self.parked.keys() - freed) | {key_of(park) for park in parks if park.error}
        for park in parks:
            if key_of(park) not in parked:
                raise Conflict("parked", where=park.key)

    def _is_last(self, place: Settle | Discard) -> bool:
        """Whether its key is freed when this letter is gone, as it will be."""
        letters = [letter.record[:2] for letter in self.letters.get(key_of(place), [])]
        if (place.part, place.pos) not in (letters[:1] if isinstance(place, Settle) else letters):
            raise Conflict("letter", where=place.key)
        return len(letters) == 1 and not (isinstance(place, Settle) and place.error)

    def write(self, unit: Unit) -> None:
        """Writes all of a unit that was checked."""
        for kind, id, expected, body in unit.changes:
            self.state[kind, id] = (expected + 1, body)
        for forget in unit.forgets:
            del self.state[forget.kind, forget.id]
        self.tables.write(unit.rows)
        if (claim := unit.claim) is not None:
            self.outcomes[claim.caller, claim.key] = StoredOutcome(claim.fingerprint, claim.outcome, claim.at)
        for move in unit.moves:
            self.checkpoints[move.subscription, move.part] = Checkpoint(move.after, move.after_id, move.at)
        if unit.settle is not None:
            self._settle(unit.settle)
        if (gone := unit.discard) is not None:
            self._leave(key_of(gone), [x for x in self.letters[key_of(gone)] if x.record.pos != gone.pos])
        for park in sorted(unit.parks, key=lambda park: not park.error):
            self._park(park)
        for entry in unit.entries:
            self._append(part_of(entry), entry)

    def _append(self, part: int, entry: Entry) -> None:
        channel, key, id, type, version, at, headers, payload = entry
        log = self.log.setdefault((channel, part), [])
        floor = self.floors.get((channel, part), Checkpoint(0, "", 0.0))
        pos, prev = (log[-1].pos, log[-1].id) if log else floor[:2]
        log.append(MessageRecord(part, pos + 1, id, prev, key, type, version, at, headers, payload))

    def _park(self, park: Park) -> None:
        letters = [x for x in self.letters.get(key_of(park), []) if x.record.pos != park.record.pos]
        self.letters[key_of(park)] = letters
        insort(letters, Letter(park.record, park.at), key=lambda letter: letter.record.pos)
        new = ParkedKey(*key_of(park), park.record.part, park.at, park.at, 1, park.retry_at, park.error, 0)
        self.parked[key_of(park)] = self.parked.get(key_of(park), new)._replace(letters=len(letters))

    def _settle(self, settle: Settle) -> None:
        key = key_of(settle)
        if not settle.error:
            self._leave(key, self.letters[key][1:])
            return
        self.parked[key] = self.parked[key]._replace(
            tried_at=settle.at,
            attempts=self.parked[key].attempts + 1,
            retry_at=settle.retry_at,
            error=settle.error,
        )

    def _leave(self, key: Key, letters: list[Letter]) -> None:
        if letters:
            self.letters[key] = letters
            self.parked[key] = self.parked[key]._replace(letters=len(letters), retry_at=0.0)
        else:
            del self.parked[key], self.letters[key]


def key_of(place: Park | Settle | Discard) -> Key:
    return place.subscription, place.key


def part_of(entry: Entry) -> int:
    """Raises `Unstorable` for a key that is no text."""
    try:
        return partition_of(entry.key, PARTITIONS)
    except UnicodeEncodeError as error:
        raise Unstorable(f"a key is no text ({error})", where="shelf") from error


class ShelfStore(NotesInRows):
    """The store of a context in the file at `path`. Nothing in it waits, so a cancelled caller finds it untouched."""

    def __init__(self, path: str | Path) -> None:
        self.technology = SHELF
        self.partitions = PARTITIONS
        self._path = Path(path)
        self._rows = Rows()
        self._seen: Seen | None = None
        self._told: Seen | None = None
        self._others = False
        self._read_only = False
        self._watchers: list[Callable[[], None]] = []

    async def open(self, *, read_only: bool = False) -> None:
        if read_only and not self._path.is_file():
            raise StoreError("there is no store", where=str(self._path), expected="a store that has run")
        self._read_only = read_only
        if not read_only:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._write(lambda rows: None)
        self.changed_elsewhere()

    async def close(self) -> None:
        """Nothing stays open."""

    # Reading and writing the file.

    def _look(self) -> Rows:
        """The rows as they are now."""
        try:
            found = self._path.stat()
            seen = found.st_ino, found.st_mtime_ns, found.st_size
            if seen != self._seen:
                self._rows, self._seen, self._others = pickle.loads(self._path.read_bytes()), seen, True
        except FileNotFoundError:
            self._rows, self._seen = Rows(), None
        except OSError as error:
            raise StoreUnavailable(str(error), where=str(self._path)) from error
        return self._rows

    def _write(self, change: Callable[[Rows], R]) -> R:
        if self._read_only:
            raise written_read_only(str(self._path))
        with self._locked():
            done = change(self._look())
            new = self._path.with_suffix(".new")
            new.write_bytes(pickle.dumps(self._rows))
            found = new.stat()
            self._seen = found.st_ino, found.st_mtime_ns, found.st_size
            new.replace(self._path)
        return done

    @contextmanager
    def _locked(self) -> Generator[None]:
        lock = os.open(self._path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        except OSError as error:
            raise StoreUnavailable(str(error), where=str(self._path)) from error
        finally:
            os.close(lock)

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        self._watchers.append(wake)
        return lambda: self._watchers.remove(wake)

    def changed_elsewhere(self) -> bool:
        self._look()
        others, self._others = self._others, False
        return others

    async def commit(self, unit: Unit) -> None:
        require_fit(unit, str(self._path))

        def all_or_nothing(rows: Rows) -> None:
            rows.check(unit)
            rows.write(unit)

        self._write(all_or_nothing)
        for wake in self._watchers if unit.entries else ():
            wake()

    # State, commands, the log.

    async def load(self, kind: str, id: str) -> tuple[int, bytes] | None:
        return self._look().state.get((kind, id))

    async def load_all(self, kind: str, ids: Collection[str]) -> Mapping[str, tuple[int, bytes]]:
        state = self._look().state
        return {id: state[kind, id] for id in ids if (kind, id) in state}

    async def count_states(self, kind: str) -> int:
        return sum(of == kind and bool(body) for (of, _), (_, body) in self._look().state.items())

    async def page(self, kind: str, after: str | None, limit: int) -> Sequence[tuple[str, int, bytes]]:
        rows = sorted((id, *row) for (of, id), row in self._look().state.items() if of == kind and row[1])
        return [row for row in rows if after is None or row[0] > after][:limit]

    async def page_at(
        self, kind: str, after: str | None, limit: int
    ) -> tuple[Sequence[tuple[str, int, bytes]], Mapping[int, Checkpoint]]:
        rows = self._look()
        floors = {part: floor for (of, part), floor in rows.floors.items() if of == Channel.PRIVATE}
        ends = {part: log[-1] for (of, part), log in rows.log.items() if of == Channel.PRIVATE and log}
        heads = floors | {part: Checkpoint(end.pos, end.id, end.at) for part, end in ends.items()}
        return await self.page(kind, after, limit), heads

    async def stream(self, name: str, life: int, after: int, limit: int) -> list[MessageRecord]:
        rows = [row for (channel, _), log in self._look().log.items() if channel == Channel.PRIVATE for row in log]
        found = [(place, row) for row in rows if (place := place_of(row)) is not None]
        there = sorted((place.seq, row) for place, row in found if (place.stream, place.life) == (name, life))
        return [row for seq, row in there if seq > after][:limit]

    async def lives(self, name: str) -> list[tuple[int, int]]:
        rows = [row for (channel, _), log in self._look().log.items() if channel == Channel.PRIVATE for row in log]
        places = sorted(place for row in rows if (place := place_of(row)) is not None and place.stream == name)
        return list({place.life: place.seq for place in places}.items())

    async def prepare_rows(self, tables: Sequence[RowTable]) -> None:
        """Nothing to prepare."""

    async def load_rows(self, table: RowTable, ids: Collection[str]) -> Mapping[str, tuple[int, bytes]]:
        return self._look().tables.load(table, ids)

    async def select_rows(self, selection: Selection, after: Place | None, limit: int) -> Sequence[SelectedRow]:
        return self._look().tables.select(selection, after)[:limit]

    async def count_rows(self, selection: Selection) -> int:
        return len(self._look().tables.select(selection, None))

    async def outcome(self, caller: str, key: str) -> StoredOutcome | None:
        return self._look().outcomes.get((caller, key))

    async def recall(
        self, caller: str, key: str, kind: str, id: str
    ) -> tuple[StoredOutcome | None, tuple[int, bytes] | None]:
        return await self.outcome(caller, key), await self.load(kind, id)

    async def first_begun(self, caller: str, key: str, at: float) -> tuple[StoredOutcome | None, float]:
        begun = self._write(lambda rows: rows.begun.setdefault((caller, key), at))
        return await self.outcome(caller, key), begun

    async def keep(self, caller: str, key: str, at: float) -> None:
        def again(rows: Rows) -> None:
            if (known := rows.outcomes.get((caller, key))) is not None:
                rows.outcomes[caller, key] = known._replace(at=at)

        self._write(again)

    async def read(self, channel: Channel, part: int, after: int, limit: int) -> list[MessageRecord]:
        return [row for row in self._look().log.get((channel, part), []) if row.pos > after][:limit]

    async def heads(self, channel: Channel) -> Mapping[int, Head]:
        rows = self._look()
        floors = {part: Head(floor.pos, floor.at) for (of, part), floor in rows.floors.items() if of == channel}
        return floors | {
            part: Head(log[-1].pos, log[-1].at) for (of, part), log in rows.log.items() if of == channel and log
        }

    async def floors(self, channel: Channel) -> Mapping[int, Checkpoint]:
        return {part: floor for (of, part), floor in self._look().floors.items() if of == channel}

    async def trim(self, channel: Channel, part: int, *, upto: int, before: float, limit: int) -> int:
        def cut(rows: Rows) -> int:
            log = rows.log.get((channel, part), [])
            old = list(takewhile(lambda row: row.pos <= upto and row.at < before, log[:limit]))
            if old:
                rows.floors[channel, part] = Checkpoint(old[-1].pos, old[-1].id, old[-1].at)
                del log[: len(old)]
            return len(old)

        return self._write(cut)

    async def put_back(self, channel: Channel, records: Sequence[MessageRecord], floor: Checkpoint | None) -> bool:
        def put(rows: Rows) -> bool:
            place = (channel, records[0].part)
            stands, last = rows.floors.get(place), records[-1]
            if stands is None or (stands.pos, stands.id) != (last.pos, last.id):
                return False
            rows.log.setdefault(place, [])[:0] = records
            if floor is None:
                del rows.floors[place]
            else:
                rows.floors[place] = floor
            return True

        return self._write(put)

    # Subscriptions.

    async def checkpoints(self, subscription: SubscriptionId) -> Mapping[int, Checkpoint]:
        return {part: place for (of, part), place in self._look().checkpoints.items() if of == subscription}

    async def place(self, subscription: SubscriptionId, checkpoints: Mapping[int, Checkpoint]) -> None:
        moved = {(subscription, part): checkpoint for part, checkpoint in checkpoints.items()}
        self._write(lambda rows: rows.checkpoints.update(moved))

    async def report(self, subscription: str, channel: Channel, positions: Mapping[int, int], at: float) -> None:
        said = {(subscription, channel): Subscriber(subscription, channel, dict(positions), at)}
        self._write(lambda rows: rows.subscribers.update(said))

    async def subscribers(self) -> Sequence[Subscriber]:
        return [subscriber for _, subscriber in sorted(self._look().subscribers.items())]

    async def forget(self, subscription: str) -> int:
        def drop(rows: Rows) -> int:
            gone = [place for place in rows.subscribers if place[0] == subscription]
            return len([rows.subscribers.pop(place) for place in gone])

        return self._write(drop)

    async def erase(self, subscription: SubscriptionId) -> None:
        def drop(rows: Rows) -> None:
            rows.checkpoints = {place: at for place, at in rows.checkpoints.items() if place[0] != subscription}
            rows.parked = {key: row for key, row in rows.parked.items() if key[0] != subscription}
            rows.letters = {key: those for key, those in rows.letters.items() if key[0] != subscription}

        self._write(drop)

    async def parked(
        self, name: str | None = None, *, key: str | None = None, limit: int = 1000
    ) -> Sequence[ParkedKey]:
        rows = self._look().parked.values()
        found = [row for row in rows if name in (None, row.subscription.name) and key in (None, row.key)]
        return sorted(found, key=lambda row: row.since)[:limit]

    async def count_parked(self, subscription: SubscriptionId) -> int:
        return len(self._parked_of(subscription))

    def _parked_of(self, subscription: SubscriptionId) -> list[ParkedKey]:
        return [row for row in self._look().parked.values() if row.subscription == subscription]

    async def parking(self) -> Sequence[SubscriptionId]:
        return sorted({row.subscription for row in self._look().parked.values()})

    async def parked_among(
        self, subscription: SubscriptionId, part: int, keys: Collection[str]
    ) -> Collection[str] | None:
        rows = [row for row in self._parked_of(subscription) if row.part == part]
        return {row.key for row in rows if row.key in keys} if rows else None

    async def due(
        self, subscription: SubscriptionId, *, at: float, tried_after: float, limit: int
    ) -> Sequence[ParkedKey]:
        rows = sorted(self._parked_of(subscription), key=lambda row: row.retry_at)
        ahead = [row for row in rows if row.tried_at > tried_after and row.retry_at > at]
        return [row for row in rows if row.retry_at <= at][:limit] + ahead[:limit]

    async def letters(self, subscription: SubscriptionId, key: str, limit: int) -> Sequence[Letter]:
        return self._look().letters.get((subscription, key), [])[:limit]

    async def retry(self, name: str, key: str | None, at: float) -> int:
        def hasten(rows: Rows) -> int:
            due = [k for k, row in rows.parked.items() if row.subscription.name == name and key in (None, row.key)]
            rows.parked.update({k: rows.parked[k]._replace(retry_at=at) for k in due})
            return len(due)

        return self._write(hasten)

    # Processes.

    async def beat(self, process: str, at: float, body: str) -> None:
        def sign(rows: Rows) -> None:
            rows.beats.pop(process, None)
            rows.beats.update({process: (at, body)} if body else {})

        self._write(sign)

    async def beats(self) -> Mapping[str, tuple[float, str]]:
        return dict(self._look().beats)

    async def lease(self, owner: str, names: Collection[str], *, now: float, until: float) -> None:
        def take(rows: Rows) -> None:
            for name in names:
                holder, end = rows.leases.get(name, ("", 0.0))
                if holder == owner or end <= now:
                    rows.leases[name] = (owner, until)

        self._write(take)

    async def leases(self) -> Mapping[str, tuple[str, float]]:
        return dict(self._look().leases)

    async def prune(self, *, beats: float, outcomes: float, tombstones: float, limit: int) -> int:
        def clear(rows: Rows) -> int:
            silent = [process for process, (at, _) in rows.beats.items() if at < beats][:limit]
            old = [place for place, outcome in rows.outcomes.items() if outcome.at < outcomes][:limit]
            begun = [place for place, at in rows.begun.items() if at < outcomes][:limit]
            gone = len([rows.beats.pop(each) for each in silent]) + len([rows.outcomes.pop(each) for each in old])
            return gone + len([rows.begun.pop(each) for each in begun])

        return self._write(clear)


def open_shelf(address: StoreAddress, context: str) -> ShelfStore:
    """The store at `shelf:PATH`, not yet opened."""
    return ShelfStore(address.path)
