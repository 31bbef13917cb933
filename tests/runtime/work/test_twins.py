"""Any commands on an event-sourced aggregate and on its twin that is stored as state have equal replies and states.

With commands at the same time, removals, repetitions, snapshots that are outdated at random, releases with another
form of the state, and the move from state to events and back.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from remit.errors import RemitError
from remit.runtime.plan import AggregatePlan
from remit.runtime.work import sourced
from remit.runtime.work.heads import Head
from remit.runtime.work.sourced import Sourced
from remit.runtime.work.unit import UnitOfWork
from remit.stores import Store, Unit
from remit.stores.memory.store import MemoryStore
from remit.stores.postgres.store import PostgresStore
from remit.stores.sqlite.store import SqliteStore
from tests.runtime.work.twins import (
    IDS,
    Close,
    Keep,
    Open,
    Pay,
    Play,
    Release,
    Rename,
    Renew,
    Withdraw,
    outdated_at_random,
    played,
)

PHASES = (Phase.explicit, Phase.generate)
"""Plays are short as they are."""
ID, NAME, BY, CENTS = (st.sampled_from(each) for each in (IDS, ("x", "y"), ("p", "q", "r"), (1, 5, 20)))
STEP = st.one_of(
    st.builds(Open, account=ID, name=NAME), st.builds(Pay, account=ID, by=BY, cents=CENTS),
    st.builds(Withdraw, account=ID, by=BY, cents=CENTS), st.builds(Rename, account=ID, name=NAME),
    st.builds(Close, account=ID), st.builds(Renew, account=ID, name=NAME),
    st.builds(Keep, account=ID, cents=st.sampled_from((0, 2))),
)  # fmt: skip
TOGETHER = st.lists(st.builds(Pay, account=ID, by=BY, cents=st.just(3)), min_size=2, max_size=4)


def plays(*releases: Release) -> st.SearchStrategy[Play]:
    steps = st.one_of(st.lists(STEP, min_size=1, max_size=1), TOGETHER)
    return st.builds(
        Play, st.lists(st.tuples(st.sampled_from(releases), steps), min_size=2, max_size=8), st.integers(0, 99)
    )


def compare(play: Play, first: Callable[[], Store], second: Callable[[], Store]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        outdated_at_random(patch, play.seed)
        made = asyncio.run(played(play, first, sourced=True))
        assert made == asyncio.run(played(play, second, sourced=False))


def in_memory(play: Play) -> None:
    stores = MemoryStore(), MemoryStore()
    compare(play, lambda: stores[0], lambda: stores[1])


@settings(max_examples=60, phases=PHASES)
@given(plays("plain", "negated"))
def test_twins_are_equal_in_memory(play: Play) -> None:
    in_memory(play)


@settings(max_examples=60, phases=PHASES)
@given(plays("plain", "state"))
def test_twins_are_equal_when_one_moves_from_state_to_events_and_back(play: Play) -> None:
    in_memory(play)


@settings(max_examples=8, phases=PHASES)
@given(st.one_of(plays("plain", "negated"), plays("plain", "state")))
def test_twins_are_equal_in_sqlite(play: Play) -> None:
    with TemporaryDirectory() as folder:
        places = [Path(folder) / f"{number}.db" for number in range(2)]
        compare(play, *(lambda place=place: SqliteStore(place, "twins") for place in places))
        with sqlite3.connect(places[0]) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@settings(max_examples=3, phases=PHASES)
@given(play=st.one_of(plays("plain", "negated"), plays("plain", "state")))
def test_twins_are_equal_in_postgresql(server: str, play: Play) -> None:
    joined = f"{server}{'&' if '?' in server else '?'}schema=remit_twins_"
    compare(play, *(lambda name=name: PostgresStore(f"{joined}{name}", "twins") for name in ("a", "b")))
    asyncio.run(_drop(server, "remit_twins_a", "remit_twins_b"))


def use_any_snapshot(patch: pytest.MonkeyPatch) -> None:
    """A snapshot of another schema is used."""
    read = sourced._from_snapshot

    def trusting(plan: AggregatePlan, head: Head) -> Any:
        assert plan.stream is not None
        return read(plan, msgspec.structs.replace(head, schema=plan.stream.fingerprint))

    patch.setattr(sourced, "_from_snapshot", trusting)


def count_from_one(patch: pytest.MonkeyPatch) -> None:
    """The number in the stream is not that of the head."""
    number = Sourced.numbered

    def numbered(self: Sourced, events: Any, adopt: Any) -> Any:
        made, self.events = self.events, 0
        try:
            return number(self, events, adopt)
        finally:
            self.events += made

    patch.setattr(Sourced, "numbered", numbered)


def write_events_without_the_head(patch: pytest.MonkeyPatch) -> None:
    """The row of an aggregate that exists is not written with its events."""
    unit = UnitOfWork.unit

    def headless(self: UnitOfWork) -> Unit:
        rows = unit(self)
        if any('"stream":' in each.headers for each in rows.entries):
            rows.changes = [each for each in rows.changes if each.expected == 0 or not each.kind.endswith("Account")]
        return rows

    patch.setattr(UnitOfWork, "unit", headless)


@pytest.mark.parametrize("plant", [use_any_snapshot, count_from_one, write_events_without_the_head])
def test_a_planted_bug_is_found(plant: Callable[[pytest.MonkeyPatch], None]) -> None:
    @settings(max_examples=60, phases=PHASES, report_multiple_bugs=False)
    @given(plays("plain", "negated"))
    def every(play: Play) -> None:
        in_memory(play)

    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        with pytest.raises((AssertionError, RemitError)):
            every()


async def _drop(server: str, *schemas: str) -> None:
    connection = await asyncpg.connect(server)
    for each in schemas:
        await connection.execute(f"DROP SCHEMA {each} CASCADE")
    await connection.close()
