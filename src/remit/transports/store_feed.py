"""The feed of a process that can open the source's store: reads the log there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from remit.log import Channel, Heads, Log, MessageRecord
from remit.transports.port import Push, Standing


class StoreFeed:
    """Reads one channel of a log that this process can open."""

    def __init__(self, source: str, channel: Channel, log: Log) -> None:
        self.source = source
        self.channel = channel
        self._log = log

    async def read(self, part: int, after: int, limit: int) -> Sequence[MessageRecord]:
        return await self._log.read(self.channel, part, after, limit)

    async def heads(self) -> Heads:
        return await self._log.heads(self.channel)

    async def standing(self, subscription: str, at: float, positions: Mapping[int, int] | None = None) -> Standing:
        place, others = (subscription, self.channel), await self._log.subscribers()
        known = any((each.name, each.channel) == place for each in others)
        if positions is not None:
            # With the time of a clock that is behind it would seem silent, and unhandled messages would be deleted.
            heads = (await self._log.heads(self.channel)).values()
            heard = max([at, *(each.at for each in others), *(written for _, written in heads)])
            await self._log.report(subscription, self.channel, positions, heard)
        return Standing(known, await self._log.floors(self.channel))

    def watch(self, bell: Callable[[Push | None], None]) -> Callable[[], None]:
        return self._log.watch(lambda: bell(None))
