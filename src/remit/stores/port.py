"""The store port: one append-only log per context, and the rows that commit with it.

A store belongs to a context. A unit of work is only a list of rows until `commit`, which writes all of them or none.
Adapters take time as an argument and never read a clock. `Store` is the sum of small ports, one for each who uses it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol
from zlib import crc32

from remit.errors import StoreError, StoreUnavailable
from remit.log import Channel, Checkpoint, Log, MessageRecord, SubscriptionId
from remit.stores.technology import StoreTechnology

if TYPE_CHECKING:  # it takes half of the time that importing remit does
    from asyncio import CancelledError

# ── what is written ───────────────────────────────────────────────────────────────────────────────────────────────────


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key: stable over processes, versions and machines (CRC-32 modulo the number of partitions).

    Raises `UnicodeEncodeError` for a text that has no UTF-8, because it holds half of a surrogate pair. A store makes
    `Unstorable` of it.
    """
    return crc32(key.encode()) % partitions


class Entry(NamedTuple):
    """A message to be appended to the log. The store assigns its position."""

    channel: Channel
    key: str
    id: str
    type: str
    version: int
    at: float
    """Seconds since the epoch."""
    headers: str
    """JSON object."""
    payload: bytes


class Change(NamedTuple):
    """State to be written. `expected` is the version it was loaded with, 0 when it is new.

    An empty body removes it. Its version goes on, so that whoever loaded it before never fits again.
    """

    kind: str
    id: str
    expected: int
    body: bytes


class Forget(NamedTuple):
    """State that goes without a trace, of the version it was loaded with: for what may begin anew at any time."""

    kind: str
    id: str
    expected: int


class Advance(NamedTuple):
    """A checkpoint moved by compare-and-swap from one message to another."""

    subscription: SubscriptionId
    part: int
    before: int
    before_id: str
    after: int
    after_id: str
    at: float


class KeyClaim(NamedTuple):
    """An idempotency key taken by a command, with the outcome a repeated call will get."""

    caller: str
    """The type of the command, and who gave the key: a key means something among those of one type and one caller."""
    key: str
    fingerprint: bytes
    outcome: bytes
    at: float


class Park(NamedTuple):
    """A message put aside, as a letter: it failed and parks its key, or its key is parked and has to be until all is
    written. What has a letter already gets no second one; what was discarded waits again.

    What was handled and not put aside needs no such check. A key is parked in the unit that moves the checkpoint past
    its message, so whoever moved it from where it stood before it looked (`Store.parked_among`) has seen every parked
    key, but for those that were freed meanwhile.
    """

    subscription: SubscriptionId
    key: str
    record: MessageRecord
    at: float
    error: str
    """Why it failed, which parks the key. Of a key that is parked already nothing else changes: it keeps its error,
    times and attempts. Empty for a message that only waits behind a parked one."""
    retry_at: float
    """When a key that it parks is tried (seconds since the epoch). Means nothing where `error` is empty."""


class Settle(NamedTuple):
    """The lowest letter of a parked key has been handled: it goes, and the next one is due at once (`retry_at` 0.0,
    `attempts` 1), or the key is freed with its last one. Or it has failed again, with `error`: it stays, and so do
    those behind it; error and times of the key become these, and its attempts one more."""

    subscription: SubscriptionId
    key: str
    part: int
    pos: int
    error: str = ""
    at: float = 0.0
    """When it failed again, and when it is tried next (seconds since the epoch)."""
    retry_at: float = 0.0


class Discard(NamedTuple):
    """A letter thrown away by a person, any one of its key; a tombstone with the reason stays, where that can be. What
    is left of the key is due at once (`retry_at` 0.0); the key is freed with its last letter."""

    subscription: SubscriptionId
    key: str
    part: int
    pos: int
    reason: str
    at: float


