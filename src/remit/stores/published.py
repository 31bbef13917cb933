"""The port of stores whose databases are the broker: what other contexts have published is read where they keep it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from remit.stores.port import Checkpoint, Record, Subscriber

__all__ = ["PublishedLog", "PublishedLogs"]


class PublishedLog(Protocol):
    """The published channel of a context, as another one sees it. Each method is that of `Store`."""

    async def read(self, channel: int, part: int, after: int, limit: int) -> Sequence[Record]: ...
    async def heads(self, channel: int) -> Mapping[int, tuple[int, float]]: ...
    async def floors(self, channel: int) -> Mapping[int, Checkpoint]: ...
    async def subscribers(self) -> Sequence[Subscriber]: ...
    async def report(self, subscription: str, channel: int, positions: Mapping[int, int], at: float) -> None: ...
    def watch(self, wake: Callable[[], None]) -> Callable[[], None]: ...


class PublishedLogs(Protocol):
    """What other contexts have published in the database that a context enters. Nothing is opened before it is used."""

    def of(self, source: str, schema: str) -> PublishedLog:
        """The published channel of a context, in its schema."""
        ...

    async def close(self) -> None:
        """Disconnects. Idempotent."""
        ...
