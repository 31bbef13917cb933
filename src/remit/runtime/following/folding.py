"""Folds batches of messages into a read model: decodes them, and has their documents loaded in one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import MsgspecError

from remit.log import Channel, MessageRecord, has_newer
from remit.runtime.following.dispatch import Dispatcher
from remit.runtime.following.effect import HANDLER_SECONDS
from remit.runtime.following.lane import Lane
from remit.runtime.work.attempts import Attempt
from remit.runtime.work.folding import Documents, Slices, Step
from remit.runtime.work.unit import UnitOfWork

CHUNK = 250
"""Messages that are decoded before they are folded, if their documents need not be loaded. So few fit into the caches
of a processor."""


class Folding(Dispatcher):
    """Applies events to the documents of a projection."""

    kept: Documents | None = None
    """The documents that are kept from one batch to the next. Only for a read model that nothing else writes."""
    seconds = 0.05
    """How long a unit of work may fold."""

    async def handle(self, unit: UnitOfWork, record: MessageRecord, attempt: Attempt) -> None:
        """Folds a single message: one that was parked."""
        await self._fold(unit, Lane(record.part), [record], None)

    async def fold(self, unit: UnitOfWork, lane: Lane, records: Sequence[MessageRecord]) -> MessageRecord:
        """Folds messages, of which none is parked, as long as the time allows. Returns the last one. After a failure,
        `lane.failing` is the message that failed, as far as one did.

        Raises as `Dispatcher.handle`.
        """
        return await self._fold(unit, lane, records, self.kept)

    async def _fold(
        self, unit: UnitOfWork, lane: Lane, records: Sequence[MessageRecord], kept: Documents | None
    ) -> MessageRecord:
        limit, time = self._shared.deadlines.enter(HANDLER_SECONDS), Slices(self.seconds)
        documents, last = unit.documents(self._follow.projection, kept), records[0]
        size = CHUNK if documents.whole else len(records)
        try:
            for start in range(0, len(records), size):
                some, failing = records[start : start + size], lane.failing
                steps = await self._decoded(lane, some, documents, time)
                lane.failing = failing
                last = await documents.fold(lane, steps, time)
                if last is not some[-1]:
                    break
            limit.refuse_ended()
        except BaseException as error:
            if (failure := self._failure(error, limit)) is None:
                raise
            raise failure from error
        finally:
            self._shared.deadlines.leave(limit)
        lane.failing, unit.attempt = last, self.attempt(last)
        return last

    async def _decoded(
        self, lane: Lane, records: Sequence[MessageRecord], documents: Documents, time: Slices
    ) -> list[Step]:
        """Decodes messages until the time is up. A message that the projection does not follow is there without an
        event. Raises `BadMessage`, `BadKey`, and whatever `key` raises."""
        takes, olds, key = self._follow.takes, self._upcasters or (), documents.key
        is_published = self._follow.id.channel is Channel.PUBLISHED
        found: list[Step] = []
        for record in records:
            lane.failing = record
            form = record.type, record.version
            codec = takes.get(form)
            if codec is None or form in olds or (is_published and has_newer(record)):
                events = self._changed(record)
                found += [(record, key(event), event) for event in events] or [(record, "", None)]
            else:
                try:
                    event = codec.decode(record.payload)
                except MsgspecError:
                    event = codec.read(record.payload)
                found.append((record, key(event), event))
            if time.now() > time.until and await time.is_over():
                break
        return found

    def _changed(self, record: MessageRecord) -> list[Any]:
        """The events of a message that is old, newer, or not followed."""
        if not self._is_old(record):
            forms = [record]
        else:
            assert self._upcasters is not None  # noqa: S101  # asked by `_is_old` before
            newest = self._upcasters.newest(record.type, record.version, record.payload)
            forms = [record._replace(type=each.type, version=each.version, payload=each.payload) for each in newest]
        found = map(self._form, forms)
        return [codec.read(payload) for codec, payload in found if codec is not None]
