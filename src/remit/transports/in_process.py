"""The feed within one process: reads the source's log in its store; the bell is the store's own after each commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from remit.messages import Record
from remit.transports.port import Push

__all__ = ["StoreFeed"]


class _Log(Protocol):
    async def read(self, channel: int, part: int, after: int, limit: int) -> Sequence[Record]: ...
    async def heads(self, channel: int) -> Mapping[int, tuple[int, float]]: ...
    def watch(self, wake: Callable[[], None]) -> Callable[[], None]: ...


class StoreFeed:
    """Reads one channel of a log that this process can open."""

    def __init__(self, source: str, channel: int, log: _Log) -> None:
        self.source = source
        self.channel = channel
        self._log = log

    async def read(self, part: int, after: int, limit: int) -> Sequence[Record]:
        return await self._log.read(self.channel, part, after, limit)

    async def heads(self) -> Mapping[int, tuple[int, float]]:
        return await self._log.heads(self.channel)

    def watch(self, bell: Callable[[Push | None], None]) -> Callable[[], None]:
        return self._log.watch(lambda: bell(None))
