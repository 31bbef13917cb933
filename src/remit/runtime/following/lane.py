"""A lane: what a follower knows about one partition of the log."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from remit.log import MessageRecord, SubscriptionId
from remit.transports import Push

PUSHED = 1000
"""The most pushed messages of a partition that wait for their turn; further ones are read later."""


@dataclass
class Lane:
    """One partition: its position, its pushed messages, and its failures."""

    part: int
    pos: int = 0
    id: str = ""
    """The last message done."""
    stored: tuple[int, str] = (0, "")
    """The checkpoint."""
    members: Mapping[SubscriptionId, tuple[int, str]] = field(default_factory=dict[SubscriptionId, tuple[int, str]])
    """The checkpoints of subscriptions that follow together; the lane stands at the lowest. Empty for one that follows
    alone."""
    head: int = 0
    """The last known head of the log."""
    heard: int = 0
    """The position of the last pushed message that was not kept."""
    pushed: dict[int, Push] = field(default_factory=dict[int, Push])
    failing: MessageRecord | None = None
    """The message being done; after a failure, the one that failed."""
    doing: str = ""
    """The subscription that does it, if several follow together."""
    failures: int = 0
    conflicts: int = 0
    """In a row."""
    worker: asyncio.Task[None] | None = None
    busy: bool = False
    """Whether the worker has begun messages that are not committed."""
    stirred: float = 0.0
    """When the worker began, moved on or reported a failure (loop time)."""

    def take(self, push: Push) -> bool:
        """Keeps a pushed message if it can be the next or a later one. Returns False if it was done before."""
        pos = push.record.pos
        if pos <= self.pos:
            push.done()
            return False
        if len(self.pushed) < PUSHED or pos == self.pos + 1:
            self.pushed[pos] = push
        else:
            self.heard = max(self.heard, pos)
        return True

    def is_behind(self) -> bool:
        """Whether there are more messages, as far as is known."""
        return self.pos < self.head or self.pos < self.heard or bool(self.pushed)

    def in_a_row(self, limit: int) -> list[MessageRecord]:
        """The pushed messages that directly follow the last one done, each with the one before as its predecessor.

        A message that does not fit is dropped and read from the log: only the log tells whether the history is another.
        """
        records: list[MessageRecord] = []
        before = self.id
        while len(records) < limit and (push := self.pushed.get(self.pos + 1 + len(records))) is not None:
            if push.record.prev != before:
                del self.pushed[push.record.pos]
                self.heard = max(self.heard, push.record.pos)
                break
            records.append(push.record)
            before = push.record.id
        return records

    def advance(self, last: MessageRecord) -> None:
        """The messages up to this one are done."""
        for pos in [pos for pos in self.pushed if pos <= last.pos]:
            self.pushed.pop(pos).done()
        self.pos, self.id = last.pos, last.id
        self.stirred = asyncio.get_running_loop().time()
