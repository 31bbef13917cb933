"""Where the log ends, as far as this process knows: what tells others' commits from its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["Heads"]


class Heads:
    """The last known position of each partition. Positions have no holes, so whatever we did not write, others did."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, int], int] = {}
        self.elsewhere = False
        """Others have appended since this was set to False."""

    def last(self, channel: int, part: int) -> int:
        """The last known position of a partition."""
        return self._last.get((channel, part), 0)

    def wrote(self, channel: int, part: int, before: int, count: int) -> None:
        """We have appended so many messages after that position."""
        self.saw([(channel, part, before)])
        self._last[channel, part] = before + count

    def saw(self, heads: Iterable[Sequence[Any]]) -> bool:
        """The log ends there (channel, part, position). True if others have appended since this was known."""
        moved = False
        for channel, part, pos in heads:
            moved = moved or pos > self.last(channel, part)
            self._last[channel, part] = pos
        self.elsewhere = self.elsewhere or moved
        return moved
