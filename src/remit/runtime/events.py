"""The events that a process reports about its own running, one class each. `Listeners` delivers them.

They are not domain events or integration events.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

CallOutcome: TypeAlias = Literal[
    "replied", "refused", "invalid", "failed", "unavailable", "deadline", "unknown", "cancelled"
]
"""How a call ended for its caller. `invalid` is the caller's mistake; `failed` is not."""


class RuntimeEvent(msgspec.Struct, frozen=True):
    """An event in this process. `time` is in seconds since the epoch, by the clock of the process.

    `cause` is the value of the `trace` header of messages: everything that follows from one call from outside has the
    same one. It is the key of that call, if the caller gave one. For several messages handled together, it is the
    cause of the last one. It is empty if there is none.
    """

    time: float
    cause: str


# ── the process ─────────────────────────────────────────────────────────────────────────────────────────────────────


class ProcessStarted(RuntimeEvent, frozen=True):
    """The process has started. `process` is its name in the stores."""

    process: str


class ProcessStopping(RuntimeEvent, frozen=True):
    """The process has begun to stop: it lets running work end and takes no more."""

    process: str


class LoopBlocked(RuntimeEvent, frozen=True):
    """One callback has blocked the event loop for more than `seconds`. Reported from another thread while it blocks.

    `where` is the running function with file and line; `stack` is the call stack as text.
    """

    seconds: float
    where: str
    stack: str


# ── calls and units of work ─────────────────────────────────────────────────────────────────────────────────────────


class CallBegun(RuntimeEvent, frozen=True):
    """A command or query was called. `elsewhere` is true if another process handles it; that process reports it too.

    `type` is the wire name, `context` the owner. `caller` is the context whose handler calls, or the caller that an
    edge has identified. It is empty for calls from outside of handlers and for queries of another process.
    """

    type: str
    context: str
    caller: str
    elsewhere: bool


class CallEnded(RuntimeEvent, frozen=True):
    """A call has ended after `seconds`. The other fields are those of `CallBegun`."""

    type: str
    context: str
    caller: str
    elsewhere: bool
    seconds: float
    outcome: CallOutcome


class HandlerRaised(RuntimeEvent, frozen=True):
    """The handler of a call failed: it raised an undeclared exception, or its result cannot be written. Failures of
    subscriptions are reported by `Retrying`, `TroubleBegun` and `KeyParked`."""

    handler: str
    what: str
    error: BaseException | None


class UnitCommitted(RuntimeEvent, frozen=True):
    """A unit of work was committed. `changes` counts aggregates and documents, `messages` what was recorded."""

    context: str
    changes: int
    messages: int


# ── followers: subscriptions and relays ─────────────────────────────────────────────────────────────────────────────


class BatchHandled(RuntimeEvent, frozen=True):
    """A subscription has handled messages of a partition, up to `position`, in one unit of work.

    `messages` does not count those put aside behind a parked key; `KeyReleased` reports when these are handled.
    """

    subscription: str
    source: str
    partition: int
    position: int
    messages: int
    seconds: float


class MessagesPublished(RuntimeEvent, frozen=True):
    """A relay has published messages of a partition to the event channel, up to `position`."""

    relay: str
    source: str
    partition: int
    position: int
    messages: int
    seconds: float


class KeyParked(RuntimeEvent, frozen=True):
    """A message failed permanently: its key is parked and later messages of the key wait. Or a parked key was tried
    again, and its first message failed again.

    `attempts` is 1 when the key is parked, and grows by one with each further failure of the same message. For a
    message that waited behind it, counting starts at 2.
    """

    subscription: str
    key: str
    what: str
    error: BaseException
    attempts: int


class SubscriptionBegun(RuntimeEvent, frozen=True):
    """A new subscription begins with `messages` in its source that it handles. Not reported if there are none among the
    next 1000 of each partition; with `more`, further ones were not counted."""

    subscription: str
    source: str
    messages: int
    more: bool


class KeyReleased(RuntimeEvent, frozen=True):
    """All messages parked under a key have been handled. Not reported for messages that a person discards."""

    subscription: str
    key: str


class Retrying(RuntimeEvent, frozen=True):
    """A transient failure: the follower tries again. It is not reported as trouble yet."""

    follower: str
    what: str
    error: BaseException
    failures: int = 1
    """The number of this failure in a row. Only the first is logged."""


class LaterRefused(RuntimeEvent, frozen=True):
    """A command that was sent for later was refused; no caller waits for the refusal. `type` is its wire name."""

    subscription: str
    type: str
    message: str
    """The identity of the command."""
    key: str
    """Its ordering key."""
    refusal: Exception


class DeliveryIgnored(RuntimeEvent, frozen=True):
    """A foreign message was not translated: it was handled before, or it came after a newer message about the same
    thing. `key` identifies the message, `entity` the thing; it is empty if the source names none."""

    subscription: str
    key: str
    entity: str
    why: str


class DeliveryRefused(RuntimeEvent, frozen=True):
    """A request to a webhook was refused, because its signature is wrong or its body is not JSON. Nothing was stored.

    `refused` counts them in this process. Only the 1st, 2nd, 4th, 8th, … is logged."""

    subscription: str
    what: str
    refused: int


class TroubleBegun(RuntimeEvent, frozen=True):
    """A follower or a store cannot go on, or a read model is not as fresh as it promises.

    `state` is what this amounts to: stalled, paused, source-silent, wedged, regressed or lost-source; for a read model
    also lagging, stale, parked or silent. The follower may already
    be in a worse state. A source that is away for less than 10 s is reported by `StateChanged` only.
    """

    where: str
    state: str
    note: str


class TroubleEnded(RuntimeEvent, frozen=True):
    """A follower or a store can go on, or a read model is fresh again. `note` says what it does again."""

    where: str
    note: str


class StateChanged(RuntimeEvent, frozen=True):
    """The state of a follower, a store or a read model has changed.

    Beside the states of `TroubleBegun` there are starting, standby (another process runs it), running and stopped.
    `note` says what keeps it from going on now.
    """

    where: str
    before: str
    after: str
    note: str


# ── other processes ─────────────────────────────────────────────────────────────────────────────────────────────────


class BreakerOpened(RuntimeEvent, frozen=True):
    """The circuit breaker of an address opened, because it did not answer. Calls to it fail at once."""

    address: str
    what: str
    error: BaseException


class BreakerClosed(RuntimeEvent, frozen=True):
    """The circuit breaker of an address closed: the address answers again."""

    address: str


class CallTurnedAway(RuntimeEvent, frozen=True):
    """This process has refused a call of another process before any work: the caller has not proved its name, or may
    not do what it asks for.

    `address` is what was called: `billing.write`. `speaker` is the name in which the call was made, `what` the reason.
    `number` counts these calls in this process. The 1st, 2nd, 4th, 8th, … are logged.
    """

    address: str
    speaker: str
    what: str
    number: int


EVENTS: tuple[type[RuntimeEvent], ...] = tuple(RuntimeEvent.__subclasses__())
"""All classes of runtime events."""
