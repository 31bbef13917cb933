"""The port of stores: one append-only log per context, and the rows that commit with it.

A store belongs to a context. A unit of work is a list of rows until `commit`, which writes all of them or none.
Adapters take time as an argument and never read a clock. `Store` is the sum of small ports, one for each kind of user.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from zlib import crc32

from remit.errors import StoreError, StoreUnavailable
from remit.log import Channel, Checkpoint, Log, MessageRecord, SubscriptionId
from remit.stores.rows import RowChange, Rows
from remit.stores.technology import StoreTechnology

# ── what is written ───────────────────────────────────────────────────────────────────────────────────────────────────


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key: CRC-32 modulo the number of partitions, the same in all processes, versions and machines.

    Raises `UnicodeEncodeError` for a text with a lone surrogate; a store turns that into `Unstorable`.
    """
    return crc32(key.encode()) % partitions


class Entry(NamedTuple):
    """A message to append to the log. The store assigns its position."""

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
    """State to write. `expected` is the version it was loaded with, 0 if it is new.

    An empty body removes the state. The version continues after a removal, so that an older load always conflicts.
    """

    kind: str
    id: str
    expected: int
    body: bytes


class Forget(NamedTuple):
    """State to delete together with its version. For state that may begin anew at any time."""

    kind: str
    id: str
    expected: int


class Advance(NamedTuple):
    """Moves a checkpoint by compare-and-swap from one message to another."""

    subscription: SubscriptionId
    part: int
    before: int
    before_id: str
    after: int
    after_id: str
    at: float


class KeyClaim(NamedTuple):
    """Takes an idempotency key for a command, with the outcome that a repeated call gets."""

    caller: str
    """The type of the command and the owner of the key. Keys are unique within these."""
    key: str
    fingerprint: bytes
    outcome: bytes
    at: float


class Park(NamedTuple):
    """Puts a message aside as a letter. It has failed and parks its key, or its key is already parked and still is when
    the unit is written. A message that has a letter gets no second one; one that was discarded waits again.

    Handled messages need no check for parked keys. A key is parked in the unit that moves the checkpoint past its
    message. So a process whose checkpoint stands where it was before it looked (`Store.parked_among`) has seen every
    parked key, except those that were freed since.
    """

    subscription: SubscriptionId
    key: str
    record: MessageRecord
    at: float
    error: str
    """Why it failed; this parks the key. A key that is parked already keeps its error, times and attempts. Empty for a
    message that only waits behind a parked key."""
    retry_at: float
    """When the parked key is first retried (seconds since the epoch). Ignored if `error` is empty."""


class Settle(NamedTuple):
    """Settles the lowest letter of a parked key. Without `error` it was handled: it is deleted, and the next letter is
    due at once (`retry_at` 0.0, `attempts` 1), or the key is freed with its last letter. With `error` it failed again:
    all letters stay, the key gets this error and these times, and its attempts grow by one."""

    subscription: SubscriptionId
    key: str
    part: int
    pos: int
    error: str = ""
    at: float = 0.0
    """When it failed again, and when it is retried (seconds since the epoch)."""
    retry_at: float = 0.0


class Discard(NamedTuple):
    """A person discards a letter, any one of its key. A tombstone with the reason stays, if the store keeps them. The
    rest of the key is due at once (`retry_at` 0.0); the key is freed with its last letter."""

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
    """The idempotency key of a command; None if it cannot be repeated."""
    advance: Advance | None = None
    parks: Sequence[Park] = ()
    settle: Settle | None = None
    discard: Discard | None = None
    forgets: Sequence[Forget] = ()
    further: Sequence[Advance] = ()
    """Checkpoints that move with `advance`, of subscriptions that follow together with it."""
    rows: Sequence[RowChange] = ()
    """Rows of row models, each at most once."""
    repeatable: bool = False
    """Whether all of it follows from the log of this store, and is done again if it is missing. A store whose processes
    end with its machine may confirm it before it is on the disk, in the order of its commits."""

    @property
    def moves(self) -> Sequence[Advance]:
        """All checkpoints that it moves."""
        return self.further if self.advance is None else (self.advance, *self.further)


