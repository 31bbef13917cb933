"""The feed port: one channel of one source, as a subscription sees it.

Pull is the definition; a push is a bell with a payload. A pushed message is taken only if it is exactly the next one;
otherwise it only wakes the loop, which reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from remit.log import Channel, Floors, Heads, MessageRecord


def _nobody_waits() -> None:
    pass


class Push(NamedTuple):
    """A message that a transport brought by itself. `done` is called once its effect is committed, or was before."""

    record: MessageRecord
    done: Callable[[], None] = _nobody_waits


class Standing(NamedTuple):
    """What a source has to say to a subscription."""

    known: bool
    """Whether it had heard of the subscription before."""
    floors: Floors


class Feed(Protocol):
    """One channel of one source context. Methods raise `Unavailable` when the source cannot be read now."""

    source: str
    channel: Channel

    async def read(self, part: int, after: int, limit: int) -> Sequence[MessageRecord]:
        """At most `limit` records of a partition after a position, in order of position, without holes."""
        ...

    async def heads(self) -> Heads:
        """The last position of each partition that has any, with its time (seconds since the epoch). A fresh answer
        goes by it: who does not know raises `Unavailable`, since no heads say that nothing was ever written."""
        ...

    async def standing(self, subscription: str, at: float, positions: Mapping[int, int] | None = None) -> Standing:
        """Where the log begins; with positions, also tells the source how far the subscription is at a time (seconds
        since the epoch)."""
        ...

    def watch(self, bell: Callable[[Push | None], None]) -> Callable[[], None]:
        """Calls `bell`, on the loop, when there may be something new, perhaps with a message. The result ends it."""
        ...
