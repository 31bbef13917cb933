"""Folds the next version of a read model: many messages in memory, then one transaction with the moved checkpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from remit.domain import is_removed
from remit.errors import Conflict, StoreError
from remit.log import MessageRecord, forms_of, has_newer
from remit.messages import Codec, document_key
from remit.runtime.failures import is_transient
from remit.runtime.following.handling import Handling
from remit.runtime.following.lane import Lane
from remit.runtime.listeners import Listeners
from remit.runtime.plan import FoldPlan
from remit.runtime.ports import Ports
from remit.runtime.work.shared import Shared
from remit.runtime.work.stored import all_stored, is_written_as_state
from remit.runtime.work.tracked import Tracked
from remit.stores import Change, Unit

PAGE = 4_000
"""The most messages that are folded in one transaction."""
MOST_KEPT = 100_000
"""The most documents that are kept in memory between two transactions."""
CHUNK = 250
"""Messages that are folded before other tasks get a turn."""


class _Unusual(Exception):
    """A message that is not folded in memory."""


class Folding(Handling):
    """Folds one source of a read model in memory, where nothing is parked. What fails there is handled in small units
    of work, as services do it, which retry it and park its key.

    `turn` is shared by all sources of the read model, whose messages may change one document: one transaction after
    another. `kept` are its documents as they were stored last, and is shared as well.
    """

    def __init__(
        self,
        follow: FoldPlan,
        shared: Shared,
        ports: Ports,
        listeners: Listeners,
        turn: asyncio.Lock,
        kept: dict[str, Tracked],
        *,
        pause: float,
        page: int = PAGE,
    ) -> None:
        """`pause` is the share of the time in which it rests, from 0.0 to below 1.0."""
        super().__init__(follow, shared, ports, listeners)
        self._follow = follow
        self._takes: Mapping[tuple[str, int], Codec[Any]] = follow.takes
        self._named = {type for type, _ in follow.takes}
        self._turn, self._kept, self._page = turn, kept, page
        self.share = pause
        self._slow_until: dict[int, int] = {}
        """Up to which position the messages of a partition are handled in small units of work."""

    def limit(self, lane: Lane) -> int:
        return super().limit(lane) if lane.pos < self._slow_until.get(lane.part, 0) else self._page

    async def do(self, lane: Lane, records: Sequence[MessageRecord]) -> MessageRecord:
        """Folds messages, and rests for its share of the time."""
        loop = asyncio.get_running_loop()
        async with self._turn:
            began = loop.time()
            last = await self._fold_in_memory(lane, records)
            if self.share:
                await asyncio.sleep((loop.time() - began) * self.share / (1.0 - self.share))
        return last

    async def _fold_in_memory(self, lane: Lane, records: Sequence[MessageRecord]) -> MessageRecord:
        if lane.pos < self._slow_until.get(lane.part, 0) or await self._parking.among(lane, records):
            return await self._slowly(lane, records)
        stood = lane.pos, lane.id
        try:
            unit, changed = await self._in_memory(records)
            unit.advance = self._advance(lane, stood, records[-1])
            await self._store.commit(unit)
        except BaseException as error:
            self._kept.clear()
            if not isinstance(error, Exception) or isinstance(error, (Conflict, StoreError)) or is_transient(error):
                raise
            return await self._slowly(lane, records)  # which finds the message that failed, and parks its key
        self._written(unit, changed)
        lane.stored = records[-1].pos, records[-1].id
        return records[-1]

    async def _slowly(self, lane: Lane, records: Sequence[MessageRecord]) -> MessageRecord:
        """As services do it. What is kept in memory may be outdated by it."""
        self._kept.clear()
        self._slow_until[lane.part] = max(self._slow_until.get(lane.part, 0), records[-1].pos)
        return await super().do(lane, records[: super().limit(lane)])

    # ── in memory ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _in_memory(self, records: Sequence[MessageRecord]) -> tuple[Unit, dict[str, Tracked]]:
        """Folds messages. Returns what is to be written. Raises whatever is wrong with one of them."""
        plan, kept = self._follow.projection, self._kept
        events = [each for chunk in _chunks(records) for each in await self._read(chunk)]
        if len(kept) > MOST_KEPT:
            kept.clear()
        if missing := {id for id, _ in events} - kept.keys():
            rows = await all_stored(self._store, plan, missing)
            for id in missing:
                kept[id] = Tracked.load(plan, id, *rows[id]) if id in rows else Tracked(plan, id, plan.type())
        changed: dict[str, Tracked] = {}
        for number, (id, event) in enumerate(events):
            tracked = kept[id]
            if tracked.removed:
                tracked = kept[id] = Tracked(plan, id, plan.type(), tracked.version)
            tracked.value.evolve(event)
            if is_removed(tracked.value):
                tracked.removed = True
            changed[id] = tracked
            if not number % CHUNK:
                await asyncio.sleep(0)
        return self._unit(changed, records[-1].id), changed

    async def _read(self, records: Sequence[MessageRecord]) -> list[tuple[str, Any]]:
        """The events that the read model takes, each with the key of its document."""
        await asyncio.sleep(0)  # other tasks get a turn
        plan, takes, upcasters = self._follow.projection, self._takes, self._follow.upcasters
        key, kind, found = plan.key, plan.kind, list[tuple[str, Any]]()
        for record in records:
            wire = record.type, record.version
            codec = takes.get(wire)
            if codec is None or has_newer(record) or (upcasters is not None and wire in upcasters):
                forms: Iterable[tuple[Codec[Any], bytes]] = self._forms(record)
            else:
                forms = ((codec, record.payload),)
            for reads, payload in forms:
                event = reads.read(payload)
                found.append((document_key(key(event), event, kind), event))
        return found

    def _forms(self, record: MessageRecord) -> Iterator[tuple[Codec[Any], bytes]]:
        """The forms in which the read model takes a message that is old, or has several versions. Raises `_Unusual`."""
        upcasters, wire = self._follow.upcasters, (record.type, record.version)
        if upcasters is not None and wire in upcasters:
            for form in upcasters.newest(record.type, record.version, record.payload):
                yield from self._form(form.type, {form.version: form.payload})
        else:
            yield from self._form(record.type, forms_of(record))

    def _form(self, type: str, payloads: Mapping[int, bytes]) -> Iterator[tuple[Codec[Any], bytes]]:
        version = max((each for each in payloads if (type, each) in self._takes), default=None)
        if version is not None:
            yield self._takes[type, version], payloads[version]
        elif type in self._named:
            raise _Unusual(type)

    def _unit(self, changed: Mapping[str, Tracked], origin: str) -> Unit:
        unit = Unit(rows=[])
        unit.changes = [
            Change(each.plan.kind, each.id, each.version, each.body)
            for each in changed.values()
            if is_written_as_state(each, unit, origin)
        ]
        return unit

    def _written(self, unit: Unit, changed: Mapping[str, Tracked]) -> None:
        """The documents are stored: what is kept has their versions now."""
        for change in unit.changes:
            self._kept[change.id].version = change.expected + 1
        for row in unit.rows:
            self._kept[row.id].version = 0 if not row.body else row.version
        for id, tracked in changed.items():
            if tracked.removed:
                del self._kept[id]


def _chunks(records: Sequence[MessageRecord]) -> Iterator[Sequence[MessageRecord]]:
    return (records[start : start + CHUNK] for start in range(0, len(records), CHUNK))


def folding_of(
    follows: Sequence[FoldPlan], shared: Shared, ports: Ports, listeners: Listeners, *, pause: float, page: int = PAGE
) -> list[Folding]:
    """What folds each source of one version of a read model."""
    turn, kept = asyncio.Lock(), dict[str, Tracked]()
    return [Folding(each, shared, ports, listeners, turn, kept, pause=pause, page=page) for each in follows]