@dataclass(slots=True)
class Unit:
    """The rows of one unit of work, written together or not at all."""

    changes: Sequence[Change] = ()
    entries: Sequence[Entry] = ()
    claim: KeyClaim | None = None
    """The key of a command that somebody may repeat; without one, nobody can."""
    advance: Advance | None = None
    parks: Sequence[Park] = ()
    settle: Settle | None = None
    discard: Discard | None = None
    forgets: Sequence[Forget] = ()
    further: Sequence[Advance] = ()
    """Checkpoints that move with `advance`, each of another subscription: those that follow together."""

    @property
    def moves(self) -> Sequence[Advance]:
        """All checkpoints that it moves."""
        return self.further if self.advance is None else (self.advance, *self.further)


class Committing(Protocol):
    """Writes units of work."""

    async def commit(self, unit: Unit) -> None:
        """Writes everything or nothing.

        `settle` and `discard` look at the letters that were there before; then come the `parks`, first those that have
        an error, in whatever order they are listed. So a unit may park a key that it frees, and with it what waits.

        Raises `Conflict` with one of these, and nothing is written:

        - `"state"`: a change or a `Forget` expects another version. `"claim"`: the key is taken.
        - `"checkpoint"`: it does not stand at `before` with `before_id`, or there is one and none was expected.
        - `"letter"`: what is settled is not the lowest letter of its key, or what is discarded is none.
        - `"parked"`: a message is to wait behind a key that neither is parked nor will be by this unit.

        Raises `TooLarge` (see `require_fit`; nothing written), `Unstorable` (a value that it cannot hold; nothing
        written), `StoreUnavailable` (nothing written), `OutcomeUnknown` (written or not). What one unit holds fails no
        other.

        When the caller is cancelled, a unit that still waits for its turn is withdrawn at once, and nothing of it is
        written. One that is being written is waited for. Either way `CancelledError` comes out, and it means that
        nothing was written, unless `was_written` says of it that the unit was. Where the outcome is not known in the
        end, or not within a bounded time, `OutcomeUnknown` comes out in its place; `Task.cancelling` still tells of
        the cancellation.
        """
        ...


_WRITTEN = "remit_written"


def note_written(cancelled: CancelledError, unit: Unit) -> None:
    """For stores: notes at a cancellation that this unit was written when it came out of its `Store.commit`."""
    vars(cancelled)[_WRITTEN] = unit


def was_written(cancelled: CancelledError, unit: Unit) -> bool:
    """Whether a unit was written whose `Store.commit` has ended with this cancellation.

    It is about this very unit: a cancellation goes on, through the callers of whoever has committed one.
    """
    return vars(cancelled).get(_WRITTEN) is unit


# ── state, and what commands have ended with ──────────────────────────────────────────────────────────────────────────


class States(Protocol):
    """Aggregates and documents of projections."""

    async def load(self, kind: str, id: str) -> tuple[int, bytes] | None:
        """Version and body of one piece of state, or None. What was removed has an empty body."""
        ...

    async def load_all(self, kind: str, ids: Collection[str]) -> Mapping[str, tuple[int, bytes]]:
        """The same for several of one kind, by identity, in one round trip. What was never there is not among them."""
        ...

    async def page(self, kind: str, after: str | None, limit: int) -> Sequence[tuple[str, int, bytes]]:
        """Identity, version and body of at most `limit` states of a kind, those after an identity, in the order of
        their identities (by code points). What was removed is not among them."""
        ...


class StoredOutcome(NamedTuple):
    """What a repeated call gets."""

    fingerprint: bytes
    outcome: bytes
    at: float
    """When the key was claimed, or kept last (seconds since the epoch)."""


class KeyClaims(Protocol):
    """What is known of commands that have a key."""

    async def outcome(self, caller: str, key: str) -> StoredOutcome | None:
        """What the command with this key has ended with, or None."""
        ...

    async def recall(
        self, caller: str, key: str, kind: str, id: str
    ) -> tuple[StoredOutcome | None, tuple[int, bytes] | None]:
        """`outcome` and `load` in one go: what a command begins with."""
        ...

    async def keep(self, caller: str, key: str, at: float) -> None:
        """A command was repeated at this time: its outcome is as young as if it had been claimed then."""
        ...


