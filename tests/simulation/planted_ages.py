"""Bugs in how old read models are said to be, and in what becomes of those that are too old."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any

import pytest

from remit.log import Checkpoint
from remit.runtime.following.canary import Canaries
from remit.runtime.upkeep import ages
from remit.runtime.upkeep.signs import Peers
from remit.runtime.work import aging, given
from remit.stores import Unit
from remit.stores.sqlite.store import SqliteStore
from tests.simulation.planted import Plant

Model: Any = ages._Model
Source: Any = ages._Source


def take_any_look_for_complete(patch: pytest.MonkeyPatch) -> None:
    """A model is as old as the last look at it, whatever it contains."""

    def anyway(heads: Mapping[int, int], stands: Mapping[int, Checkpoint]) -> bool:
        return True

    patch.setattr(Source, "reaches", staticmethod(anyway))


def take_the_newest_source(patch: pytest.MonkeyPatch) -> None:
    """A model is as old as the source that it has taken up last."""

    def newest(self: Any) -> float:
        complete: float = max(source.complete for source in self.sources)
        return asyncio.get_running_loop().time() - complete

    patch.setattr(Model, "age", newest)


def mind_no_new_partitions(patch: pytest.MonkeyPatch) -> None:
    """A partition of which a model has nothing yet is taken for one that has nothing."""

    def begun(heads: Mapping[int, int], stands: Mapping[int, Checkpoint]) -> bool:
        return all(stands[part].pos >= pos for part, pos in heads.items() if part in stands)

    patch.setattr(Source, "reaches", staticmethod(begun))


def count_from_the_checkpoint(patch: pytest.MonkeyPatch) -> None:
    """A model is taken for complete whenever its checkpoint moves."""
    seen = Source.seen

    def moved(self: Any, asked: float, heads: Mapping[int, int], stands: Mapping[int, Checkpoint]) -> None:
        before = self.stands
        seen(self, asked, heads, stands)
        if stands != before:
            self.complete = asked

    patch.setattr(Source, "seen", moved)


def begin_young(patch: pytest.MonkeyPatch) -> None:
    """A process takes a model that is behind when it begins for one that has everything."""
    seen = Source.seen

    def young(self: Any, asked: float, heads: Mapping[int, int], stands: Mapping[int, Checkpoint]) -> None:
        seen(self, asked, heads, stands)
        if self.complete == -inf:
            self.complete = asked

    patch.setattr(Source, "seen", young)


def read_what_is_too_old(patch: pytest.MonkeyPatch) -> None:
    """No model is refused."""

    def note_age(of: aging.Ages, plan: Any, *, asks: bool) -> float:
        return aging.note_age(of, plan, asks=False)

    patch.setattr(given, "note_age", note_age)


def mind_no_parked_keys(patch: pytest.MonkeyPatch) -> None:
    """A model with a parked key is called fresh."""
    found = Model.found

    def unparked(self: Any, cause: Any, state: Any, note: str = "") -> None:
        found(self, cause, None if state == "parked" else state, note)

    patch.setattr(Model, "found", unparked)


def end_no_trouble(patch: pytest.MonkeyPatch) -> None:
    """What was too old once stays so."""
    found = Model.found

    def lasting(self: Any, cause: Any, state: Any, note: str = "") -> None:
        if state is not None:
            found(self, cause, state, note)

    patch.setattr(Model, "found", lasting)


def trust_signs_of_this_clock(patch: pytest.MonkeyPatch) -> None:
    """A process whose clock is wrong is taken for dead."""

    async def listen(self: Any) -> dict[str, set[str]]:
        states: dict[str, set[str]] = {}
        for sign in (sign for signs in (await self._living()).values() for sign in signs):
            states.setdefault(sign.id.label, set()).add(sign.state)
        return states

    patch.setattr(Peers, "_listen", listen)


def lose_what_models_write(patch: pytest.MonkeyPatch) -> None:
    """A store loses what is written of models that promise their freshness, and moves their checkpoints."""
    commit = SqliteStore.commit

    async def lose(self: SqliteStore, unit: Unit) -> None:
        if unit.advance is not None:
            unit = replace(unit, changes=[each for each in unit.changes if "Aged" not in each.kind])
        await commit(self, unit)

    patch.setattr(SqliteStore, "commit", lose)


def keep_canaries_beside_the_model(patch: pytest.MonkeyPatch) -> None:
    """The same, and canaries are not looked for where queries read."""

    async def is_there(*_: Any) -> bool:
        return True

    lose_what_models_write(patch)
    patch.setattr(Canaries, "_is_there", is_there)


OF_AGES: Sequence[tuple[str, Plant, Sequence[int]]] = (
    ("any look is taken for complete", take_any_look_for_complete, (255, 80)),
    ("a model is as old as its newest source", take_the_newest_source, (1470, 357)),
    ("new partitions are taken for empty", mind_no_new_partitions, (370, 331)),
    ("an age is counted from the checkpoint", count_from_the_checkpoint, (488, 449)),
    ("a process takes what is behind for complete", begin_young, (488, 80)),
    ("what is too old is read", read_what_is_too_old, (239, 123)),
    ("a model with a parked key is fresh", mind_no_parked_keys, (2511, 381)),
    ("what was too old stays so", end_no_trouble, (123, 239)),
    ("processes with another clock are dead", trust_signs_of_this_clock, (123, 69)),
    ("canaries are kept beside the model", keep_canaries_beside_the_model, (80, 69)),
)
"""Their names, and the programs of generator seed 1 that have shown them."""
