"""The port between the engine that follows a log and what is done with the messages.

A follower reads, compares histories, waits and tries again; it asks an effect to do what comes next. Whatever else is
to be made of a log is one more effect, and no engine of its own.
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
"""What has neither moved on nor failed for so long is given up and tried again. Who is away and says so is not stuck:
each attempt fails, and is heard of."""


class Effect(Protocol):
    """Does messages of one log, and moves the checkpoint over them. What it raises, the follower classifies."""

    doing: str
    """In a word, for what is said."""
    may_miss: bool = False
    """Whether it goes on where the log begins now, when messages were deleted that it has not done."""

    def start(self, troubles: Troubles) -> None:
        """Begins anew. What goes wrong beside the messages that the follower asks for is noted in `troubles`."""

    async def prepare(self) -> None:
        """Makes what it needs before the first message. Asked again until it succeeds."""
        return

    def begins(self, id: SubscriptionId) -> Literal["now"] | float | None:
        """Where a new subscription begins: now, or after a time (seconds since the epoch); None: where the log does."""
        return None

    async def missed(self, upto: Floors) -> None:
        """Said once, before it begins: messages up to these have been deleted, which it has never done."""
        return

    def limit(self, lane: Lane) -> int:
        """How many messages it takes at a time, at most."""
        ...

    async def do(self, lane: Lane, records: Sequence[MessageRecord]) -> MessageRecord:
        """Does some of the messages that come next, from the first on, and moves the checkpoint. Gives the last one.

        `lane.failing` is the message that has failed, if it was one. An effect that lets checkpoints follow later says
        in `lane.stored` where they stand.
        """
        ...

    async def settle(self, lane: Lane, error: Exception) -> MessageRecord | None:
        """What it means that `lane.failing` has failed, and will not succeed by waiting. Gives the message if it was
        put aside, with the checkpoint moved; None if it is to be done again."""
        return None

    def leave(self, lane: Lane) -> None:
        """The lane rests, or fails: others may do what it was to do first."""
        return

    def reloaded(self, lane: Lane) -> None:
        """The lane has taken up a checkpoint that another process may have moved."""
        return

    def trouble(self, error: Exception, failures: int) -> tuple[State, str] | None:
        """State and note of a follower whose messages have failed so many times in a row, 0 where the source could not
        be asked or nothing could be prepared. None while that is no trouble yet."""
        return severity(error, "source-silent"), told(error)

    async def pause(self, error: Exception, failures: int) -> None:
        """Waits after so many failures in a row."""

    async def look(self) -> None:
        """Sees to what is due beside the messages that come next; twice a second. Raises as the store does."""
        return

    async def stop(self, drain: float) -> None:
        """Begins nothing new, lets what goes on beside them come to its end for so many seconds, then ends it."""
