"""Reads back what a read model has just written, through the path of its queries.

A checkpoint moves in the transaction that writes the model. So if a driver or a trigger drops the writes and keeps the
rest, everything looks as if the model were up to date. A canary is the last document or row of a unit of work: a few
seconds later it is read as a query would read it, and has to be there in that version or a later one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from remit.log import Checkpoint
from remit.runtime.plan import ProjectionPlan, RowPlan
from remit.stores import Advance, Store, Unit

READ_SECONDS = 5.0
"""The pause between two canaries."""


class Canary(NamedTuple):
    """A document or row that was written."""

    id: str
    version: int
    is_there: bool
    """False if the row was removed."""
    advance: Advance
    beside: frozenset[str]
    """All that was written in the same unit of work."""

    @property
    def upto(self) -> dict[int, Checkpoint]:
        """The checkpoint that moved with it, by partition."""
        return {self.advance.part: Checkpoint(self.advance.after, self.advance.after_id, self.advance.at)}


class Canaries:
    """The canaries of one read model."""

    def __init__(self, store: Store, model: ProjectionPlan) -> None:
        self._store = store
        self._model = model
        self._last: Canary | None = None
        self._doubted: Canary | None = None
        """The one that is being read. One that is missing is read twice, because it may be written meanwhile."""
        self._reads = 0
        self._read = 0.0
        self.lost: Canary | None = None
        """One that was not there, until a later one is."""

    def forget(self) -> None:
        """Begins anew: another version of the model may be live now."""
        self._last = self._doubted = self.lost = None

    def canary(self, rows: Unit) -> Canary | None:
        """The canary of a unit of work that is about to be written; None if it writes nothing of the model."""
        made, advance = self._written(rows), rows.advance
        return None if not made or advance is None else Canary(*made[-1], advance, frozenset(id for id, _, _ in made))

    def note(self, canary: Canary) -> None:
        """A unit of work was written."""
        self._last = canary
        if self._doubted is not None and self._doubted.id in canary.beside:
            self._doubted = None

    def _written(self, rows: Unit) -> Sequence[tuple[str, int, bool]]:
        model = self._model
        if isinstance(model, RowPlan):
            return [(each.id, each.version, each.body != b"") for each in rows.rows if each.table == model.table]
        return [(each.id, each.expected + 1, each.body != b"") for each in rows.changes if each.kind == model.kind]

    async def look(self) -> None:
        """Reads a canary, if it is time to. Raises as the store does."""
        now = asyncio.get_running_loop().time()
        if self._doubted is None:
            if self._last is None or now - self._read < READ_SECONDS:
                return
            self._doubted, self._last, self._read, self._reads = self._last, None, now, 0
        canary = self._doubted
        is_there = await self._is_there(canary)
        if self._doubted is not canary:  # written again while it was read
            return
        self._reads += 1
        if is_there or self._reads > 1:
            self._doubted, self.lost = None, None if is_there else canary

    async def _is_there(self, canary: Canary) -> bool:
        model, store = self._model, self._store
        if isinstance(model, RowPlan):
            found = (await store.load_rows(model.table, [canary.id])).get(canary.id)
            return not canary.is_there if found is None else found[0] >= canary.version
        row = await store.load(model.kind, canary.id)
        return row is not None and row[0] >= canary.version
