"""Folds the next version of a read model: as services do, in larger batches, and with its documents kept in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import inf

from remit.log import MessageRecord
from remit.runtime.following.folding import Folding
from remit.runtime.following.handling import Handling, Part
from remit.runtime.following.lane import Lane
from remit.runtime.listeners import Listeners
from remit.runtime.plan import FoldPlan
from remit.runtime.ports import Ports
from remit.runtime.work.attempts import Attempt
from remit.runtime.work.folding import Documents
from remit.runtime.work.shared import Shared
from remit.runtime.work.unit import UnitOfWork
from remit.stores import Advance, Park

PAGE = 4_000
"""The most messages that are folded in one transaction."""
PAGE_SECONDS = 1.0
"""The longest that it folds in one transaction."""
DURABLE_SECONDS = 5.0
"""After so long, a transaction is on the disk before the next one begins."""


class Turns:
    """The turns in which the partitions of all sources fold into the documents of one version, which may be the same
    documents.

    A turn may end while its documents are being written by a server. Then the next one goes on from them. If they are
    not written, whatever went on from them is not either, because the store compares versions. Only when nothing is
    being written any more, the documents are loaded again: otherwise one that goes on from lost documents might fit
    those that were made in their place.
    """

    def __init__(self, documents: Documents) -> None:
        self.documents = documents
        self._lock = asyncio.Lock()
        self._writing, self._has_failed = 0, False
        self._written = asyncio.Event()
        self._written.set()

    async def begin(self) -> None:
        await self._lock.acquire()
        if self._has_failed:
            try:
                await self._written.wait()
            except BaseException:
                self._lock.release()
                raise
            self.documents.forget()
            self._has_failed = False

    def write(self) -> None:
        """Ends the turn while its documents are being written, until `end`."""
        self._writing += 1
        self._written.clear()
        self._lock.release()

    def end(self, *, writing: bool, failed: bool) -> None:
        """They are written, or that has failed."""
        self._has_failed = self._has_failed or failed
        if not writing:
            self._lock.release()
            return
        self._writing -= 1
        if not self._writing:
            self._written.set()


class Anew(Handling):
    """Folds one source of a read model into a version that nothing else writes yet. So its documents are kept in memory
    as they were stored last. If a page fails, its messages are folded again in the small batches of services, which
    find the one that fails and park its key."""

    def __init__(
        self,
        follow: FoldPlan,
        shared: Shared,
        ports: Ports,
        turns: Turns,
        *,
        pause: float,
        page: int = PAGE,
    ) -> None:
        """`turns` are shared by all sources. `pause` is the share of the time in which it rests, from 0.0 to below
        1.0."""
        super().__init__(follow, shared, ports, Listeners((), ports.clock))
        self._canaries = None  # the new version is compared with the live one before it is asked
        self._turns, self._page = turns, page
        if isinstance(self._dispatcher, Folding):
            self._dispatcher.kept, self._dispatcher.seconds = turns.documents, PAGE_SECONDS
        self.share = pause
        self._slow_until: dict[int, int] = {}
        """Up to which position the messages of a partition are folded in small batches."""
        self._follows_itself, self._durable = self._is_own, -inf

    def limit(self, lane: Lane) -> int:
        return super().limit(lane) if self._is_slow(lane) else self._page

    def _is_slow(self, lane: Lane) -> bool:
        return lane.pos < self._slow_until.get(lane.part, 0)

    async def do(self, lane: Lane, records: Sequence[MessageRecord]) -> MessageRecord:
        """Folds messages, and rests for its share of the time."""
        loop, mine = asyncio.get_running_loop(), self._parts[lane.part]
        await self._turns.begin()
        mine.in_turn, failed, began = True, True, loop.time()
        try:
            last = await self._handle(lane, records)
            failed = False
            if self.share:
                await asyncio.sleep((loop.time() - began) * self.share / (1.0 - self.share))
        finally:
            self._turns.end(writing=not mine.in_turn, failed=failed)
            mine.in_turn = False
        return last

    async def _commit(
        self,
        mine: Part,
        unit: UnitOfWork,
        attempt: Attempt | None,
        parks: Sequence[Park],
        advance: Advance,
        further: Sequence[Advance] = (),
    ) -> None:
        now = asyncio.get_running_loop().time()
        self._is_own = self._follows_itself and now - self._durable < DURABLE_SECONDS
        if not self._is_own:
            self._durable = now
        if self._store.technology.apart and not (parks or self.share):  # a store in this process would only contend
            mine.in_turn = False
            self._turns.write()
        await super()._commit(mine, unit, attempt, parks, advance, further)

    async def settle(self, lane: Lane, error: Exception) -> MessageRecord | None:
        if self._is_slow(lane):
            return await super().settle(lane, error)
        self._slow_until[lane.part] = lane.pos + self._page
        return None
