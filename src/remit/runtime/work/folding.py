"""Folds events into the documents of a read model: the only place where `evolve` of a projection is called."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from remit.domain import Row as RowModel
from remit.domain import is_removed
from remit.log import MessageRecord
from remit.messages import document_key
from remit.runtime.plan import ProjectionPlan
from remit.runtime.work.attempts import meant
from remit.runtime.work.stored import Row, all_stored, is_written_as_state
from remit.runtime.work.tracked import Tracked
from remit.stores import Change, Store, Unit

SLICE_SECONDS = 0.002
"""After so long, other tasks get their turn."""
MOST_KEPT = 100_000
"""The most documents that are kept in memory between two units of work, and keys that are known to be valid."""
MOST_BYTES = 64 * 1024 * 1024
"""The bodies of documents that are kept have about so many bytes at most."""

Step = tuple[MessageRecord, str, Any]
"""A message, the key of the document to which its event belongs, and the event; None for a message without one."""


class Failing(Protocol):
    """Where the message that is being folded is noted."""

    failing: MessageRecord | None


class Slices:
    """The time that a unit of work may fold, in slices between which other tasks get their turn."""

    __slots__ = ("_left", "now", "until")

    def __init__(self, seconds: float) -> None:
        self.now = asyncio.get_running_loop().time
        self._left = seconds
        self.until = self.now() + min(SLICE_SECONDS, seconds)
        """The end of the slice (loop time)."""

    async def is_over(self) -> bool:
        """At the end of a slice: returns that the time is up, or lets other tasks have their turn."""
        self._left -= SLICE_SECONDS
        if self._left > 0.0:
            await asyncio.sleep(0)
            self.until = self.now() + SLICE_SECONDS
        return self._left <= 0.0


class Documents:
    """The documents of one read model while events are folded into them."""

    __slots__ = ("_changed", "_ends", "_known", "_plan", "_rows", "_store", "_texts", "_written", "size", "whole")

    def __init__(self, plan: ProjectionPlan, store: Store | None, *, whole: bool = False) -> None:
        """`whole`: nothing is stored yet, so that nothing has to be loaded. Without a store, nothing ever is."""
        self._plan, self._store = plan, store
        self.whole = whole
        """Whether everything that is stored is known here."""
        self._ends = issubclass(plan.type, RowModel)
        self._texts: set[str] = set()
        """Keys that are known to be valid."""
        self._known: dict[str, Tracked] = {}
        self._rows: Mapping[str, Row] = {}
        self._changed: dict[str, Tracked] = {}
        self.size = 0
        """The bytes of the documents that were written last."""
        self._written = 0
        """What is known has so many bytes at most: those of the last count, and all that were written since then."""

    def key(self, event: Any) -> str:
        """The key of the document to which an event belongs. Raises `BadKey`, and whatever `key` raises."""
        key = self._plan.key(event)
        if key.__class__ is str and key in self._texts:
            return key
        text = document_key(key, event, self._plan.kind)
        self._texts.add(text)
        return text

    async def load(self, ids: Iterable[str]) -> None:
        """Loads the documents that are not known, in one round trip."""
        if self.whole or self._store is None:
            return
        if missing := {*ids} - self._known.keys():
            self._rows = await all_stored(self._store, self._plan, missing)

    def apply(self, id: str, event: Any) -> Tracked:
        """Applies an event to its document, which it may remove. Raises `BadMessage` for one that cannot be read, and
        whatever `evolve` raises."""
        found, plan = self._known.get(id), self._plan
        if found is None:
            row = self._rows.get(id)
            found = self._known[id] = Tracked(plan, id, plan.type()) if row is None else Tracked.load(plan, id, *row)
        if found.removed:
            found = self._known[id] = Tracked(plan, id, plan.type(), found.version)
        try:
            found.value.evolve(event)
        except BaseException as error:
            if (failure := meant(error)) is error:
                raise
            raise failure from error
        self._changed[id] = found
        if self._ends and is_removed(found.value):
            found.removed = True
        return found

    async def fold(self, at: Failing, steps: Sequence[Step], time: Slices) -> MessageRecord:
        """Applies events to their documents, in order, until the time is up. Returns the last message. While an event
        is applied, `at` names its message. Raises as `apply`."""
        await self.load([id for _, id, event in steps if event is not None])
        apply, before = self.apply, steps[0][0]
        for record, id, event in steps:
            if before is not record and time.now() > time.until and await time.is_over():
                break
            at.failing = before = record
            if event is not None:
                apply(id, event)
        return before

    def write(self, unit: Unit, changes: list[Change], origin: str) -> None:
        """Adds what has changed to a unit. From then on, the documents count as stored, so that they are to be
        forgotten if the unit is not. `origin` is the message that was folded last. Raises `BadValue`."""
        known, size = self._known, 0
        for id, each in self._changed.items():
            if is_written_as_state(each, unit, origin):
                changes.append(Change(each.plan.kind, id, each.version, each.body))
                each.version += 1
            elif each.removed:
                del known[id]
            else:
                each.version = unit.rows[-1].version
            size += len(each.body)
        self._changed.clear()
        self._rows = {}
        self.size = size
        self._written += size
        if self._written > MOST_BYTES or max(len(known), len(self._texts)) > MOST_KEPT:
            self._spare()

    def _spare(self) -> None:
        """Forgets what is too much to be kept. So seldom as it counts the bytes, counting costs nothing."""
        self._written = sum([len(each.body) for each in self._known.values()])
        if 2 * self._written > MOST_BYTES or len(self._known) > MOST_KEPT:
            self.forget()
        elif len(self._texts) > MOST_KEPT:
            self._texts.clear()

    def forget(self) -> None:
        """The documents may be other ones in the store."""
        self._known.clear()
        self._changed.clear()
        self._texts.clear()
        self._rows, self._written, self.whole = {}, 0, False
