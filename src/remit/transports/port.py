"""The feed port: one channel of one source, as a subscription reads it.

Reading is what counts; a push is a notification with a payload. A pushed message is taken only if it is exactly the
next one. Otherwise it only wakes the follower, which reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from remit.log import Channel, Floors, Heads, MessageRecord


def _nobody_waits() -> None:
    pass


class Push(NamedTuple):
    """A message that a transport has pushed. `done` is called once the message is handled, or if it was before."""

    record: MessageRecord
    done: Callable[[], None] = _nobody_waits


class Standing(NamedTuple):
    """What a source tells a subscription."""

    known: bool
    """Whether the source had heard of the subscription before."""
    floors: Floors


class Feed(Protocol):
    """One channel of one source context. Methods raise `Unavailable` if the source cannot be read now."""

    source: str
    channel: Channel

    async def read(self, part: int, after: int, limit: int) -> Sequence[MessageRecord]:
        """At most `limit` records of a partition after a position, in order of position, without gaps."""
        ...

    async def heads(self) -> Heads:
        """The last position of each partition that has messages, with its time (seconds since the epoch). Fresh answers
        rely on it: a feed that does not know raises `Unavailable`, since no heads mean an empty log."""
        ...

    async def standing(self, subscription: str, at: float, positions: Mapping[int, int] | None = None) -> Standing:
        """Where the log begins. With `positions`, also reports to the source how far the subscription is at the time
        `at` (seconds since the epoch)."""
        ...

    def watch(self, bell: Callable[[Push | None], None]) -> Callable[[], None]:
        """Calls `bell`, on the loop, when there may be something new, with a message if it has one. Call the result to
        stop it."""
        ...
