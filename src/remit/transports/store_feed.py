"""The feeds of a process that can open the source's store: read the log there, or also its archive."""

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


class ArchivedFeed(StoreFeed):
    """Reads a log, and its archive for a subscription that stands before the beginning of the log. Others do not need
    the archive, so a damaged one does not concern them."""

    def __init__(self, source: str, channel: Channel, log: Log, whole: Log) -> None:
        """`whole` is the log with its archive in front of it."""
        super().__init__(source, channel, log)
        self._whole = whole

    async def read(self, part: int, after: int, limit: int) -> Sequence[MessageRecord]:
        found = await super().read(part, after, limit)
        return (
            found if found and found[0].pos == after + 1 else await self._whole.read(self.channel, part, after, limit)
        )

    async def standing(self, subscription: str, at: float, positions: Mapping[int, int] | None = None) -> Standing:
        found, stands = await super().standing(subscription, at, positions), positions or {}
        if all(stands.get(part, 0) >= floor.pos for part, floor in found.floors.items()):
            return found
        return found._replace(floors=await self._whole.floors(self.channel))
