"""Bugs in how read models are rebuilt, and in answers that include what a command has written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from remit.log import MessageRecord, blank
from remit.operations import rebuild
from remit.operations.from_state import _SinceBase
from remit.operations.rebuild import Rebuild
from remit.runtime.freshness import reaching
from remit.runtime.plan import RowPlan
from remit.stores import Unit
from remit.stores.versions import subscription_in
from tests.simulation.planted import Plant, in_two_transactions


def build_into_the_live_version(patch: pytest.MonkeyPatch) -> None:
    """A version has checkpoints of its own, and the documents of the live one."""

    of_version = rebuild.in_projection

    def same(projection: Any, version: int) -> Any:
        return of_version(projection, version) if isinstance(projection, RowPlan) else projection

    patch.setattr(rebuild, "in_projection", same)


def fold_apart(unit: Unit) -> tuple[Unit, Unit] | None:
    """The checkpoint of a version is written before its documents, in a transaction of its own."""
    if unit.advance is None or "@" not in unit.advance.subscription.name or not (unit.changes or unit.rows):
        return None
    return Unit(advance=unit.advance), replace(unit, advance=None)


def begin_at_the_live_place(patch: pytest.MonkeyPatch) -> None:
    """A version begins where the live one stands."""
    begin = Rebuild._begin

    async def placed(self: Rebuild) -> Any:
        begun = await begin(self)
        for each in self._ids:
            stand = await self._store.checkpoints(subscription_in(each, begun.live))
            await self._store.place(subscription_in(each, begun.building), stand)
        return begun

    async def anything(self: Rebuild, *_: Any) -> None: ...

    patch.setattr(Rebuild, "_begin", placed)
    patch.setattr(Rebuild, "_check", anything)


def _as_it_is(_: Any, record: MessageRecord) -> MessageRecord:
    return record


def _blank(_: Any, record: MessageRecord) -> MessageRecord:
    return blank(record)


def fold_what_a_state_includes(patch: pytest.MonkeyPatch) -> None:
    """Messages that came while states were taken are folded on top of those that include them."""
    patch.setattr(_SinceBase, "_since", _as_it_is)


def pass_over_all_that_came_meanwhile(patch: pytest.MonkeyPatch) -> None:
    """Messages that came while states were taken are passed over, whichever states include them."""
    patch.setattr(_SinceBase, "_since", _blank)


def wait_for_nothing_written(patch: pytest.MonkeyPatch) -> None:
    """An answer that is to include what was written is given at once."""

    async def not_behind(*_: Any) -> bool:
        return False

    patch.setattr(reaching, "_behind", not_behind)


OF_REBUILDS: Sequence[tuple[str, Plant, Sequence[int]]] = (
    ("a version is built into the live one", build_into_the_live_version, (322, 155)),
    ("a checkpoint of a version is written before its documents", in_two_transactions(fold_apart), (322, 386)),
    ("a version begins where the live one stands", begin_at_the_live_place, (155, 23)),
    ("what a state includes is folded once more", fold_what_a_state_includes, (1484, 2213)),
    ("what came while states were taken is passed over", pass_over_all_that_came_meanwhile, (337, 430)),
    ("an answer does not wait for what was written", wait_for_nothing_written, (328, 322)),
)
"""Their names, and the programs of generator seed 1 that have shown them."""