# ── subscriptions ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Checkpoints(Protocol):
    """The checkpoints of the subscriptions of this context. A unit moves them."""

    async def checkpoints(self, subscription: SubscriptionId) -> Mapping[int, Checkpoint]:
        """The checkpoints of a subscription, by partition."""
        ...

    async def place(self, subscription: SubscriptionId, checkpoints: Mapping[int, Checkpoint]) -> None:
        """Puts checkpoints where a person wants them, forwards or backwards; those of other partitions stay.

        Not for a subscription that moves on at the same time.
        """
        ...


class ParkedKey(NamedTuple):
    """A parked key, and the source's partition that it belongs to."""

    subscription: SubscriptionId
    key: str
    part: int
    since: float
    tried_at: float
    """When it failed last, by the clock of who tried (seconds since the epoch)."""
    attempts: int
    """1 when it is parked, and again when a letter has gone; one more for each time that its lowest one has failed."""
    retry_at: float
    """When it is to be tried (seconds since the epoch); 0.0 where a letter has gone, and the next one is due."""
    error: str
    """What its lowest letter has failed of last, or the one before it."""
    letters: int


class Letter(NamedTuple):
    """A message that waits behind a parked key, or failed and parked it."""

    record: MessageRecord
    at: float


class ParkedKeys(Protocol):
    """The parked keys of the subscriptions of this context. A unit parks them and frees them."""

    async def parked(
        self, name: str | None = None, *, key: str | None = None, limit: int = 1000
    ) -> Sequence[ParkedKey]:
        """At most `limit` parked keys, of one subscription or of all, longest parked first. For people: it may look at
        all of them."""
        ...

    async def count_parked(self, subscription: SubscriptionId) -> int:
        """How many keys are parked. For people: it may look at all of them."""
        ...

    async def parking(self) -> Sequence[SubscriptionId]:
        """The subscriptions that have parked keys, in order. For people: it may look at
        all of them."""
        ...

    # What a subscription asks all the time, and what is answered by looking at a few rows however many are parked.

    async def parked_among(
        self, subscription: SubscriptionId, part: int, keys: Collection[str]
    ) -> Collection[str] | None:
        """Which of these keys of a partition are parked; None when none of its keys is."""
        ...

    async def due(
        self, subscription: SubscriptionId, *, at: float, tried_after: float, limit: int
    ) -> Sequence[ParkedKey]:
        """At most `limit` parked keys that are to be tried at a time or before, the first to be tried first; and as
        many that failed last after another time: where that is in the future, a clock that is ahead has said when they
        are tried."""
        ...

    async def letters(self, subscription: SubscriptionId, key: str, limit: int) -> Sequence[Letter]:
        """The lowest letters of a parked key, in order."""
        ...

    async def retry(self, name: str, key: str | None, at: float) -> int:
        """Makes parked keys due at a time (seconds since the epoch); says how many."""
        ...


# ── what processes note for one another ───────────────────────────────────────────────────────────────────────────────


class Agreed(NamedTuple):
    """How late it is, as all agree who have a store open."""

    at: float
    """Seconds since the epoch."""
    moves: int
    """How often it has been moved."""


