"""Bugs in how event-sourced aggregates are stored and folded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from remit.runtime import upcasting
from remit.runtime.following.dispatch import Dispatcher
from remit.runtime.following.folding import Folding
from remit.runtime.plan import AggregatePlan
from remit.runtime.work import sourced, stored, unit
from remit.runtime.work.heads import Head, head_of
from remit.runtime.work.selected import UnitSelected
from remit.runtime.work.sourced import Sourced
from remit.runtime.work.tracked import Tracked
from remit.runtime.work.unit import UnitOfWork
from remit.stores import Unit
from remit.stores.sqlite.store import SqliteStore
from tests.simulation.planted import Plant, in_two_transactions


def use_any_snapshot(patch: pytest.MonkeyPatch) -> None:
    """A snapshot is used whatever code has made it."""

    def as_it_is(plan: AggregatePlan, head: Head) -> Any:
        return plan.codec.decode(head.state)

    patch.setattr(sourced, "_from_snapshot", as_it_is)


def append_first(unit: Unit) -> tuple[Unit, Unit] | None:
    """Events are written without the version of their head, which is written afterwards."""
    if not unit.entries or not any(head_of(change.body) for change in unit.changes):
        return None
    return Unit(entries=unit.entries), replace(unit, entries=())


def rows_apart(unit: Unit) -> tuple[Unit, Unit] | None:
    """The checkpoint of a row model is written before its rows, in a transaction of its own."""
    return (replace(unit, rows=()), Unit(rows=unit.rows)) if unit.rows else None


def rows_first(unit: Unit) -> tuple[Unit, Unit] | None:
    """The rows are written before the checkpoint, in a transaction of their own."""
    return (Unit(rows=unit.rows), replace(unit, rows=())) if unit.rows else None


def skip_a_row_between_pages(patch: pytest.MonkeyPatch) -> None:
    """A page begins behind the row with which it should begin."""
    page = UnitSelected.page

    async def further(self: UnitSelected, *, limit: int = 100, after: str | None = None) -> Any:
        found = await page(self, limit=limit, after=after)
        if found.next is None:
            return found
        return type(found)(items=found.items, next=(await page(self, limit=limit + 1, after=after)).next)

    patch.setattr(UnitSelected, "page", further)


def upcast_twice(patch: pytest.MonkeyPatch) -> None:
    """What an upcaster has made is given to it once more."""
    called = upcasting._called

    def twice(upcaster: Any, what: str, fields: Any) -> Any:
        return called(upcaster, what, called(upcaster, what, fields))

    patch.setattr(upcasting, "_called", twice)


def fold_no_old_events(patch: pytest.MonkeyPatch) -> None:
    """A stream is folded without the events of older versions."""
    apply = sourced._apply

    def apply_new(plan: AggregatePlan, value: Any, record: Any) -> Any:
        upcasters = plan.stream.upcasters if plan.stream is not None else None
        if upcasters is not None and (record.type, record.version) in upcasters:
            return value
        return apply(plan, value, record)

    patch.setattr(sourced, "_apply", apply_new)


def follow_no_old_events(patch: pytest.MonkeyPatch) -> None:
    """A subscription goes over events of older versions."""

    changed = Folding._changed

    async def go_on(*_: Any) -> None: ...

    def none(self: Folding, record: Any) -> list[Any]:
        return [] if self._is_old(record) else changed(self, record)

    patch.setattr(Dispatcher, "_handle_old", go_on)
    patch.setattr(Folding, "_changed", none)


def keep_removed_rows(patch: pytest.MonkeyPatch) -> None:
    """A row that is removed stays as it was."""
    commit = SqliteStore.commit

    async def keep(self: SqliteStore, unit: Unit) -> None:
        unit.rows = [each for each in unit.rows if each.body]
        await commit(self, unit)

    patch.setattr(SqliteStore, "commit", keep)


def remove_with_what_follows(patch: pytest.MonkeyPatch) -> None:
    """A row that is removed takes what the same unit of work begins anew along."""
    track, written = UnitOfWork.track, stored.is_written_as_state
    anew: list[Tracked] = []

    def begun(self: UnitOfWork, plan: Any, id: str, value: Any) -> Tracked:
        before = self._tracked.get((plan.kind, id))
        made = track(self, plan, id, value)
        if before is not None and before.removed:
            anew.append(made)
        return made

    def removing(tracked: Tracked, rows: Unit, origin: str) -> bool:
        tracked.removed = tracked.removed or any(each is tracked for each in anew)
        return written(tracked, rows, origin)

    patch.setattr(UnitOfWork, "track", begun)
    patch.setattr(unit, "is_written_as_state", removing)


def adopt_nothing(patch: pytest.MonkeyPatch) -> None:
    """A stream begins without the state that was there before."""
    numbered = Sourced.numbered

    def begun(self: Sourced, events: Any, adopt: Any) -> Any:
        self.adopted = b""
        return numbered(self, events, adopt)

    patch.setattr(Sourced, "numbered", begun)


def go_on_with_an_old_life(patch: pytest.MonkeyPatch) -> None:
    """A state that becomes a stream once more is written into the first life of the stream."""
    restored = sourced.restored

    async def again(streams: Any, plan: Any, id: str, version: int, body: bytes) -> Any:
        found = await restored(streams, plan, id, version, body)
        if found.adopted:
            found.life = 0
        return found

    patch.setattr("remit.runtime.work.unit.restored", again)


def read_no_heads_as_states(patch: pytest.MonkeyPatch) -> None:
    """A release that goes back begins with an empty state."""
    load = Tracked.load

    def empty(plan: Any, id: str, version: int, body: bytes) -> Tracked:
        found = load(plan, id, version, body)
        if plan.is_aggregate and plan.stream is None and head_of(body) is not None:
            found.value = plan.type(id=found.value.id)
        return found

    patch.setattr(Tracked, "load", staticmethod(empty))


OF_STREAMS: Sequence[tuple[str, Plant, Sequence[int]]] = (
    ("a snapshot of another schema is used", use_any_snapshot, (17, 47)),
    ("events are written without the version of their head", in_two_transactions(append_first), (17, 23)),
    ("a checkpoint is written before its rows", in_two_transactions(rows_apart), (17, 23)),
    ("an upcaster is applied twice", upcast_twice, (1162, 1209)),
    ("streams are folded without old events", fold_no_old_events, (134, 822)),
    ("subscriptions go over old events", follow_no_old_events, (2799, 2952)),
    ("a row between two pages is skipped", skip_a_row_between_pages, (17, 47)),
    ("rows are written before their checkpoint", in_two_transactions(rows_first), (17, 23)),
    ("a removed row stays", keep_removed_rows, (478, 175)),
    ("a row that begins anew is removed with the old one", remove_with_what_follows, (149, 203)),
    ("a stream begins without the state before", adopt_nothing, (473, 837)),
    ("a stream goes on with an old life", go_on_with_an_old_life, (1739,)),
    ("a release that goes back forgets", read_no_heads_as_states, (1739, 656)),
)
"""Their names, and the programs of generator seed 1 that have shown them."""
