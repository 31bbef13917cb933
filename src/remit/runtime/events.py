"""What happens in a process, each kind as a class of small values. `Listeners` brings them to who wants to know.

They tell about the running of a system. What happens in its domain, domain events and integration events tell.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

CallOutcome: TypeAlias = Literal[
    "replied", "refused", "invalid", "failed", "unavailable", "deadline", "unknown", "cancelled"
]
"""How a call ended, as its caller is told. What is `invalid` is the caller's mistake; what has `failed` is not."""


class RuntimeEvent(msgspec.Struct, frozen=True):
    """Something that has happened in this process. `time` is in seconds since the epoch, by the clock of the process.

    `cause` is what it belongs to, as the header `trace` of messages says it: what came of one call from outside has the
    same. It is the key that the caller gave, if it gave one. Where several messages were handled together, it is that
    of the last one. It is empty where there is none.
    """

    time: float
    cause: str


# ── the process ─────────────────────────────────────────────────────────────────────────────────────────────────────


class ProcessStarted(RuntimeEvent, frozen=True):
    """The process has started. `process` is its name in the stores."""

    process: str


class ProcessStopping(RuntimeEvent, frozen=True):
    """The process has begun to drain."""

    process: str


class LoopBlocked(RuntimeEvent, frozen=True):
    """The event loop has done nothing else for more than so many seconds. Said from another thread, meanwhile.

    `where` is the function that it is in, with file and line; `stack` is how it came there, as text.
    """

    seconds: float
    where: str
    stack: str


# ── calls and units of work ─────────────────────────────────────────────────────────────────────────────────────────


class CallBegun(RuntimeEvent, frozen=True):
    """A command or query was called, in this process or, `elsewhere`, in another one, which says so as well.

    `type` is its wire name, `context` whose it is. `caller` is the context whose handler calls, or who an edge says has
    made the request; empty for code outside, and for a query of another process.
    """

    type: str
    context: str
    caller: str
    elsewhere: bool


class CallEnded(RuntimeEvent, frozen=True):
    """A call has ended after so many seconds. The other fields are those of `CallBegun`."""

    type: str
    context: str
    caller: str
    elsewhere: bool
    seconds: float
    outcome: CallOutcome


class HandlerRaised(RuntimeEvent, frozen=True):
    """The handler of a call has failed: it raised what it does not declare, or what it said cannot be written. Of what
    a subscription handles, `Retrying`, `TroubleBegun` and `KeyParked` tell."""

    handler: str
    what: str
    error: BaseException | None


class UnitCommitted(RuntimeEvent, frozen=True):
    """A unit of work was committed: so many aggregates and documents, so many messages."""

    context: str
    changes: int
    messages: int


# ── followers: subscriptions and relays ─────────────────────────────────────────────────────────────────────────────


class BatchHandled(RuntimeEvent, frozen=True):
    """A subscription has handled so many messages of a partition, up to a position, in one unit of work.

    What it has put aside behind a parked key is not among the `messages`, and of what it handles of that later,
    `KeyReleased` tells.
    """

    subscription: str
    source: str
    partition: int
    position: int
    messages: int
    seconds: float


class MessagesPublished(RuntimeEvent, frozen=True):
    """A relay has brought so many messages of a partition to the event channel, up to a position."""

    relay: str
    source: str
    partition: int
    position: int
    messages: int
    seconds: float


class KeyParked(RuntimeEvent, frozen=True):
    """A message failed for good: it is put aside, and those of its key wait behind it. Or a parked key was tried again
    and stays parked, because its first message has failed again.

    `attempts` is 1 when the key is parked, and one more for each time that the same message has failed again; of a
    message behind it, from 2 on.
    """

    subscription: str
    key: str
    what: str
    error: BaseException
    attempts: int


class SubscriptionBegun(RuntimeEvent, frozen=True):
    """A new subscription begins, and so many messages of its source wait for it. Nothing is said where none does."""

    subscription: str
    source: str
    messages: int


class KeyReleased(RuntimeEvent, frozen=True):
    """Everything that was parked under a key has been handled. Of what a person discards nothing is said."""

    subscription: str
    key: str


class Retrying(RuntimeEvent, frozen=True):
    """Something failed that may pass by itself, and is tried again. It is no trouble yet."""

    follower: str
    what: str
    error: BaseException


class LaterRefused(RuntimeEvent, frozen=True):
    """A command that was sent for later was refused: nobody is there to be told. `type` is its wire name."""

    subscription: str
    type: str
    message: str
    """The identity of the command."""
    key: str
    """By which it is ordered."""
    refusal: Exception


class TroubleBegun(RuntimeEvent, frozen=True):
    """Something keeps a follower, or a store, from going on.

    `state` is what this makes of it: stalled, paused, source-silent, regressed, lost-source. Worse may hold already. A
    source that is away for less than 10 s is not told of, but by `StateChanged`.
    """

    where: str
    state: str
    note: str


class TroubleEnded(RuntimeEvent, frozen=True):
    """Nothing keeps a follower, or a store, from going on any more. `note` says what it does again."""

    where: str
    note: str


class StateChanged(RuntimeEvent, frozen=True):
    """The state of a follower, or of a store, is another one than before.

    Beside those of `TroubleBegun` there are starting, standby (another process runs it), running and stopped. `note`
    says what keeps it now.
    """

    where: str
    before: str
    after: str
    note: str


# ── other processes ─────────────────────────────────────────────────────────────────────────────────────────────────


class BreakerOpened(RuntimeEvent, frozen=True):
    """An address is no longer called, because it did not answer."""

    address: str
    what: str
    error: BaseException


class BreakerClosed(RuntimeEvent, frozen=True):
    """An address answers again, and is called."""

    address: str


EVENTS: tuple[type[RuntimeEvent], ...] = tuple(RuntimeEvent.__subclasses__())
"""All of them."""
