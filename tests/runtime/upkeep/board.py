"""A read model that promises its freshness, and what can go wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from remit import Command as _Command
from remit import Context, DomainEvent, Events, Freshness, IntegrationEvent, Projection, Query, Row, System, View
from remit.log import Channel, Log
from remit.messages.component import Component
from remit.relations import CustomerSupplier
from remit.runtime import Host, Ports
from remit.runtime.placed import Channels, Placed
from remit.runtime.upkeep.ages import ModelAge
from remit.stores import Store, Unit
from remit.stores.memory.store import MemoryStore
from remit.testing.in_process.calls import Exchange, InProcessCalls
from tests.runtime.apart import Wire
from tests.runtime.talk import LoopClock


class Score(_Command[None]):
    team: str


class Scored(DomainEvent, key="team"):
    team: str


class GoalScored(IntegrationEvent, version=1, key="team"):
    team: str


class Table(Projection[str, GoalScored], freshness=Freshness(warn=5, critical=60)):
    goals: int = 0

    @staticmethod
    def key(event: GoalScored) -> str:
        return event.team

    def evolve(self, event: GoalScored) -> None:
        self.goals += 1


class Standing(Row[str, GoalScored], indexes=[("goals",)], freshness=Freshness(warn=5, critical=60, refuse=True)):
    goals: int = 0

    @staticmethod
    def key(event: GoalScored) -> str:
        return event.team

    def evolve(self, event: GoalScored) -> None:
        if event.team == "bug":
            raise ValueError("a bug")
        self.goals += 1


class Goals(Query[int]):
    team: str


class AgeOf(Query[float]): ...


class Best(Query[int]): ...


def league() -> System:
    """Matches, whose published events feed two models of the rankings."""
    matches, rankings = Context("matches"), Context("rankings")

    @matches.handle(Score)
    async def score(command: Score, events: Events[Scored]) -> None:
        events.publish(Scored(team=command.team))

    matches.publish_as(Scored, GoalScored)
    rankings.project(Table)
    rankings.project(Standing)

    @rankings.answer(Goals)
    async def goals(query: Goals, table: View[Table]) -> int:
        found = await table.find(query.team)
        return found.goals if found else 0

    @rankings.answer(AgeOf)
    async def age_of(query: AgeOf, table: View[Table]) -> float:
        return await table.age()

    @rankings.answer(Best)
    async def best(query: Best, standings: View[Standing]) -> int:
        return await standings.where().count()

    relations = [CustomerSupplier(supplier=matches, customer=rankings)]
    return System("league", contexts=[matches, rankings], relations=relations)


class Loses:
    """Makes a store lose what read models write, while it goes on moving their checkpoints."""

    def __init__(self, store: Store) -> None:
        self.on = True
        self._commit = store.commit
        store.commit = self  # type: ignore[method-assign]  # what is planted

    async def __call__(self, unit: Unit) -> None:
        if self.on and unit.advance is not None:
            unit = replace(unit, changes=[], rows=[])
        await self._commit(unit)


class Apart:
    """The rankings in a process of their own, or with the matches in one."""

    def __init__(self, rankings: Host, matches: Host, wire: Wire | None) -> None:
        self.rankings, self.matches, self.wire = rankings, matches, wire
        self.store = rankings.stores["rankings"]

    async def score(self, team: str = "reds") -> None:
        await self.matches.send(Score(team=team))

    def model(self, name: str = "rankings.Table") -> ModelAge:
        return next(each for each in self.rankings.ages.models() if each.name == name)

    async def settled(self) -> None:
        """Everything that was written is in the models, and this was seen."""
        await asyncio.sleep(3)

    async def stop_matches(self) -> None:
        assert self.wire is not None
        self.wire.down = True
        await self.matches.stop()


@asynccontextmanager
async def together(store: Store | None = None, **options: Any) -> AsyncGenerator[Apart]:
    """Both contexts in one process."""
    stores: dict[str, Store] = {"matches": MemoryStore(), "rankings": store or MemoryStore()}
    host = Host(league().model(), stores, Ports(LoopClock()), **options)
    await host.start()
    try:
        yield Apart(host, host, None)
    finally:
        await host.stop()


class _Database:
    """Reads the published log of the matches without their process, as in one database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, source: str, schema: str) -> Log:
        return self._store

    async def close(self) -> None: ...


@asynccontextmanager
async def apart(*, shared: bool = False) -> AsyncGenerator[Apart]:
    """Each context in a process of its own; with `shared`, their stores are in one database."""
    exchange, model = Exchange(), league().model()
    wire = _Cut(InProcessCalls(exchange))
    stores: dict[str, Store] = {"matches": MemoryStore(), "rankings": MemoryStore()}
    read = {"rankings": _Database(stores["matches"])} if shared else {}
    matches, rankings = (
        Host(
            model, {name: stores[name]}, Ports(LoopClock()), channels=channels,
            placed=Placed(elsewhere=[Component(other, part) for part in ("write", "read", "log")]),
        )
        for name, other, channels in (
            ("matches", "rankings", Channels(InProcessCalls(exchange))),
            ("rankings", "matches", Channels(wire, published=read, schemas={"matches": ""})),
        )
    )  # fmt: skip
    await matches.start()
    await rankings.start()
    try:
        yield Apart(rankings, matches, wire)
    finally:
        await rankings.stop()
        await matches.stop()


class _Cut(Wire):
    """Also cuts what is asked about logs."""

    async def call(self, address: str, request: Any, seconds: float) -> Any:
        if self.down:
            return await Wire.call(self, "cut", request, seconds)
        return await super().call(address, request, seconds)


PUBLISHED = Channel.PUBLISHED