class Committing(Protocol):
    """Writes units of work."""

    async def commit(self, unit: Unit) -> None:
        """Writes everything or nothing.

        `settle` and `discard` apply to the letters that were there before. Then come the `parks`: first those with an
        error, in whatever order they are listed. So a unit may park a key that it frees, and put messages behind it.

        Raises `Conflict` with one of these, and nothing is written:

        - `"state"`: a `Change`, `Forget` or `RowChange` expects another version. `"claim"`: the key is taken.
        - `"checkpoint"`: it does not stand at `before` with `before_id`, or it exists and none was expected.
        - `"letter"`: the settled letter is not the lowest of its key, or the discarded letter does not exist.
        - `"parked"`: a message is to wait behind a key that is neither parked nor will be by this unit.

        Raises `TooLarge` (see `require_fit`; nothing written), `Unstorable` (a value that the store cannot hold;
        nothing written), `StoreUnavailable` (nothing written), `OutcomeUnknown` (written or not). A unit never fails
        because of another unit's contents.

        If the caller is cancelled while the unit waits for its turn, the unit is withdrawn at once and not written. If
        the unit is being written, the caller waits for it. In both cases `CancelledError` is raised; it means that
        nothing was written, unless `was_written` says otherwise. If the outcome stays unknown, or is not known within
        a bounded time, `OutcomeUnknown` is raised instead; `Task.cancelling` still counts the cancellation.
        """
        ...


# ── state, and outcomes of commands ───────────────────────────────────────────────────────────────────────────────────


class States(Protocol):
    """State: aggregates, and documents of projections."""

    async def load(self, kind: str, id: str) -> tuple[int, bytes] | None:
        """Version and body of one state, or None. Removed state has an empty body."""
        ...

    async def load_all(self, kind: str, ids: Collection[str]) -> Mapping[str, tuple[int, bytes]]:
        """As `load`, for several of one kind by identity, in one round trip. Those that never existed are missing."""
        ...

    async def page(self, kind: str, after: str | None, limit: int) -> Sequence[tuple[str, int, bytes]]:
        """Identity, version and body of at most `limit` states of a kind whose identities come after `after`, in the
        order of identities (by code points). Without removed state."""
        ...

    async def page_at(
        self, kind: str, after: str | None, limit: int
    ) -> tuple[Sequence[tuple[str, int, bytes]], Mapping[int, Checkpoint]]:
        """As `page`, with the last message of each partition of the private channel at that moment: what was committed
        together with one of the messages up to there is in the states, and nothing that was committed later."""
        ...

    async def count_states(self, kind: str) -> int:
        """The number of states of a kind, without removed state. It reads all of them: not for each command."""
        ...


class Streams(Protocol):
    """The streams of event-sourced aggregates: messages of the private channel whose headers name a stream."""

    async def stream(self, name: str, life: int, after: int, limit: int) -> Sequence[MessageRecord]:
        """At most `limit` messages of one life of a stream whose numbers in it come after `after`, in their order. Read
        by an index, whatever partitions they are in."""
        ...

    async def lives(self, name: str) -> Sequence[tuple[int, int]]:
        """The lives of a stream, in order, each with the number of its last event."""
        ...


class StoredOutcome(NamedTuple):
    """The outcome that a repeated call gets."""

    fingerprint: bytes
    outcome: bytes
    at: float
    """When the key was claimed or last renewed (seconds since the epoch)."""


class KeyClaims(Protocol):
    """The outcomes of commands with idempotency keys."""

    async def outcome(self, caller: str, key: str) -> StoredOutcome | None:
        """The outcome of the command with this key, or None."""
        ...

    async def recall(
        self, caller: str, key: str, kind: str, id: str
    ) -> tuple[StoredOutcome | None, tuple[int, bytes] | None]:
        """`outcome` and `load` in one round trip, for the begin of a command."""
        ...

    async def keep(self, caller: str, key: str, at: float) -> None:
        """Renews an outcome: it counts as claimed at the time `at` (seconds since the epoch)."""
        ...


