"""Bugs in what else handlers may ask for and declare: refusals that are returned, what is removed, claims, records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from remit.messages import Refusal
from remit.runtime import compiler
from remit.runtime.following.dispatch import DISPATCHERS
from remit.runtime.following.joint import JointHandling, JointParking
from remit.runtime.plan import LaterPlan
from remit.runtime.work.unit import UnitOfWork
from remit.stores import Unit
from remit.stores.sqlite.writer import Writer
from tests.simulation.planted import Plant

# ── refusals that are returned ──────────────────────────────────────────────────────────────────────────────────────


def drop_what_is_refused(patch: pytest.MonkeyPatch) -> None:
    """A refusal that is returned drops what was decided, as if it were raised."""
    run = UnitOfWork.run

    async def raised(self: UnitOfWork, handler: Any, message: Any) -> Any:
        reply = await run(self, handler, message)
        if isinstance(reply, Refusal):
            raise reply
        return reply

    patch.setattr(UnitOfWork, "run", raised)


def keep_no_returned_refusals(patch: pytest.MonkeyPatch) -> None:
    """A refusal that is returned is not stored as the outcome under its key."""
    commit = UnitOfWork.commit

    def unclaimed(self: UnitOfWork, rows: Unit) -> Any:
        if rows.claim is not None and bytes(rows.claim.outcome or b"").startswith(b'{"refusal'):
            rows.claim = None
        return commit(self, rows)

    patch.setattr(UnitOfWork, "commit", unclaimed)


def drop_what_is_refused_later(patch: pytest.MonkeyPatch) -> None:
    """A command sent for later that returns a refusal leaves nothing behind."""
    later: Any = DISPATCHERS[LaterPlan]
    do = later._do

    async def dropped(self: Any, unit: UnitOfWork, *more: Any) -> Any:
        refused = await do(self, unit, *more)
        if refused is not None:
            claim = unit.claim
            await unit.forget()
            unit.claim = claim
        return refused

    patch.setattr(later, "_do", dropped)


# ── reactions that follow together ──────────────────────────────────────────────────────────────────────────────────


def follow_apart(patch: pytest.MonkeyPatch) -> None:
    """Reactions on one model follow each by itself."""

    def alone(*_: Any) -> list[Any]:
        return []

    patch.setattr(compiler, "groups_of", alone)


def handle_letters_apart(patch: pytest.MonkeyPatch) -> None:
    """Each of the reactions on one model handles its own letters of a key, whatever the others wait for."""

    async def own(self: JointParking, key: str) -> Any:
        letters = await self._store.letters(self.place, key, 1)
        return (self, letters[0].record) if letters else None

    patch.setattr(JointParking, "_first", own)


def go_on_beside_parked_keys(patch: pytest.MonkeyPatch) -> None:
    """A key that is parked for one of the reactions on one model holds up that one alone."""
    step = JointHandling._step

    async def alone(self: Any, lane: Any, unit: Any, decided: Any, record: Any, turn: int, parked: Any) -> bool:
        own = [name for name in parked if name == self._members[turn].id.name]
        return await step(self, lane, unit, decided, record, turn, own)

    patch.setattr(JointHandling, "_step", alone)


# ── aggregates that are removed ─────────────────────────────────────────────────────────────────────────────────────


def forget_removed_versions(patch: pytest.MonkeyPatch) -> None:
    """Nothing is left of an aggregate that was removed: its version begins anew."""
    write = Writer._write

    def without(self: Any, unit: Unit) -> None:
        write(self, unit)
        self._execute("DELETE FROM state WHERE length(body) = 0")

    patch.setattr(Writer, "_write", without)


def lose_what_the_removed_say(patch: pytest.MonkeyPatch) -> None:
    """Events that an aggregate has recorded before it was removed are lost."""
    take_up = UnitOfWork._take_up

    def silent(self: UnitOfWork, handler: Any, tracked: Any) -> Any:
        events = take_up(self, handler, tracked)
        return [] if tracked.removed else events

    patch.setattr(UnitOfWork, "_take_up", silent)


def keep_what_is_removed(patch: pytest.MonkeyPatch) -> None:
    """A removal is not written where the aggregate has recorded nothing."""
    unit = UnitOfWork.unit

    def kept(self: UnitOfWork) -> Unit:
        rows = unit(self)
        if not rows.entries:
            rows.changes = [change for change in rows.changes if change.body]
        return rows

    patch.setattr(UnitOfWork, "unit", kept)


OF_THE_KIT: Sequence[tuple[str, Plant, Sequence[int]]] = (
    ("a returned refusal drops what was decided", drop_what_is_refused, (1,)),
    ("a returned refusal is not kept under its key", keep_no_returned_refusals, (1,)),
    ("what a command for later decides and refuses is dropped", drop_what_is_refused_later, (1,)),
    ("reactions on one model follow apart", follow_apart, (1,)),
    ("reactions on one model handle letters apart", handle_letters_apart, (1,)),
    ("a key is parked for one of the reactions on one model", go_on_beside_parked_keys, (1,)),
    ("a removed aggregate leaves no version", forget_removed_versions, (1,)),
    ("what a removed aggregate has recorded is lost", lose_what_the_removed_say, (1,)),
    ("a removal is not written", keep_what_is_removed, (1,)),
)
"""Their names, and the programs of generator seed 1 that have shown them."""
