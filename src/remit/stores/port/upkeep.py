"""Who takes part in a store, and how it is kept from growing for ever."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from remit.log import Channel

__all__ = ["Members", "Retention"]


class Members(Protocol):
    """The processes over one store: their signs of life, and which of them runs what."""

    async def beat(self, process: str, at: float, body: str) -> None:
        """Writes a process's sign of life: JSON about its subscriptions. An empty body removes it."""
        ...

    async def beats(self) -> Mapping[str, tuple[float, str]]:
        """The signs of life by process."""
        ...

    async def lease(self, owner: str, names: Collection[str], *, now: float, until: float) -> None:
        """Takes or renews the leases of these names, except those that another holds beyond `now`; with `until` 0.0
        gives up those that the owner holds. Times are seconds since the epoch.
        """
        ...

    async def leases(self) -> Mapping[str, tuple[str, float]]:
        """Owner and end of each lease by name, also of those that are over."""
        ...


class Retention(Protocol):
    """What deletes what is old, and forgets who is gone."""

    async def prune(self, *, beats: float, outcomes: float, tombstones: float, limit: int) -> int:
        """Deletes signs of life, outcomes of commands and tombstones of letters that are older than these times
        (seconds since the epoch), at most `limit` of each, so that commits wait but briefly; says how many.
        """
        ...

    async def trim(self, channel: Channel, part: int, *, upto: int, before: float, limit: int) -> int:
        """Deletes the first messages of a partition, up to a position, and only those before the first one that is of
        the time `before` (seconds since the epoch) or later; at most `limit`. Says how many.

        The floor moves in the same transaction. Positions and predecessors go on as if nothing had been deleted.
        """
        ...

    async def forget(self, subscription: str) -> int:
        """Removes what a subscription has reported; says for how many channels."""
        ...