# ── subscriptions ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Checkpoints(Protocol):
    """The checkpoints of this context's subscriptions. Units move them."""

    async def checkpoints(self, subscription: SubscriptionId) -> Mapping[int, Checkpoint]:
        """The checkpoints of a subscription, by partition."""
        ...

    async def place(self, subscription: SubscriptionId, checkpoints: Mapping[int, Checkpoint]) -> None:
        """Sets checkpoints for a person, forwards or backwards; other partitions stay as they are.

        Not for a subscription that is running.
        """
        ...


class ParkedKey(NamedTuple):
    """A parked key, and the partition of the source that it belongs to."""

    subscription: SubscriptionId
    key: str
    part: int
    since: float
    tried_at: float
    """When it failed last, by the clock of the process that tried (seconds since the epoch)."""
    attempts: int
    """1 when it is parked and after each letter that was settled; one more for each failure of its lowest letter."""
    retry_at: float
    """When it is retried (seconds since the epoch); 0.0 if a letter was settled and the next one is due."""
    error: str
    """The last error of its lowest letter, or of the one before."""
    letters: int


class Letter(NamedTuple):
    """A message that waits behind a parked key, or that failed and parked it."""

    record: MessageRecord
    at: float


class ParkedKeys(Protocol):
    """The parked keys of this context's subscriptions. Units park and free them."""

    async def parked(
        self, name: str | None = None, *, key: str | None = None, limit: int = 1000
    ) -> Sequence[ParkedKey]:
        """At most `limit` parked keys, of one subscription or of all, longest parked first. For people: it may read all
        of them."""
        ...

    async def count_parked(self, subscription: SubscriptionId) -> int:
        """The number of parked keys. For people: it may read all of them."""
        ...

    async def parking(self) -> Sequence[SubscriptionId]:
        """The subscriptions that have parked keys, in order. For people: it may read all of them."""
        ...

    # Called by subscriptions all the time. The cost must not grow with the number of parked keys.

    async def parked_among(
        self, subscription: SubscriptionId, part: int, keys: Collection[str]
    ) -> Collection[str] | None:
        """Which of these keys of a partition are parked; None if no key of the partition is."""
        ...

    async def due(
        self, subscription: SubscriptionId, *, at: float, tried_after: float, limit: int
    ) -> Sequence[ParkedKey]:
        """At most `limit` parked keys whose retry time is `at` or before, earliest first. Also at most `limit` that
        failed last after `tried_after`: with `tried_after` in the future, their times come from a clock that is
        ahead."""
        ...

    async def letters(self, subscription: SubscriptionId, key: str, limit: int) -> Sequence[Letter]:
        """The lowest letters of a parked key, in order."""
        ...

    async def retry(self, name: str, key: str | None, at: float) -> int:
        """Makes parked keys due at a time (seconds since the epoch). Returns how many."""
        ...


# ── notes of processes ────────────────────────────────────────────────────────────────────────────────────────────────


class Agreed(NamedTuple):
    """The time on which all processes agree that have the store open."""

    at: float
    """Seconds since the epoch."""
    moves: int
    """How often it was moved."""


class Notes(Protocol):
    """Notes that processes leave for each other in a store. `NotesInRows` implements it by the other ports.

    Methods that write raise the errors of `commit`.
    """

    async def agreed_time(self) -> Agreed | None:
        """The agreed time; None if there is none yet."""
        ...

    async def agree(self, before: Agreed | None, at: float) -> None:
        """Moves the agreed time. Raises `Conflict` if it is no longer `before`."""
        ...

    async def event_keys(self) -> Mapping[str, str | None]:
        """The ordering field of each event that this store knows; None: ordered by its aggregate."""
        ...

    async def note_event_keys(self, keys: Mapping[str, str | None]) -> None:
        """Adds the ordering fields of new events; known ones stay. Raises `Conflict` if another process adds some
        concurrently."""
        ...

    async def first_begun(self, caller: str, key: str, at: float) -> tuple[StoredOutcome | None, float]:
        """`outcome`, and when this command was first begun: `at` (seconds since the epoch), or earlier.

        Stores that time durably before it returns, in one round trip. It is deleted as outcomes are.
        """
        ...

    async def missed(self, projection: SubscriptionId) -> Mapping[int, int]:
        """The position up to which a projection has missed messages, by partition; empty if it has missed none."""
        ...

    async def note_missed(self, projection: SubscriptionId, upto: Mapping[int, Checkpoint]) -> None:
        """Notes that a projection has missed the messages up to these, by partition. Earlier notes stay."""
        ...

    async def accept_missed(self, projection: SubscriptionId, at: float) -> Mapping[int, int]:
        """Accepts the documents as complete. Returns what was `missed` until then."""
        ...


