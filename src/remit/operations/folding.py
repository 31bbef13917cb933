"""Folds the next version of a read model: as services do, in larger batches, and with its documents kept in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import inf

from remit.errors import TooLarge
from remit.log import MessageRecord, SubscriptionId
from remit.runtime.following.folding import Folding
from remit.runtime.following.handling import Handling
from remit.runtime.following.lane import Lane
from remit.runtime.listeners import Listeners
from remit.runtime.plan import FoldPlan
from remit.runtime.ports import Ports
from remit.runtime.work.folding import Documents
from remit.runtime.work.shared import Shared
from remit.stores.size import LARGEST_UNIT

PAGE = 4_000
"""The most messages that are folded in one transaction."""
FIRST = 500
"""The most messages of the first page. The next ones are twice as large, as long as their documents are small."""
MOST_BYTES = LARGEST_UNIT // 2
"""The documents of one transaction have about so many bytes at most."""
PAGE_SECONDS = 1.0
"""The longest that it folds in one transaction."""
DURABLE_SECONDS = 5.0
"""After so long, a transaction is on the disk before the next one begins."""


class Anew(Handling):
    """Folds one source of a read model into a version that nothing else writes yet.

    All sources and partitions of the read model take turns, because their messages may change one document. So the
    documents are kept in memory as they were stored last. A page whose documents are too many for one transaction is
    folded again, half of its messages at a time. If a page fails otherwise, its messages are folded again in the small
    batches of services, which find the one that fails and park its key.
    """

    def __init__(
        self,
        follow: FoldPlan,
        shared: Shared,
        ports: Ports,
        listeners: Listeners,
        documents: Documents,
        live: SubscriptionId,
        *,
        pause: float,
        page: int = PAGE,
    ) -> None:
        """`documents` are shared by all sources. `live` is the subscription of the live version to this source. `pause`
        is the share of the time in which it rests, from 0.0 to below 1.0."""
        super().__init__(follow, shared, ports, listeners)
        self._canaries = None  # the new version is compared with the live one before it is asked
        self._queue.until = inf
        self._documents, self._live, self._page = documents, live, page
        self._most = min(FIRST, page)
        """The most messages of the next page."""
        if isinstance(self._dispatcher, Folding):
            self._dispatcher.kept, self._dispatcher.seconds = documents, PAGE_SECONDS
        self.share = pause
        self._slow_until: dict[int, int] = {}
        """Up to which position the messages of a partition are folded in small batches."""
        self._follows_itself, self._durable = self._is_own, -inf

    def limit(self, lane: Lane) -> int:
        return super().limit(lane) if self._is_slow(lane) else self._most

    def _is_slow(self, lane: Lane) -> bool:
        return lane.pos < self._slow_until.get(lane.part, 0)

    async def _handle(self, lane: Lane, records: Sequence[MessageRecord]) -> MessageRecord:
        """Folds messages, and rests for its share of the time."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._is_own = self._follows_itself and began - self._durable < DURABLE_SECONDS
        try:
            last = await super()._handle(lane, records)
        except BaseException:
            self._documents.forget()
            raise
        if not self._is_slow(lane):
            self._fit(len(records))
        if not self._is_own:
            self._durable = loop.time()
        if self.share:
            await asyncio.sleep((loop.time() - began) * self.share / (1.0 - self.share))
        return last

    def _fit(self, messages: int) -> None:
        """Makes the next page larger or smaller, by the documents of a page of so many messages."""
        size = self._documents.size
        if size > MOST_BYTES:
            self._most = max(1, self._most // 2)
        elif 4 * size <= MOST_BYTES and messages >= self._most:
            self._most = min(self._page, 2 * self._most)

    async def settle(self, lane: Lane, error: Exception) -> MessageRecord | None:
        if self._is_slow(lane):
            return await super().settle(lane, error)
        if isinstance(error, TooLarge) and self._most > 1:
            self._most = max(1, self._most // 2)
            return None
        self._slow_until[lane.part] = lane.pos + self._page
        return None

    async def _counts(self, record: MessageRecord) -> bool:
        """A rebuild soon meets all keys that the live version has parked since it began. These are no storm: before the
        switch, the parked keys of both versions are compared."""
        return not await self._store.parked_among(self._live, record.part, [record.key])
