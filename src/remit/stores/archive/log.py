"""A log with its archive in front of it: read from the first archived message to the last one in the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from remit.log import Channel, Floors, Heads, Log, MessageRecord, Subscriber
from remit.stores.archive.folder import Archive, require_joined


class ArchivedLog:
    """Implements `Log`. Its floors are those of the archive, so that whoever begins, begins with the archive.

    The archive and the log may go on growing meanwhile: what is moved from the log to the archive is found there.
    """

    def __init__(self, log: Log, archive: Archive) -> None:
        """`archive` may be new: it is looked at when it is needed."""
        self._log, self._archive = log, archive
        self._floors: dict[Channel, Floors] = {}
        self._turn = asyncio.Lock()

    async def read(self, channel: Channel, part: int, after: int, limit: int) -> list[MessageRecord]:
        """As `Log.read`. At the passage from the archive to the log, positions go on without a gap.

        Raises the errors of `Archive` too, and `ArchiveGap` if messages are neither in the archive nor in the log.
        """
        floors = await self._of(channel)
        if part in floors and after < floors[part].pos:
            return await self._archived(channel, part, after, limit)
        found = await self._log.read(channel, part, after, limit)
        if found and found[0].pos == after + 1:
            return found
        floors = await self._look(channel)  # something may have been archived just now
        if part in floors and after < floors[part].pos:
            return await self._archived(channel, part, after, limit)
        return found

    async def heads(self, channel: Channel) -> Heads:
        return await self._log.heads(channel)

    async def floors(self, channel: Channel) -> Floors:
        """The last message that is gone: it is neither in the log nor in the archive."""
        floors = await self._look(channel)
        async with self._turn:
            begins, ends = self._archive.begins(channel), self._archive.ends(channel)
        return {part: begins.get(part, floor) for part, floor in floors.items() if part in begins or part not in ends}

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        return self._log.watch(wake)

    async def report(self, subscription: str, channel: Channel, positions: Mapping[int, int], at: float) -> None:
        await self._log.report(subscription, channel, positions, at)

    async def subscribers(self) -> Sequence[Subscriber]:
        return await self._log.subscribers()

    async def _archived(self, channel: Channel, part: int, after: int, limit: int) -> list[MessageRecord]:
        async with self._turn:  # a block is unpacked once, however many ask for it
            return await asyncio.to_thread(self._archive.read, channel, part, after, limit)

    async def _of(self, channel: Channel) -> Floors:
        return self._floors[channel] if channel in self._floors else await self._look(channel)

    async def _look(self, channel: Channel) -> Floors:
        """Reads the floors of the log, then the archive, which therefore reaches at least to them."""
        floors = await self._log.floors(channel)
        if floors != self._floors.get(channel):
            async with self._turn:
                await asyncio.to_thread(self._archive.look)
                await require_joined(self._archive, self._log, channel, floors)
            self._floors[channel] = floors
        return floors
