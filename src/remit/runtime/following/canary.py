"""Reads back what a read model has just written, through the path of its queries.

A checkpoint moves in the transaction that writes the model. So if a driver or a trigger drops the writes and keeps the
rest, everything looks as if the model were up to date. A canary is the last document or row of a unit of work: a few
seconds later it is read as a query would read it, and has to be there in that version or a later one.

A document is never removed, so one that is missing was lost. A row may have been removed by a message of another
source, by a letter, or by another process, and made again with an unrelated version. So a row that is missing was lost
only if nobody else has written to the model since: no checkpoint of the model was moved but by this process, whose
writes are known, and no parked key has changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from math import inf
from typing import NamedTuple

from remit.log import Checkpoint, SubscriptionId
from remit.runtime.plan import ProjectionPlan, RowPlan
from remit.stores import Advance, ParkedKey, Store, Unit

READ_SECONDS = 5.0
"""The pause between two canaries."""
NEAR = 1 << 20
"""A version that is so little below another one is an earlier version of the same row. Rows begin with versions that
are spread over 56 bits."""
PARKED = 100
"""With more parked keys, a missing row says nothing: they are too many to see whether one has changed."""

Place = tuple[SubscriptionId, int]
"""A partition of a source."""


class _Look(NamedTuple):
    """How far a model was at one time."""

    stands: Mapping[Place, int] = {}
    parked: frozenset[ParkedKey] = frozenset()


class Canary(NamedTuple):
    """A document or row that was written."""

    id: str
    version: int
    is_there: bool
    """False if the row was removed."""
    advance: Advance
    since: _Look
    """What was seen of the model before it was written."""

    @property
    def upto(self) -> dict[int, Checkpoint]:
        """The checkpoint that moved with it, by partition."""
        return {self.advance.part: Checkpoint(self.advance.after, self.advance.after_id, self.advance.at)}


class Canaries:
    """The canaries of one source of a read model."""

    def __init__(self, store: Store, model: ProjectionPlan, sources: Sequence[SubscriptionId]) -> None:
        """`sources` are the subscriptions that write to the model."""
        self._store = store
        self._model = model
        self._sources = sources
        self._last: Canary | None = None
        self._doubted: Canary | None = None
        """The one that is being read. One that is missing is read twice, because it may be written meanwhile."""
        self._reads = 0
        self._read = -inf
        self._since: _Look | None = None
        self._moved: dict[Place, tuple[int, int, int]] = {}
        """What this process has moved since: from where first, and from where to where last."""
        self._is_alone = True
        """Whether, in what this process has moved since, no other process has moved anything."""
        self.lost: Canary | None = None
        """One that was not there, until a later one is."""

    def forget(self) -> None:
        """Begins anew: another version of the model may be live now."""
        self._last = self._doubted = self.lost = self._since = None

    async def begin(self) -> None:
        """Looks how far the model is; canaries are written after that. Raises as the store does."""
        self._since, self._is_alone = None, True
        self._moved = {place: (before, before, after) for place, (_, before, after) in self._moved.items()}
        since = await self._looked() if isinstance(self._model, RowPlan) else _Look()
        self._moved = {place: moves for place, moves in self._moved.items() if since.stands.get(place, 0) <= moves[2]}
        self._since, self._last, self._doubted = since, None, None

    def begins(self, unit: Unit) -> None:
        """A unit of work of any source of the model is about to be written by this process."""
        ids = {id for id, _, _ in self._written(unit)}
        if self._last is not None and self._last.id in ids:
            self._last = None
        if self._doubted is not None and self._doubted.id in ids:
            self._doubted = None
        for each in unit.moves:
            place = each.subscription, each.part
            first, before, after = self._moved.get(place, (each.before, each.before, each.before))
            self._is_alone = self._is_alone and each.before in (before, after)
            self._moved[place] = first, each.before, each.after

    def canary(self, rows: Unit) -> Canary | None:
        """The canary of a unit of work that is about to be written; None if it writes nothing of the model."""
        made, advance = self._written(rows), rows.advance
        return None if not made or advance is None or self._since is None else Canary(*made[-1], advance, self._since)

    def note(self, canary: Canary) -> None:
        """A unit of work was written."""
        if canary.since is self._since:
            self._last = canary

    def _written(self, rows: Unit) -> Sequence[tuple[str, int, bool]]:
        model = self._model
        if isinstance(model, RowPlan):
            return [(each.id, each.version, each.body != b"") for each in rows.rows if each.table == model.table]
        return [(each.id, each.expected + 1, each.body != b"") for each in rows.changes if each.kind == model.kind]

    async def look(self) -> None:
        """Reads a canary, if it is time to. Raises as the store does."""
        now = asyncio.get_running_loop().time()
        if self._since is None:
            await self.begin()
        if self._doubted is None:
            if self._last is None or now - self._read < READ_SECONDS:
                return
            self._doubted, self._last, self._read, self._reads = self._last, None, now, 0
        canary = self._doubted
        is_there = await self._is_there(canary)
        if self._doubted is not canary:  # written again while it was read
            return
        self._reads += 1
        if is_there is None:  # it says nothing: the next one is read soon, before others write to the model
            self._read = -inf
            await self.begin()
        elif is_there or self._reads > 1:
            self._doubted, self.lost = None, None if is_there else canary

    async def _is_there(self, canary: Canary) -> bool | None:
        """None if what was read tells nothing."""
        model, store = self._model, self._store
        if not isinstance(model, RowPlan):
            row = await store.load(model.kind, canary.id)
            return row is not None and row[0] >= canary.version
        found = (await store.load_rows(model.table, [canary.id])).get(canary.id)
        if found is None:
            return not canary.is_there or (False if self._only_here(await self._looked(), canary.since) else None)
        return found[0] >= canary.version or (False if canary.version - found[0] < NEAR else None)

    # ── whether others write to the model ───────────────────────────────────────────────────────────────────────────

    async def _looked(self) -> _Look:
        stands: dict[Place, int] = {}
        parked: set[ParkedKey] = set()
        for id in self._sources:
            stands.update({(id, part): stood.pos for part, stood in (await self._store.checkpoints(id)).items()})
            parked.update(await self._store.due(id, at=inf, tried_after=inf, limit=PARKED))
        return _Look(stands, frozenset(parked))

    def _only_here(self, now: _Look, since: _Look) -> bool:
        """Whether nobody but this process has written to the model since an earlier look, and no letter was handled."""
        if not self._is_alone or now.parked != since.parked or len(now.parked) >= PARKED:
            return False
        return all(self._moved_here(each, now, since) for each in {*now.stands, *since.stands})

    def _moved_here(self, place: Place, now: _Look, since: _Look) -> bool:
        before, after = since.stands.get(place, 0), now.stands.get(place, 0)
        first, _, last = self._moved.get(place, (before, before, before))
        return first <= before <= after <= last
