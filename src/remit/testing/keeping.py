"""The store of tests: in memory; it lists its state, and deletes no message when a test moves the clock."""

from __future__ import annotations

from remit.log import Channel
from remit.stores.memory.store import MemoryStore


class KeepingStore(MemoryStore):
    """A store in memory that keeps every message."""

    @property
    def places(self) -> list[tuple[str, str]]:
        """Kind and identity of each state."""
        return list(self._state)

    async def trim(self, channel: Channel, part: int, *, upto: int, before: float, limit: int) -> int:
        """Deletes nothing: a test may ask for old messages."""
        return 0
