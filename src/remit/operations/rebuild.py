"""Rebuilds read models: makes the next version beside the live one, and lets it take its place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import msgspec

from remit.contexts import Model
from remit.errors import Conflict, RemitError
from remit.log import MessageRecord, SubscriptionId
from remit.runtime.compiler import compile_system
from remit.runtime.following.follower import Follower
from remit.runtime.following.handling import Handling
from remit.runtime.following.lane import Lane
from remit.runtime.host import Host
from remit.runtime.listeners import Listeners
from remit.runtime.plan import ContextPlan, FoldPlan, ProjectionPlan, RowPlan
from remit.runtime.ports import Ports
from remit.stores import Store, Versions, load_versions, switch, write_versions
from remit.stores.versions import name_in, subscription_in, table_in
from remit.transports.store_feed import StoreFeed

_LOOK_SECONDS = 0.05
"""How often a rebuild looks how far it is."""


class CannotRebuild(RemitError):
    """The read model cannot be rebuilt, or there is no version to switch to."""

    code = "rebuild.refused"


class Rebuilt(msgspec.Struct):
    """How far a rebuild is. `handled` and `messages` count positions in the logs of its sources."""

    model: str
    version: int
    live: int
    handled: int = 0
    messages: int = 0


class _Throttled(Handling):
    """Pauses after each batch for a share of the time."""

    share = 0.0

    async def do(self, lane: Lane, records: Sequence[MessageRecord]) -> MessageRecord:
        loop = asyncio.get_running_loop()
        began = loop.time()
        last = await super().do(lane, records)
        if self.share:
            await asyncio.sleep((loop.time() - began) * self.share / (1.0 - self.share))
        return last


class Rebuild:
    """The rebuild of one read model, on open stores: that of its context, and those of its sources."""

    def __init__(self, model: Model, name: str, stores: Mapping[str, Store]) -> None:
        """`name` is `<context>.<Name>`. Raises `CannotRebuild` if there is no such read model, and
        if its store is in PostgreSQL."""
        self._model, self.name, self._stores = model, name, stores
        self._plan, self._follows = read_model(model, name)
        self._store = stores[self._plan.name]
        if self._store.technology.schemas:  # its checkpoints cannot be fenced where they stand
            raise CannotRebuild(
                "a database of this technology cannot switch versions yet", where=name, expected="a store in SQLite",
                next="declare the read model under a new name: it is built from the beginning of its logs",
            )  # fmt: skip
        self._ids = [each.id for each in self._follows]
        self._ports = Ports()

    async def build(
        self, *, pause: float = 0.5, anew: bool = False, step: Callable[[Rebuilt], None] = lambda _: None
    ) -> Rebuilt:
        """Makes the next version, goes on with one that was interrupted, and switches to it once it has handled all
        that the live version has handled. `pause` is the share of the time in which it rests, from 0.0 to below 1.0.
        With `anew`, it begins another version, and leaves the interrupted one.

        The live version stays as it is, and its services go on. Raises `CannotRebuild`, `StoreError` and
        `StoreUnavailable`.
        """
        _, versions = await load_versions(self._store, self.name)
        if anew or not versions.building:
            versions = await self._begin()
        after = Versions(versions.building, 0, versions.live, versions.highest)
        return await self._catch_up(versions, after, pause, step)

    async def back(self, *, pause: float = 0.5, step: Callable[[Rebuilt], None] = lambda _: None) -> Rebuilt:
        """Lets the version that was live before handle what it has not handled, and switches to it. Raises as `build`
        does."""
        _, versions = await load_versions(self._store, self.name)
        if not versions.old:
            raise CannotRebuild(
                "there is no version to go back to", where=self.name, expected="a version that was live before",
                next=f"remit rebuild SYSTEM {self.name} makes a new one",
            )  # fmt: skip
        after = Versions(versions.old, versions.building, versions.live, versions.highest)
        return await self._catch_up(versions, after, pause, step)

    # ── how it is made ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _begin(self) -> Versions:
        """Gives the next version its number. Raises `CannotRebuild` if the log does not reach back to its beginning."""
        for each in self._follows:
            if each.begins is not None:
                raise CannotRebuild(
                    "it is declared to begin later than the log", where=self.name,
                    expected="a read model that is built from the beginning of its sources",
                    next="declare it without begins=, or under a new name",
                )  # fmt: skip
            if await self._stores[each.id.source].floors(each.id.channel):
                raise CannotRebuild(
                    f"the beginning of the log of {each.id.source} was deleted", where=self.name,
                    expected="all messages from the first one on",
                    next=f"keep={{...}} of {each.id.source} says how long messages are kept; what is deleted is gone",
                )  # fmt: skip
        expected, versions = await load_versions(self._store, self.name)
        number = versions.highest + 1
        begun = Versions(versions.live, number, versions.old, number)
        try:
            await write_versions(self._store, self.name, expected, begun)
        except Conflict:
            _, begun = await load_versions(self._store, self.name)  # begun by another process
        return begun

    async def _catch_up(
        self, before: Versions, after: Versions, pause: float, step: Callable[[Rebuilt], None]
    ) -> Rebuilt:
        done = Rebuilt(self.name, after.live, before.live)
        async with self._following(after.live, pause) as followers:
            while True:
                await self._count(done, followers)
                step(done)
                _refuse_stuck(followers, self.name)
                expected, versions = await load_versions(self._store, self.name)
                if versions.live == after.live:  # another process has switched
                    return done
                if versions != before:
                    raise _changed(self.name)
                if done.handled >= done.messages:
                    await self._refuse_parked(after.live)
                    now = self._ports.clock.seconds()
                    if await switch(self._store, self.name, self._ids, expected, before, after, now):
                        done.live = after.live
                        return done
                await asyncio.sleep(_LOOK_SECONDS if done.handled < done.messages else 0.0)

    async def _count(self, done: Rebuilt, followers: Mapping[SubscriptionId, Follower]) -> None:
        """Counts what the live version has handled, and how much of it the new one has."""
        done.handled = done.messages = 0
        for id, follower in followers.items():
            for part, stand in (await self._store.checkpoints(subscription_in(id, done.live))).items():
                done.messages += stand.pos
                done.handled += min(follower.position(part), stand.pos)

    async def _refuse_parked(self, version: int) -> None:
        for id in self._ids:
            name = subscription_in(id, version)
            if parked := await self._store.count_parked(name):
                raise CannotRebuild(
                    f"{parked} keys of the new version are parked, so it lacks what these messages say",
                    where=name.name, expected="a new version without parked keys",
                    next=f"remit parked list {name.name} shows them; mend the projection, then remit rebuild --anew",
                )  # fmt: skip

    @asynccontextmanager
    async def _following(self, version: int, pause: float) -> AsyncGenerator[dict[SubscriptionId, Follower]]:
        plan = replace(self._plan, follows={each.id: each for each in self._follows}, groups=[])
        shared = Host(self._model, self._stores, self._ports, plans={plan.name: plan}).shared
        said = Listeners((), self._ports.clock)
        followers: dict[SubscriptionId, Follower] = {}
        for each in self._follows:
            follow, feed = in_version(each, version), StoreFeed(*each.id[1:], self._stores[each.id.source])
            effect = _Throttled(follow, shared, self._ports, said)
            effect.share = pause
            stamp = self._ports.clock.seconds
            followers[each.id] = Follower(follow.id, self._store, feed, effect, self._ports, said, stamp)
        if isinstance(self._follows[0].projection, RowPlan):
            await self._store.prepare_rows([table_in(self._follows[0].projection.table, version)])
        try:
            for follower in followers.values():
                await follower.start()
            yield followers
        finally:
            for id, follower in followers.items():
                await follower.stop()
                await self._stores[id.source].forget(follower.name)  # the log need not be kept for it
            shared.deadlines.close()


def read_model(model: Model, name: str) -> tuple[ContextPlan, list[FoldPlan]]:
    """The plan of the context of a read model, and what the read model follows. Raises `CannotRebuild`."""
    plans = compile_system(model)
    known: dict[str, tuple[ContextPlan, ProjectionPlan]] = {
        each.kind: (plan, each) for plan in plans.values() for each in plan.projections.values()
    }
    if name not in known:
        raise CannotRebuild(
            f"there is no read model {name!r}", where=name, expected=", ".join(sorted(known)) or "a projection",
            next="name it as CONTEXT.NAME",
        )  # fmt: skip
    plan, projection = known[name]
    return plan, [
        each for each in plan.follows.values() if isinstance(each, FoldPlan) and each.projection is projection
    ]


def in_version(follow: FoldPlan, version: int) -> FoldPlan:
    """The same fold, for a version of the read model."""
    of: Any = replace(follow.projection, kind=name_in(follow.projection.kind, version))
    if isinstance(of, RowPlan):
        of = replace(of, table=table_in(of.table, version))
    return replace(follow, id=subscription_in(follow.id, version), projection=of)


def _refuse_stuck(followers: Mapping[SubscriptionId, Follower], name: str) -> None:
    """Raises `CannotRebuild` if the new version cannot go on."""
    for follower in followers.values():
        if follower.state in ("lost-source", "regressed", "stalled", "paused"):
            raise CannotRebuild(
                f"the new version cannot go on: {follower.note}", where=name, expected="a log that it can follow",
                next="mend what is said here; remit rebuild goes on where it stopped",
            )  # fmt: skip


def _changed(name: str) -> CannotRebuild:
    return CannotRebuild(
        "another process has changed the versions of this read model", where=name, expected="one rebuild at a time",
        next="remit rebuild again",
    )  # fmt: skip


def sources_of(model: Model, name: str) -> list[str]:
    """The contexts whose stores the rebuild of a read model needs: its own first. Raises `CannotRebuild`."""
    plan, follows = read_model(model, name)
    return list(dict.fromkeys([plan.name, *(each.id.source for each in follows)]))
