"""A lane: what a subscription knows about one partition of what it follows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from remit.runtime.work.attempts import Attempt
from remit.stores import Record
from remit.transports import Push

__all__ = ["Lane"]

PUSHED = 1000
"""Pushed messages of a partition that are kept until their turn comes; what comes beyond them is read later."""


@dataclass
class Lane:
    """One partition: how far it is, what was pushed ahead, and what fails."""

    part: int
    pos: int = 0
    id: str = ""
    head: int = 0
    """Where the log was seen to end."""
    heard: int = 0
    """The position of a message that was pushed and not kept."""
    parked: bool = True
    """Whether a key of the partition may be parked. When not, nobody has to be asked which: only who moves the
    checkpoint can have parked one since."""
    free: set[str] = field(default_factory=set[str])
    """Keys that are not parked, for the same reason."""
    pushed: dict[int, Push] = field(default_factory=dict[int, Push])
    singly_until: int = 0
    """Up to this position messages are handled one by one, to find the one that failed in a batch."""
    attempts: int = 0
    failures: int = 0
    conflicts: int = 0
    """In a row."""
    failing: Record | None = None
    """The message handled last: when something fails, this one did."""
    taken: frozenset[tuple[str, str]] = frozenset()
    """What the handling before the last conflict added, and was there already."""
    rerun: Attempt | None = None
    """The attempt that the last conflict has interrupted."""
    turn: tuple[str, str] | None = None
    """The aggregate that it met the conflict at, while it is this lane's turn to write it."""
    begun: float = 0.0
    """When the handling began that goes on or has ended last (loop time)."""
    failing_since: float = 0.0
    """When the first attempt began at what fails now (loop time)."""
    worker: asyncio.Task[None] | None = None
    handling: bool = False
    """Whether a batch is being handled or committed by the worker."""
    stirred: float = 0.0
    """When the worker began, moved on or met a failure that it has said (loop time)."""

    def take(self, push: Push) -> bool:
        """Keeps a pushed message if it can be the next or a later one; says False for one that was handled before."""
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

    def in_a_row(self, limit: int) -> list[Record]:
        """The pushed messages that follow on the last handled one, each on the one before it.

        One that does not fit is dropped: whether the source's history is another one, only its log can say.
        """
        records: list[Record] = []
        before = self.id
        while len(records) < limit and (push := self.pushed.get(self.pos + 1 + len(records))) is not None:
            if push.record.prev != before:
                del self.pushed[push.record.pos]
                self.heard = max(self.heard, push.record.pos)
                break
            records.append(push.record)
            before = push.record.id
        return records
