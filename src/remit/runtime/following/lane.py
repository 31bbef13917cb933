"""A lane: what a follower knows about one partition of the log."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from remit.log import MessageRecord, SubscriptionId
from remit.transports import Push

PUSHED = 1000
"""Pushed messages of a partition that are kept until their turn comes; what comes beyond them is read later."""


@dataclass
class Lane:
    """One partition: how far it is, what was pushed ahead, and what fails."""

    part: int
    pos: int = 0
    id: str = ""
    """The last message done."""
    stored: tuple[int, str] = (0, "")
    """Where the checkpoint stands."""
    members: Mapping[SubscriptionId, tuple[int, str]] = field(default_factory=dict[SubscriptionId, tuple[int, str]])
    """Where the checkpoint of each subscription stands, of those that follow together; the lane is where the last of
    them is. Empty for one that follows alone."""
    head: int = 0
    """Where the log was seen to end."""
    heard: int = 0
    """The position of a message that was pushed and not kept."""
    pushed: dict[int, Push] = field(default_factory=dict[int, Push])
    failing: MessageRecord | None = None
    """The message that is being done: when something fails, this one did."""
    doing: str = ""
    """Which subscription does it, of those that follow together."""
    failures: int = 0
    conflicts: int = 0
    """In a row."""
    worker: asyncio.Task[None] | None = None
    busy: bool = False
    """Whether the worker is in the middle of messages, until they are committed."""
    stirred: float = 0.0
    """When the worker began, moved on or met a failure that it has said (loop time)."""

    def take(self, push: Push) -> bool:
        """Keeps a pushed message if it can be the next or a later one; says False for one that was done before."""
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
        """Whether something is known to come: seen in the log, or pushed."""
        return self.pos < self.head or self.pos < self.heard or bool(self.pushed)

    def in_a_row(self, limit: int) -> list[MessageRecord]:
        """The pushed messages that follow on the last one done, each on the one before it.

        One that does not fit is dropped: whether the source's history is another one, only its log can say.
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
