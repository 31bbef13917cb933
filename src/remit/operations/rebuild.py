"""Rebuilds read models: makes the next version beside the live one, checks it, and lets it take its place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import msgspec

from remit.contexts import Model
from remit.contexts.ports import VIEW
from remit.errors import Conflict
from remit.log import Channel, Log, SubscriptionId
from remit.operations.comparing import Side, compared
from remit.operations.folding import PAGE, Anew
from remit.operations.from_state import Base, has_base
from remit.operations.refused import CannotRebuild
from remit.operations.retiring import forget_reports, retire, silent_since
from remit.runtime.compiler import compile_system
from remit.runtime.failures import told
from remit.runtime.following.follower import Follower
from remit.runtime.host import Host
from remit.runtime.listeners import Listeners
from remit.runtime.plan import ContextPlan, FoldPlan, ProjectionPlan, RowPlan, StatePlan
from remit.runtime.ports import Ports
from remit.runtime.streams import shape_in
from remit.runtime.work.attempts import Attempt
from remit.runtime.work.deadlines import NEVER
from remit.runtime.work.folding import Documents
from remit.runtime.work.given import GIVEN
from remit.runtime.work.unit import UnitOfWork
from remit.stores import Store, Versions, load_versions, write_versions
from remit.stores.versions import name_in, shown_in, subscription_in, table_in
from remit.transports.store_feed import StoreFeed

LOOK_SECONDS = 0.05
"""How often a rebuild looks how far it is."""
NEAR = 1_000
"""With fewer messages left, a rebuild rests no longer."""
BEHIND_SECONDS = 1.0
"""It switches once it is behind by less than this."""
LINGER_SECONDS = 2.5
"""How long a rebuild goes on with the new version after the switch: until each service has noticed it."""


class Rebuilt(msgspec.Struct):
    """How far a rebuild is. `handled` and `messages` count positions in the logs of its sources."""

    model: str
    version: int
    live: int
    handled: int = 0
    messages: int = 0
    states: int = 0
    """How many states of aggregates were taken, if it is built from these, and how many there were."""
    all_states: int = 0
    documents: int = 0
    """How many documents or rows the new version had when it was checked, and the live one."""
    before: int = 0
    differences: list[str] = []
    """Where they differ: identities, and why; the first ones."""
    undecided: int = 0
    """How many documents were not the same, and could not be compared at the same place of the logs: services were
    changing them, the live version was behind, or had parked keys."""


Step = Callable[[Rebuilt], None]
"""Is told how far a rebuild is."""
Place = tuple[SubscriptionId, int]
"""A partition of a source."""


class _Goal:
    """The heads of the logs, and whether the new version has handled them soon after they were seen."""

    def __init__(self) -> None:
        self._heads: Mapping[Place, int] | None = None
        self._since = 0.0
        self.is_reached = False

    def look(self, heads: Mapping[Place, int], stands: Mapping[Place, int], now: float) -> None:
        """Compares where it stands at the time `now` with the heads that were seen before."""
        if self._heads is not None and any(stands.get(place, 0) < pos for place, pos in self._heads.items()):
            return
        self.is_reached = self._heads is not None and now - self._since <= BEHIND_SECONDS
        self._heads, self._since = heads, now


class Rebuild:
    """The rebuild of one read model, on open stores: that of its context, and those of its sources."""

    def __init__(
        self,
        model: Model,
        name: str,
        stores: Mapping[str, Store],
        *,
        logs: Mapping[str, Log] | None = None,
        linger: float = LINGER_SECONDS,
        ports: Ports | None = None,
    ) -> None:
        """`name` is `<context>.<Name>`. `logs` are the logs of its sources, if they are read elsewhere than in their
        stores: `ArchivedLog`. `linger` is how long it goes on with the new version after the switch, in seconds.
        `ports` are those of another process whose stores it uses. Raises `CannotRebuild` if there is no such read
        model, or if one of the stores is missing."""
        self._model, self.name, self._stores, self._linger = model, name, stores, linger
        self._logs: Mapping[str, Log] = {**stores, **(logs or {})}
        self._plan, self._follows = read_model(model, name)
        if missing := sorted({self._plan.name, *(each.id.source for each in self._follows)} - stores.keys()):
            raise CannotRebuild(
                f"it needs the store of {missing[0]}, which is not open here", where=name,
                expected="the stores of its context and of its sources", next="run it where all of them can be opened",
            )  # fmt: skip
        self._store = stores[self._plan.name]
        self._ids = [each.id for each in self._follows]
        self._ports = ports or Ports()
        follows = {each.id: each for each in self._follows}
        plan = replace(self._plan, follows=follows, groups=[])
        self._shared = Host(model, stores, self._ports, plans={plan.name: plan}).shared
        self._foldings: list[Anew] = []
        self.shape = shape_in(self._follows)
        """The fingerprint of the read model as this process has it."""
        folds = [replace(each, projection=replace(each.projection, from_state=None)) for each in self._follows]
        self._alike = {self.shape, shape_in(folds)}
        """The fingerprints of versions whose documents are the same: those that were folded only, too."""

    async def build(
        self,
        *,
        pause: float = 0.5,
        anew: bool = False,
        changed: bool = False,
        page: int = PAGE,
        step: Step = lambda _: None,
    ) -> Rebuilt:
        """Makes the next version, goes on with one that was interrupted, checks it, and switches to it.

        `pause` is the share of the time in which it rests, from 0.0 to below 1.0. With `anew`, or if the code has
        changed since, it begins another version and leaves the interrupted one. With `changed`, differences between the
        versions are expected. `page` is how many messages are folded in one transaction.

        The live version stays as it is, and its services go on. Raises `CannotRebuild`, `StoreError` and
        `StoreUnavailable`.
        """
        _, versions = await load_versions(self._store, self.name)
        if anew or not versions.building or versions.shapes.get(versions.building) != self.shape:
            versions = await self._begin()
        return await self._catch_up(versions.building, versions, pause, page, changed, step)

    async def back(self, *, pause: float = 0.5, step: Step = lambda _: None) -> Rebuilt:
        """Lets the version that was live before handle what it has not handled, and switches to it. Only the code that
        made that version may do so. Raises as `build` does."""
        _, versions = await load_versions(self._store, self.name)
        if not versions.old:
            raise CannotRebuild(
                "there is no version to go back to", where=self.name, expected="a version that was live before",
                next=f"remit rebuild SYSTEM {self.name} makes a new one",
            )  # fmt: skip
        if versions.shapes.get(versions.old, self.shape) != self.shape:
            raise CannotRebuild(
                f"other code has made version {versions.old} than this process has, and would be mixed with it",
                where=self.name, expected="the release that made the version to go back to",
                next=f"run it with that release; if it is gone: restore the code of the projection, and"
                f" remit rebuild SYSTEM {self.name} makes a new version",
            )  # fmt: skip
        return await self._catch_up(versions.old, versions, pause, PAGE, True, step)

    async def retire(self) -> int:
        """Deletes the version that was live before, and what interrupted rebuilds have left. Returns how many versions
        were deleted. Raises `CannotRebuild` if there are none, or if a process may still read the version that was live
        before; `StoreError` and `StoreUnavailable`."""
        _, versions = await load_versions(self._store, self.name)
        noticed = versions.switched + self._linger
        if versions.old and (silent := await silent_since(self._store, self._ports, noticed)):
            raise CannotRebuild(
                f"processes that have given no sign of life since the switch may still read version {versions.old}: "
                + ", ".join(silent[:3]),
                where=self.name, expected="processes that have noticed the switch",
                next="let them go on, or end them; a process counts as ended 10 minutes after its last sign of life",
            )  # fmt: skip
        await forget_reports(self._stores, self.name, self._follows, but=versions.building)
        try:
            deleted = await retire(self._store, self.name, self._follows, old=True)
        except Conflict:
            raise self._was_changed() from None
        if not deleted:
            raise CannotRebuild(
                "there is no version to retire", where=self.name, expected="a version that was live before",
                next="nothing has to be done",
            )  # fmt: skip
        return deleted

    # ── how it is made ──────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _plan_of_state(self) -> StatePlan | None:
        return self._follows[0].projection.from_state

    def _base(self, version: int) -> Base | None:
        """The base of a version, if the read model is built from states."""
        plan = self._plan_of_state
        if plan is None:
            return None
        return Base(self._store, in_version(self._follows[0], version), plan, self._ports.clock.seconds)

    async def _begin(self) -> Versions:
        """Gives the next version its number. Raises `CannotRebuild` if the log does not reach back to its beginning."""
        for each in self._follows:
            if each.begins is not None:
                raise CannotRebuild(
                    "it is declared to begin later than the log", where=self.name,
                    expected="a read model that is built from the beginning of its sources",
                    next="declare it without begins=, or under a new name",
                )  # fmt: skip
            if self._plan_of_state is None and await self._logs[each.id.source].floors(each.id.channel):
                raise CannotRebuild(
                    f"the beginning of the log of {each.id.source} was deleted", where=self.name,
                    expected="all messages from the first one on",
                    next=f'remit rebuild --archive FOLDER, or archives = "FOLDER" in the topology file, with a folder'
                    f" that has the archive of {each.id.source} from its beginning; what was deleted by age is gone"
                    + self._or_from_state(),
                )  # fmt: skip
        expected, versions = await load_versions(self._store, self.name)
        begun = versions.begun(self.shape)
        try:
            await write_versions(self._store, self.name, expected, begun)
        except Conflict:
            _, begun = await load_versions(self._store, self.name)  # begun by another process
            if begun.shapes.get(begun.building) != self.shape:
                raise self._was_changed() from None
        return begun

    def _or_from_state(self) -> str:
        if any(each.id.source != self._plan.name or each.id.channel != Channel.PRIVATE for each in self._follows):
            return ""
        return (
            f"; or declare with @{self._plan.name}.from_state how a document is made from the state of an aggregate,"
            " if its state says as much"
        )

    async def _take_states(self, done: Rebuilt, begun: Versions, pause: float, page: int, step: Step) -> None:
        """Takes the base of the version that is built, if it is built from states. Raises `CannotRebuild` if another
        process changes the versions meanwhile: a base that is not whole is not followed."""
        if done.version != begun.building or (base := self._base(done.version)) is None:
            return
        done.all_states = await base.count()
        if isinstance(projection := in_projection(self._follows[0].projection, done.version), RowPlan):
            await self._store.prepare_rows([projection.table])
        async with aclosing(base.take(pause=pause, page=page)) as taking:
            async for done.states in taking:
                step(done)
                _, versions = await load_versions(self._store, self.name)
                if self._is_switched(done, versions, begun):
                    return

    async def _catch_up(
        self, number: int, begun: Versions, pause: float, page: int, changed: bool, step: Step
    ) -> Rebuilt:
        done, goal = Rebuilt(self.name, number, begun.live), _Goal()
        await forget_reports(self._stores, self.name, self._follows, but=number)
        await self._take_states(done, begun, pause, page, step)
        if done.live == number:
            return done
        async with self._following(number, begun.live, pause, page) as followers:
            while True:
                await self._count(done, followers, goal)
                step(done)
                self._refuse_stuck(followers)
                expected, versions = await load_versions(self._store, self.name)
                if self._is_switched(done, versions, begun):
                    return done
                if goal.is_reached:
                    await self._check(done, versions, changed)
                    after = versions.switched_to(number, self._ports.clock.seconds())
                    try:
                        await write_versions(self._store, self.name, expected, after)
                    except Conflict:
                        continue
                    done.live = number
                    await asyncio.sleep(self._linger)  # the followers go on until services have noticed the switch
                    return done
                await asyncio.sleep(LOOK_SECONDS)

    def _is_switched(self, done: Rebuilt, versions: Versions, begun: Versions) -> bool:
        """Whether another process has switched to the version, which is noted then. Raises `CannotRebuild` if it has
        changed the versions otherwise."""
        if versions.live == done.version:
            done.live = versions.live
            return True
        if done.version not in (versions.building, versions.old) or versions.live != begun.live:
            raise self._was_changed()
        return False

    async def _count(self, done: Rebuilt, followers: Mapping[SubscriptionId, Follower], goal: _Goal) -> None:
        """Counts what has been written, and how much of it the new version has handled."""
        heads: dict[Place, int] = {}
        stands: dict[Place, int] = {}
        done.handled = done.messages = 0
        for id, follower in followers.items():
            for part, head in (await self._stores[id.source].heads(id.channel)).items():
                stands[id, part], heads[id, part] = follower.position(part), head.pos
                done.messages += head.pos
                done.handled += min(stands[id, part], head.pos)
        goal.look(heads, stands, asyncio.get_running_loop().time())
        if done.messages - done.handled < NEAR:  # it would never reach what is written meanwhile
            for each in self._foldings:
                each.share = 0.0

    # ── how it is checked ───────────────────────────────────────────────────────────────────────────────────────────

    async def _check(self, done: Rebuilt, versions: Versions, changed: bool) -> None:
        """Compares the versions. Raises `CannotRebuild`; both versions stay as they are."""
        await self._refuse_parked(versions.live, done.version)
        # Version 1 may have been folded by other code, before its fingerprint was first looked at.
        same = versions.live > 1 and versions.shapes.get(versions.live) in self._alike
        found = await compared(
            self._store, await self._side(versions.live), await self._side(done.version), bodies=same and not changed
        )  # fmt: skip
        done.before, done.documents, done.differences, done.undecided = found
        objections = await self._objections(versions.live, done.version)
        if changed and not objections:
            return
        if not objections and not done.differences and (found.new or not found.live):
            return
        what = [*objections, *done.differences] or [f"it has no documents, and the live one has {found.live}"]
        raise CannotRebuild(
            f"version {done.version} is not as it should be: {'; '.join(what)}", where=self.name,
            expected="documents, the same ones if the code is the same, and no objection of a declared check",
            next="mend it, then remit rebuild --anew" if objections
            else "if this is what you expect: remit rebuild --changed; if not: mend it, then remit rebuild --anew",
        )  # fmt: skip

    async def _objections(self, live: int, new: int) -> list[str]:
        """What the declared checks say is wrong."""
        projection, found = self._follows[0].projection, list[str]()
        declared = next(each for each in self._model.contexts if each.name == self._plan.name).rebuilt_checks
        for check in [check for of, check in declared if of is projection.type]:
            views = [self._view(in_projection(projection, version)) for version in (new, live)]
            try:
                said = await check(*views)
            except Exception as error:  # noqa: BLE001  # the code of users: whatever it raises is an objection
                said = told(error)
            if said:
                found.append(f"{check.__name__} says: {said}")
        return found

    def _view(self, projection: ProjectionPlan) -> Any:
        attempt = Attempt("", "", "", 0.0, self._plan.name, NEVER)
        return GIVEN[VIEW](UnitOfWork(self._shared.workplaces[self._plan.name], attempt), projection)

    async def _side(self, version: int) -> Side:
        ids = [subscription_in(id, version) for id in self._ids]
        begun = any([await self._store.checkpoints(id) for id in ids]) or await has_base(self._store, ids[0].name)
        return Side(in_projection(self._follows[0].projection, version) if begun else None, ids)

    async def _refuse_parked(self, live: int, new: int) -> None:
        """Raises `CannotRebuild` for a key that is parked in the new version only."""
        for id in self._ids:
            name = subscription_in(id, new).name
            here = {each.key for each in await self._store.parked(name) if each.subscription[1:] == id[1:]}
            if here:
                here -= {each.key for each in await self._store.parked(subscription_in(id, live).name)}
            if lost := sorted(here):
                raise CannotRebuild(
                    f"{len(lost)} keys of the new version are parked, so it lacks what these messages say: "
                    + ", ".join(map(repr, lost[:3])),
                    where=self.name, expected="a new version without parked keys that the live one does not have",
                    next=f"remit parked list {shown_in(self.name, new)} shows them; mend the projection, then"
                    " remit rebuild --anew",
                )  # fmt: skip

    def _refuse_stuck(self, followers: Mapping[SubscriptionId, Follower]) -> None:
        """Raises `CannotRebuild` if the new version cannot go on."""
        for follower in followers.values():
            if follower.state in ("lost-source", "regressed", "stalled", "paused"):
                raise CannotRebuild(
                    f"the new version cannot go on: {follower.note}", where=self.name,
                    expected="a log that it can follow",
                    next="mend what is said here; remit rebuild goes on where it stopped",
                )  # fmt: skip

    def _was_changed(self) -> CannotRebuild:
        return CannotRebuild(
            "another process has changed the versions of this read model", where=self.name,
            expected="one rebuild at a time", next="remit rebuild again",
        )  # fmt: skip

    # ── the followers ───────────────────────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def _following(
        self, version: int, live: int, pause: float, page: int
    ) -> AsyncGenerator[dict[SubscriptionId, Follower]]:
        said, stamp = Listeners((), self._ports.clock), self._ports.clock.seconds
        follows = [in_version(each, version) for each in self._follows]
        followers: dict[SubscriptionId, Follower] = {}
        begun = any([await self._store.checkpoints(each.id) for each in follows])
        begun = begun or await has_base(self._store, follows[0].id.name)
        documents = Documents(follows[0].projection, self._store, whole=not begun)
        beside = [subscription_in(id, live) for id in self._ids]
        self._foldings = [
            Anew(each, self._shared, self._ports, said, documents, of, pause=pause, page=page)
            for each, of in zip(follows, beside, strict=True)
        ]
        for id, effect in zip(self._ids, self._foldings, strict=True):
            log = self._logs[id.source]
            feed = StoreFeed(*id[1:], log) if (base := self._base(version)) is None else await base.feed(log)
            followers[id] = Follower(
                subscription_in(id, version), self._store, feed, effect, self._ports, said, stamp
            )  # fmt: skip
        if isinstance(follows[0].projection, RowPlan):
            await self._store.prepare_rows([follows[0].projection.table])
        ringing = asyncio.create_task(_ring(followers.values()))
        try:
            for follower in followers.values():
                await follower.start()
            yield followers
        except GeneratorExit:  # nothing can be awaited: the loop has ended in the middle of it
            followers.clear()
            raise
        finally:
            ringing.cancel()
            for id, follower in followers.items():
                await follower.stop()
                await self._stores[id.source].forget(follower.name)  # the log need not be kept for it
            self._shared.deadlines.close()


async def _ring(followers: Collection[Follower]) -> None:
    """Has followers look for new messages all the time: nothing else tells them what other processes write."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        for follower in followers:
            follower.ring()


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
    return plan, plan.folds_of(projection)


def in_version(follow: FoldPlan, version: int) -> FoldPlan:
    """The same fold, for a version of the read model."""
    return replace(follow, id=subscription_in(follow.id, version), projection=in_projection(follow.projection, version))


def in_projection(projection: ProjectionPlan, version: int) -> ProjectionPlan:
    """How a version of a read model is stored."""
    of: Any = replace(projection, kind=name_in(projection.kind, version))
    return replace(of, table=table_in(of.table, version), served={}) if isinstance(of, RowPlan) else of


def sources_of(model: Model, name: str) -> list[str]:
    """The contexts whose stores the rebuild of a read model needs: its own first. Raises `CannotRebuild`."""
    plan, follows = read_model(model, name)
    return list(dict.fromkeys([plan.name, *(each.id.source for each in follows)]))
