"""A running process: its parts, how it starts and stops, and the entry for callers outside of handlers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, cast

from remit.contexts import Model, Polled, Seal
from remit.contexts.gateways import Gateway, connect
from remit.errors import RemitError, StoreError
from remit.log import SubscriptionId
from remit.messages import Command, Query
from remit.runtime.calling.calls import Calls
from remit.runtime.calling.hooks import Hook, hooks_of
from remit.runtime.calling.reporting import ReportedCalls
from remit.runtime.calling.sender import UnitSender, attempt
from remit.runtime.compiler import compile_system
from remit.runtime.events import BreakerClosed, ProcessStarted, ProcessStopping
from remit.runtime.following.follower import Follower
from remit.runtime.following.handling import Handling
from remit.runtime.following.joint import JointHandling
from remit.runtime.following.polling import Polling
from remit.runtime.following.publishing import relay
from remit.runtime.freshness.freshness import Freshness
from remit.runtime.freshness.influence import influence_of, may_call
from remit.runtime.freshness.reaching import Following
from remit.runtime.listeners import Listener, Listeners, beside
from remit.runtime.placed import ALONE, EVERYTHING, Channels, Feeds, Placed, Sources, as_it_is
from remit.runtime.plan import ContextPlan, FollowPlan, ProjectionPlan, TranslationPlan
from remit.runtime.ports import Ports
from remit.runtime.remote.calls import RemoteCalls
from remit.runtime.remote.gateways import GatewayLine
from remit.runtime.remote.reception import Reception
from remit.runtime.services import Services
from remit.runtime.store_time import StoreTime
from remit.runtime.streams import shape_in
from remit.runtime.upkeep.ages import ModelAges
from remit.runtime.upkeep.event_keys import compare_event_keys, written_by
from remit.runtime.upkeep.housekeeping import Housekeeper
from remit.runtime.upkeep.leases import Sharing, together
from remit.runtime.upkeep.pruning import trimmed_of
from remit.runtime.work.reach import reaches_of, within
from remit.runtime.work.shared import Shared
from remit.runtime.work.unit import UnitOfWork
from remit.stores import LiveVersions, Store, Versions
from remit.stores.forks import Origin, in_another_process
from remit.stores.sql import has_sql
from remit.stores.versions import table_in


class Host:
    """Runs the placed parts of a system in this process. Implements `Sender` for callers outside of any handler.

    `model` has been checked, without findings. `stores` and `channels` are not yet open: `start` opens them, `stop`
    closes them. Simulation and tests pass their own, and their own `ports` and `feeds`. `followed` replaces the feeds
    that followers read; fresh answers still use `feeds`. `listeners` receive runtime events. With `parity`, every
    message within the process makes a round trip through the codec. `plans` are the plans of the model, if they were
    compiled before. Raises `ListenerError`.
    """

    def __init__(
        self,
        model: Model,
        stores: Mapping[str, Store],
        ports: Ports,
        *,
        placed: Placed = EVERYTHING,
        channels: Channels = ALONE,
        listeners: Iterable[Listener] = (),
        feeds: Feeds = as_it_is,
        followed: Feeds = as_it_is,
        parity: bool = False,
        plans: Mapping[str, ContextPlan] | None = None,
    ) -> None:
        self.model, self.stores, self.ports, self.archives = model, stores, ports, placed.archives
        self._written = {context.name: written_by(model, context.name) for context in model.contexts}
        self._channels, self._seal = channels, Seal(model.name, model.names)
        self._listeners = Listeners(beside(self._recovered, listeners), ports.clock)
        whole = {name: plan for name, plan in (plans or compile_system(model)).items() if name in stores}
        self._plans = run = whole if placed.runs is None else _only(whole, placed.runs)
        self._live, self.named = _with_names(whole, stores)
        self._time = StoreTime(ports.clock)
        self._services, self._lines = Services(run.values(), self._connect), list[GatewayLine]()
        self.remote = self._remote_calls(placed)
        """Calls to contexts that other processes run; None without a channel for calls."""
        reaches = reaches_of(model, run, channels.schemas)
        self._restricted = bool(reaches)  # by relations: calls of the app within handlers are judged
        self.ages = ModelAges(ports, self._listeners)
        self.shared = Shared(
            run, self.named, model.contracts, self._services, ports, self._time.stamp, self._listeners,
            self._sender_of, carries=bool(model.headers), reaches=reaches, ages=self.ages,
        )  # fmt: skip
        if (remote := self.remote) is not None:
            self.shared.avoids = lambda: bool(remote.avoided)
        self._sharing = Sharing(stores, ports)
        sources = Sources(stores, placed, channels, self.remote, ports, feeds, whole)
        followings = _followings(whole, self.named, sources)
        self.freshness = self._freshness(whole, followings, sources)
        self.calls = (ReportedCalls if self._listeners.hear_calls else Calls)(
            self.shared, ports, self._listeners, self.freshness, model.owner_of,
            parity=parity, elsewhere=self.remote,
        )  # fmt: skip
        self.reception = Reception(
            self.calls, run, stores, model.names, self.freshness, self._listeners, self._time.stamp
        )  # fmt: skip
        self.subscriptions = self._subscribe(followings, followed)
        self.followers = [*self.subscriptions, *self._relay(placed)]
        self._housekeeper, self._origin, self._has_started = self._keep_up(), Origin(), False
        self.process = ""
        """The name of this process in the stores, once it has started."""

    @cached_property
    def hooks(self) -> Sequence[Hook]:
        """The webhooks whose requests this process takes."""
        return [*hooks_of(self.shared, self._listeners)]

    # ── its parts ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _remote_calls(self, placed: Placed) -> RemoteCalls | None:
        channel, encoding = self._channels.calls, self._channels.encoding
        if channel is None:
            return None
        owners, seal = self.model.owners, self._seal
        return RemoteCalls(channel, self.ports, self._listeners, placed.elsewhere, encoding, owners, seal)

    def _connect(self, context: str, service: Any) -> None:
        """Gives a gateway its line."""
        if isinstance(service, Gateway):
            self._lines.append(GatewayLine(context, service, self.ports.ids, self.ports.random, self._listeners))
            connect(service, self._lines[-1])

    def _sender_of(self, unit: UnitOfWork) -> UnitSender:
        return UnitSender(self.calls, unit)

    def _recovered(self, event: BreakerClosed) -> None:
        """Wakes what waits for a process that answers again."""
        self.shared.recovered.ring()

    def _freshness(self, plans: Mapping[str, ContextPlan], followings: _Followings, sources: Sources) -> Freshness:
        self.ages.watch(plans.values(), followings, self.stores, sources.life)
        remote = self.remote
        influence = influence_of(self.model, plans, (lambda _: False) if remote is None else remote.reaches)
        elsewhere = None if remote is None else remote.reach
        return Freshness(followings.values(), self._sharing.is_regressed, elsewhere, influence, self._seal)

    def _subscribe(self, followings: _Followings, followed: Feeds) -> list[Follower]:
        shared, ports, said = self.shared, self.ports, self._listeners
        made: list[Follower] = []
        for plan in self._plans.values():
            for id, *also in plan.followed_together():
                one, *others = [plan.follows[each] for each in (id, *also)]
                effect = _handling([one, *others], shared, ports, said)
                feed, held = followed(id, followings[id].feed), self._sharing.held(id)
                made.append(
                    Follower(id, self.named[plan.name], feed, effect, ports, said, shared.stamp, held, also)
                )  # fmt: skip
        return made

    def _keep_up(self) -> Housekeeper:
        keep = {context.name: context.keep for context in self.model.contexts}
        leases, said, trimmed = self._sharing.leases, self._listeners, trimmed_of(self.model)
        return Housekeeper(
            self.stores, self.followers, leases, self.ports, self._time, said, keep, trimmed, self._switched
        )  # fmt: skip

    def _relay(self, placed: Placed) -> list[Follower]:
        events = self._channels.events
        return [
            relay(id, self.stores[id.source], events, self.ports, self._listeners, self._sharing.held(id))
            for id in placed.relays
            if events is not None
        ]

    # ── how it starts and ends ──────────────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Connects, makes the users' services, opens the stores, starts each subscription that no other process runs,
        and serves other processes. Raises the errors of channels, services and stores."""
        # Only now: the process that built this host may have forked since, for example to become a daemon.
        self._origin = Origin()
        self.process = self.ports.machine.name(self.ports.ids.new())
        for channel in (self._channels.calls, self._channels.events):
            if channel is not None:
                await channel.open()
        await self._services.open()
        for store in self.stores.values():
            await store.open()
        await together(self._look_into(name, store) for name, store in self.stores.items())
        await self._sharing.start(self.process, self.followers)
        await self._housekeeper.start(self.process)
        if self._channels.calls is not None:
            await self.reception.serve(self._channels.calls)
        await self.ages.start(self.subscriptions)
        self._has_started = True
        self._listeners.say(ProcessStarted(self._listeners.seconds(), "", self.process))

    async def _look_into(self, name: str, store: Store) -> None:
        """Reads the store's mark of time, and compares the ordering keys of its events with the declared ones."""
        await self._time.look(name, store)
        if name in self._live:
            self._use(name, await self._live[name].versions())
        if name in self._plans:
            await self.named[name].prepare_rows([each.table for each in self._plans[name].row_models])
            await compare_event_keys(store, self._written[name])

    async def _switched(self, name: str) -> None:
        """Goes on with the versions of read models that have become live since the last look."""
        if (live := self._live.get(name)) is not None:
            found = await live.versions()
            if changed := live.switched(found):
                unlike = [each async for each in self._unlike(name, found, changed)]
                await self._sharing.between(name, changed, partial(self._use, name, found, unlike))

    async def _unlike(self, name: str, found: Mapping[str, Versions], changed: Collection[str]) -> AsyncIterator[str]:
        """The row models among those that have changed whose live table has other columns than this process writes.
        Raises `StoreUnavailable`."""
        for each in self._plans[name].row_models if name in self._plans else ():
            if each.kind in changed:
                table = table_in(each.table, found.get(each.kind, Versions()).live)
                try:
                    await self.stores[name].prepare_rows([table])
                except StoreError:
                    yield each.kind

    def _use(self, name: str, found: Mapping[str, Versions], unlike: Collection[str] = ()) -> None:
        """From now on, names of read models mean these versions. Calls that run go on with those that they began
        with. A version that a later release has made is left to processes of that release, and so is one whose table
        is `unlike` what this process writes."""
        self._live[name].use(found)
        self.calls.use_store(name, self._live[name].pinned())
        plan = self._plans.get(name)
        for projection in () if plan is None else plan.projections.values():
            folds = [] if plan is None else plan.folds_of(projection)
            if folds and (versions := found.get(kind := projection.kind)) is not None:
                later = self._live[name].is_of_later_release(kind, versions, shape_in(folds))
                self._sharing.leave(name, [each.id.label for each in folds], to_others=later or kind in unlike)

    async def stop(self) -> None:
        """Drains and closes: commits what runs, takes no more calls, lets running calls end, then closes everything.

        Does nothing in a forked process: connections and stores belong to the parent.
        """
        if self._origin.is_elsewhere:
            return
        if self._has_started:
            self._has_started = False
            self._listeners.say(ProcessStopping(self._listeners.seconds(), "", self.process))
        await self.ages.stop()
        await self._housekeeper.stop()
        await self._sharing.stop()
        self.reception.end()
        if self._channels.calls is not None:
            await self._channels.calls.close()
        self.ports.machine.left(self.process)
        for store in self.stores.values():
            with contextlib.suppress(RemitError):
                await store.beat(self.process, self.ports.clock.seconds(), "")
            await store.close()
        self.shared.deadlines.close()
        if self.remote is not None:
            self.remote.close()
        for line in self._lines:
            line.close()
        await self._services.close()
        if self._channels.events is not None:
            await self._channels.events.close()
        for logs in self._channels.published.values():
            await logs.close()

    def measures(self, query: type[Query[Any, Any]]) -> bool:
        """Whether the answer to a query may have an age. Not if it is answered here, from models that promise no
        freshness, by a handler that reaches nothing else."""
        handlers = [plan.queries[query] for plan in self._plans.values() if query in plan.queries]
        subjects = [each.subject for handler in handlers for each in handler.dependencies]
        is_promised = any(isinstance(each, ProjectionPlan) and each.freshness is not None for each in subjects)
        return is_promised or not handlers or any(handler.alone for handler in handlers)

    # ── while it runs ───────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def unusable(self) -> list[str]:
        """The contexts whose store cannot be used: it is damaged, or its file has been moved or replaced."""
        return self._housekeeper.unusable

    def stir(self, context: str) -> None:
        """Announces that a message is being staged in a context's log and will be committed soon."""
        store = self.stores.get(context)
        if store is not None and has_sql(store):
            store.stir()

    async def send(
        self,
        command: Command[Any, Any],
        /,
        *,
        deadline: float | None = None,
        key: str | None = None,
        caller: str = "",
    ) -> Any:
        """As `Sender.send`. `caller` is the owner of `key`, as an edge identified it: each caller has its own keys.

        In a handler, it raises `NotCovered` for what the handler's context may not use.
        """
        if self._origin.is_elsewhere:
            raise in_another_process()
        if self._restricted:
            reach = within.get()
            if reach is not None and command.__class__ not in reach.covered and reach.model is self.model:
                reach.require(command.__class__, "calls")
        return await self.calls.send(command, key=key, deadline=deadline, caller=caller)

    async def ask(
        self, query: Query[Any, Any], /, *, deadline: float | None = None, fresh: bool | str = False, after: str = ""
    ) -> Any:
        """As `Sender.ask`. In a handler, it raises `NotCovered` as `send` does."""
        if self._origin.is_elsewhere:
            raise in_another_process()
        if self._restricted:
            reach = within.get()
            if reach is not None and query.__class__ not in reach.covered and reach.model is self.model:
                reach.require(query.__class__, "calls")
        return await self.calls.ask(query, deadline=deadline, fresh=fresh, after=after)

    async def attempt(
        self, message: Command[Any, Any] | Query[Any, Any], /, *, deadline: float | None = None, key: str | None = None
    ) -> Any:
        """As `Sender.attempt`."""
        return await attempt(self, message, deadline, key)