# ── processes and retention ───────────────────────────────────────────────────────────────────────────────────────────


class Members(Protocol):
    """The processes of a store: their signs of life, and their leases."""

    async def beat(self, process: str, at: float, body: str) -> None:
        """Writes a process's sign of life: JSON about its subscriptions. An empty body removes it."""
        ...

    async def beats(self) -> Mapping[str, tuple[float, str]]:
        """The signs of life by process."""
        ...

    async def lease(self, owner: str, names: Collection[str], *, now: float, until: float) -> None:
        """Takes or renews the leases of these names, except those that another owner holds beyond `now`. With `until`
        0.0 gives up those that the owner holds. Times are seconds since the epoch."""
        ...

    async def leases(self) -> Mapping[str, tuple[str, float]]:
        """Owner and end of each lease by name, including expired ones."""
        ...


class Retention(Protocol):
    """Deletes what is old."""

    async def prune(self, *, beats: float, outcomes: float, tombstones: float, limit: int) -> int:
        """Deletes signs of life, outcomes of commands and tombstones of letters that are older than these times
        (seconds since the epoch), at most `limit` of each, so that commits hardly wait. Returns how many."""
        ...

    async def trim(self, channel: Channel, part: int, *, upto: int, before: float, limit: int) -> int:
        """Deletes messages from the beginning of a partition: at most `limit`, none after the position `upto`, and none
        from the first one on that was written at `before` (seconds since the epoch) or later. Returns how many.

        The floor moves in the same transaction. Positions and predecessors continue unchanged."""
        ...

    async def put_back(self, channel: Channel, records: Sequence[MessageRecord], floor: Checkpoint | None) -> bool:
        """Puts the last deleted messages of a partition back, in order. In the same transaction the floor moves to the
        message before them, or away with None. Returns False, and writes nothing, if it is not the last of them."""
        ...

    async def forget(self, subscription: str) -> int:
        """Removes the progress reports of a subscription. Returns for how many channels."""
        ...

    async def erase(self, subscription: SubscriptionId) -> None:
        """Deletes the checkpoints, parked keys and letters of a subscription that nothing runs any more."""
        ...


# ── the store ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Store(
    Log, Committing, States, Streams, Rows, KeyClaims, Checkpoints, ParkedKeys, Notes, Members, Retention, Protocol
):
    """A context's store. Methods raise `StoreUnavailable` (try again) and `StoreError` (the store is unusable).

    Code that needs only one of the ports asks for that port.
    """

    technology: StoreTechnology
    """What it can do: the description in its folder."""
    partitions: int
    """The number of partitions of its log, at least 1. It never changes for existing data. Stores of remit have 16."""

    async def open(self, *, read_only: bool = False) -> None:
        """Creates or migrates the schema and opens the store. Raises `StoreError`, `StoreUnavailable`.

        With `read_only`, nothing is created, migrated or written. A store that is missing, newer or older is refused
        with `StoreError`, and so is every later write.
        """
        ...

    async def close(self) -> None:
        """Finishes running commits, then closes. Idempotent."""
        ...

    def changed_elsewhere(self) -> bool:
        """Whether another process has committed since the last call."""
        ...


def not_open(where: str) -> StoreUnavailable:
    """The error for a store that is used before it is opened or after it was closed."""
    return StoreUnavailable(
        "the store is not open", where=where, expected="an open store", next="await open() before, and close() last"
    )


def written_read_only(where: str) -> StoreError:
    """The error for writing to a store that was opened with `read_only`."""
    return StoreError(
        "the store was opened for reading only", where=where, expected="a read", next="open it without read_only"
    )