class Notes(Protocol):
    """What processes note for one another about a store. `NotesInRows` keeps it in rows of the other facets.

    What writes raises what `commit` raises.
    """

    async def agreed_time(self) -> Agreed | None:
        """How late it is, as all agree; None where nobody has said it yet."""
        ...

    async def agree(self, before: Agreed | None, at: float) -> None:
        """Moves that time from what it was. Raises `Conflict` when another process has moved it since."""
        ...

    async def event_keys(self) -> Mapping[str, str | None]:
        """By which field each event is ordered that this store has met; None: by the aggregate that recorded it."""
        ...

    async def note_event_keys(self, keys: Mapping[str, str | None]) -> None:
        """Notes it of events of which nothing is known; what is known stays. Raises `Conflict` when another process
        notes something at this moment."""
        ...

    async def first_begun(self, caller: str, key: str, at: float) -> tuple[StoredOutcome | None, float]:
        """`outcome`, and when this command was first begun: at this time (seconds since the epoch), or before.

        The time is kept, durably, before this returns; in one round trip. It is deleted as outcomes are.
        """
        ...

    async def missed(self, projection: SubscriptionId) -> Mapping[int, int]:
        """The position up to which a projection has missed messages, by partition; nothing when it has missed none."""
        ...

    async def note_missed(self, projection: SubscriptionId, upto: Mapping[int, Checkpoint]) -> None:
        """Notes that a projection has missed messages up to these, by partition. What is noted already stays."""
        ...

    async def accept_missed(self, projection: SubscriptionId, at: float) -> Mapping[int, int]:
        """Somebody takes the documents for complete as they are; says what was `missed` until then."""
        ...


# ── processes, and what is old ────────────────────────────────────────────────────────────────────────────────────────


class Members(Protocol):
    """The processes over one store: their signs of life, and which of them runs what."""

    async def beat(self, process: str, at: float, body: str) -> None:
        """Writes a process's sign of life: JSON about its subscriptions. An empty body removes it."""
        ...

    async def beats(self) -> Mapping[str, tuple[float, str]]:
        """The signs of life by process."""
        ...

    async def lease(self, owner: str, names: Collection[str], *, now: float, until: float) -> None:
        """Takes or renews the leases of these names, except those that another holds beyond `now`; with `until` 0.0
        gives up those that the owner holds. Times are seconds since the epoch."""
        ...

    async def leases(self) -> Mapping[str, tuple[str, float]]:
        """Owner and end of each lease by name, also of those that are over."""
        ...


class Retention(Protocol):
    """What deletes what is old, and forgets who is gone."""

    async def prune(self, *, beats: float, outcomes: float, tombstones: float, limit: int) -> int:
        """Deletes signs of life, outcomes of commands and tombstones of letters that are older than these times
        (seconds since the epoch), at most `limit` of each, so that commits wait but briefly; says how many."""
        ...

    async def trim(self, channel: Channel, part: int, *, upto: int, before: float, limit: int) -> int:
        """Deletes the first messages of a partition, up to a position, and only those before the first one that is of
        the time `before` (seconds since the epoch) or later; at most `limit`. Says how many.

        The floor moves in the same transaction. Positions and predecessors go on as if nothing had been deleted.
        """
        ...

    async def forget(self, subscription: str) -> int:
        """Removes what a subscription has reported; says for how many channels."""
        ...


# ── the store ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Store(Log, Committing, States, KeyClaims, Checkpoints, ParkedKeys, Notes, Members, Retention, Protocol):
    """A context's store. Methods raise `StoreUnavailable` (try again), `StoreError` (cannot be used as it is).

    Whoever needs a part of it names that part.
    """

    technology: StoreTechnology
    """What it can do: the description that its folder holds."""
    partitions: int
    """Of its log: any number from 1 on, but for ever the same one for the same data. Ours have 16."""

    async def open(self, *, read_only: bool = False) -> None:
        """Makes or migrates the schema and opens the store. Raises `StoreError`, `StoreUnavailable`.

        With `read_only` nothing is made, migrated or written: a store that is missing, newer or older is refused, and
        so is every later write, with `StoreError`.
        """
        ...

    async def close(self) -> None:
        """Finishes what is being committed, then closes. Idempotent."""
        ...

    def changed_elsewhere(self) -> bool:
        """True when another process has committed since the last time this was asked."""
        ...


def not_open(where: str) -> StoreUnavailable:
    """The error of every store that is used before it is opened, or after it was closed."""
    return StoreUnavailable(
        "the store is not open", where=where, expected="an open store", next="await open() before, and close() last"
    )


def written_read_only(where: str) -> StoreError:
    """The error of every store that was opened to be read and is written to."""
    return StoreError(
        "the store was opened for reading only", where=where, expected="a read", next="open it without read_only"
    )
