"""The port between a follower and what it does with messages.

A follower reads, compares histories, waits and retries; its effect does the messages. A new use of logs is a new
effect, not a new follower.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from remit.log import Floors, MessageRecord, SubscriptionId
from remit.runtime.failures import told
from remit.runtime.following.lane import Lane
from remit.runtime.following.states import State, severity
from remit.runtime.following.troubles import Troubles

HANDLER_SECONDS = 30.0
"""The time limit of one handler."""
STALL_SECONDS = 3 * HANDLER_SECONDS
"""Work that has neither moved on nor failed for this long is cancelled and tried again. An unreachable callee is no
such case: then each attempt fails, and is reported."""


class Effect(Protocol):
    """Does the messages of one log, and moves the checkpoint past them. The follower classifies what it raises."""

    doing: str
    """What it does in one word, for reports."""
    may_miss: bool = False
    """Whether it continues at the floor of the log if messages were deleted that it has not done."""

    def start(self, troubles: Troubles) -> None:
        """Begins anew. Problems beside the messages that the follower asks for are reported to `troubles`."""

    async def prepare(self) -> None:
        """Creates what it needs before the first message. Called again until it succeeds."""
        return

    def begins(self, id: SubscriptionId) -> Literal["now"] | float | None:
        """Where a new subscription begins: now, or after a time (seconds since the epoch); None: at the log's floor."""
        return None

    def takes(self, id: SubscriptionId, record: MessageRecord) -> bool:
        """Whether a subscription does something with a message, and does not only move past it."""
        return True

    async def missed(self, upto: Floors) -> None:
        """Called once, before a new subscription begins: messages up to these were deleted before it had done them."""
        return

    def limit(self, lane: Lane) -> int:
        """The most messages that it takes at a time."""
        ...

    async def do(self, lane: Lane, records: Sequence[MessageRecord]) -> MessageRecord:
        """Does some of the next messages, beginning with the first, and moves the checkpoint. Returns the last one
        done.

        `lane.failing` is the message that has failed, if one has. An effect whose checkpoints move later keeps their
        place in `lane.stored`.
        """
        ...

    async def settle(self, lane: Lane, error: Exception) -> MessageRecord | None:
        """Handles a permanent failure of `lane.failing`. Returns the message if it was put aside and the checkpoint has
        moved; None if it is to be done again."""
        return None

    def leave(self, lane: Lane) -> None:
        """The lane rests or fails: gives up its turn at an aggregate."""
        return

    def reloaded(self, lane: Lane) -> None:
        """The lane has loaded a checkpoint that another process may have moved."""
        return

    def trouble(self, error: Exception, failures: int) -> tuple[State, str] | None:
        """State and note for a follower after this many failures in a row; 0 if the source could not be read or
        `prepare` failed. None as long as it counts as a normal retry."""
        return severity(error, "source-silent"), told(error)

    async def pause(self, error: Exception, failures: int) -> None:
        """Waits after this many failures in a row."""

    async def look(self) -> None:
        """Does other due work, such as parked keys; called twice a second. Raises as the store does."""
        return

    async def stop(self, drain: float) -> None:
        """Begins nothing new, lets other running work go on for up to `drain` seconds, then cancels it."""