_Followings = Mapping[SubscriptionId, Following]


def _handling(plans: list[FollowPlan[Any]], shared: Shared, ports: Ports, said: Listeners) -> Handling:
    """What handles the messages of subscriptions that follow together: usually of one."""
    one = plans[0]
    if len(plans) > 1:
        return JointHandling(plans, shared, ports, said)
    if isinstance(one, TranslationPlan) and isinstance(source := one.translator.source, Polled):
        return Polling(one, source, shared, ports, said)
    return Handling(one, shared, ports, said)


def _with_names(
    plans: Mapping[str, ContextPlan], stores: Mapping[str, Store]
) -> tuple[Mapping[str, LiveVersions], Mapping[str, Store]]:
    """The stores of read models, in which their names mean the live versions; and all stores with these among them."""
    live = {name: LiveVersions(stores[name]) for name, plan in plans.items() if plan.projections}
    return live, {**stores, **cast("dict[str, Store]", live)}  # it has all that a store has


def _only(plans: Mapping[str, ContextPlan], runs: Mapping[str, Any]) -> dict[str, ContextPlan]:
    return {name: plan.only(runs.get(name, ())) for name, plan in plans.items()}


def _followings(plans: Mapping[str, ContextPlan], stores: Mapping[str, Store], sources: Sources) -> _Followings:
    """All subscriptions of these contexts, including those whose components run elsewhere."""
    return {
        id: Following(follow, stores[plan.name], sources.feed(id), may_call(plan, follow))
        for plan in plans.values()
        for id, follow in plan.follows.items()
    }
