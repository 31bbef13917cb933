"""A running process: its contexts' calls and subscriptions, and a housekeeper that looks after them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from remit.contexts import Model
from remit.errors import RemitError, visible
from remit.messages import Command, Query, contract_of, key_text
from remit.runtime.calling.calls import DEADLINE, Calls, attempt
from remit.runtime.following.follower import Follower
from remit.runtime.following.handling import subscription
from remit.runtime.following.history import BROKEN
from remit.runtime.freshness.freshness import Freshness
from remit.runtime.freshness.influence import influence_of, may_call
from remit.runtime.freshness.reaching import Following
from remit.runtime.plan import ContextPlan, FollowPlan
from remit.runtime.ports import Ports
from remit.runtime.remote.calls import RemoteCalls
from remit.runtime.services import Services
from remit.runtime.signals import Listener, Signal
from remit.runtime.store_time import StoreTime
from remit.runtime.upkeep.event_keys import compare_event_keys
from remit.runtime.upkeep.housekeeping import Housekeeper
from remit.runtime.upkeep.leases import Leases
from remit.stores import Store
from remit.stores.forks import Origin, in_another_process
from remit.stores.port import has_sql
from remit.transports import Feed
from remit.transports.in_process import StoreFeed

__all__ = ["Feeds", "Runtime"]

Feeds = Callable[[str, str, int], Feed]
"""Makes the feed of a subscription, by its name, of a channel of a source. By default it reads the source's store."""

LONGEST = 4000
"""Characters of what a signal says that are logged: it may be the text of anybody's exception."""

log = logging.getLogger("remit")


def log_signal(signal: Signal) -> None:
    """The default listener: standard logging."""
    level = logging.INFO if signal.kind in ("resumed", "released", "retrying", "breaker-closed") else logging.WARNING
    what = signal.what if len(signal.what) <= LONGEST else f"{signal.what[:LONGEST]}…"
    log.log(level, "%s %s: %s", signal.kind, visible(signal.where), visible(what), exc_info=signal.error)


class Runtime:
    """Runs compiled contexts over their stores. Implements `Sender` for callers outside of any handler."""

    def __init__(
        self,
        model: Model,
        plans: Mapping[str, ContextPlan],
        stores: Mapping[str, Store],
        ports: Ports,
        *,
        listener: Listener = log_signal,
        parity: bool = False,
        feeds: Feeds | None = None,
        components: Mapping[str, Collection[str]] | None = None,
        remote: RemoteCalls | None = None,
        relays: Sequence[Follower] = (),
    ) -> None:
        feeds = feeds or (lambda _, source, channel: StoreFeed(source, channel, stores[source]))
        followings = _followings(plans, stores, feeds)
        influence = influence_of(model, plans, remote.reaches if remote is not None else lambda _: False)
        elsewhere = None if remote is None else remote.reach
        self.freshness = Freshness(followings.values(), self._is_regressed, elsewhere, influence)
        if components is not None:
            plans = {name: plan.only(components[name]) for name, plan in plans.items()}
        self.model = model
        self._origin = Origin()
        self.plans = plans
        """By context: what of it runs here."""
        self.stores = stores
        self.ports = ports
        self._time = StoreTime(ports.clock)
        self.calls = Calls(plans, stores, model.contracts, ports, self._time, listener, parity=parity, remote=remote)
        self._remote = remote
        self._listener = listener
        if remote is not None:
            remote.listener = self._hear
        self.subscriptions = [
            subscription(follow, plan, stores[plan.name], followings[place].feed, self.calls, ports, listener)
            for plan in plans.values()
            for place, follow in plan.follows.items()
        ]
        self.followers = [*self.subscriptions, *relays]
        self._leases = {
            name: Leases(store, [each for each in self.followers if each.name.split(".")[0] == name], ports)
            for name, store in stores.items()
            if store.capabilities.shared_between_processes
        }
        self._alone = [each for each in self.followers if each.name.split(".")[0] not in self._leases]
        self.process = ""
        """What this process is called in the stores, once it has started."""
        self._services = Services(plans.values())
        keep = {context.name: context.keep for context in model.contexts}
        self._housekeeper = Housekeeper(stores, self.followers, self._leases, ports, self._time, listener, keep)

    @property
    def unusable(self) -> list[str]:
        """The contexts whose store cannot be used as it is: damaged, or no longer at its place."""
        return self._housekeeper.unusable

    async def start(self) -> None:
        """Makes the users' services, opens the stores, and starts every subscription that no other process runs."""
        # Not before: who makes a runtime may fork, or become a daemon, before it is started.
        self._origin = Origin()
        self.process = self.ports.machine.name(self.ports.ids.new())
        await self._services.open()
        for store in self.stores.values():
            await store.open()
        await _all(self._look_into(name, store) for name, store in self.stores.items())
        await _all(
            [
                *(follower.start() for follower in self._alone),
                *(leases.start(self.process) for leases in self._leases.values()),
            ]
        )
        await self._housekeeper.start(self.process)

    async def _look_into(self, name: str, store: Store) -> None:
        """What a store remembers: how late it is, and how its events are ordered."""
        await self._time.look(name, store)
        if name in self.plans:
            owned = [each for message, each in self.model.contracts.items() if self.model.owners[message] == name]
            await compare_event_keys(store, owned)

    async def rest(self) -> None:
        """Follows nothing any more: what runs is finished and committed. Calls are still answered. Idempotent."""
        await self._housekeeper.stop()
        await asyncio.gather(
            *(follower.stop() for follower in self._alone), *(leases.stop() for leases in self._leases.values())
        )

    async def stop(self) -> None:
        """Drains: rests, then closes everything. Does nothing in a process that was forked off: it is the parent's."""
        if self._origin.is_elsewhere:
            return
        await self.rest()
        self.ports.machine.left(self.process)
        for store in self.stores.values():
            with contextlib.suppress(RemitError):
                await store.beat(self.process, self.calls.seconds(), "")
            await store.close()
        self.calls.deadlines.close()
        if self._remote is not None:
            self._remote.close()
        await self._services.close()

    def stir(self, context: str) -> None:
        """Something is being staged for a context's log, and will be committed soon."""
        store = self.stores.get(context)
        if store is not None and has_sql(store):
            store.stir()

    # ── Sender ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def send(
        self,
        command: Command[Any, Any],
        /,
        *,
        deadline: float | None = None,
        key: str | None = None,
        caller: str = "",
    ) -> Any:
        """As `Sender.send`. `caller` is who gave the key: an edge says whose it is, and others' keys do not meet it."""
        if self._origin.is_elsewhere:
            raise in_another_process()
        return await self.calls.send(command, key=key, deadline=deadline, caller=caller)

    async def ask(self, query: Query[Any, Any], /, *, deadline: float | None = None, fresh: bool | str = False) -> Any:
        if self._origin.is_elsewhere:
            raise in_another_process()
        if fresh is not False:  # the answer has what is left of the time
            if fresh is not True:
                key_text(fresh, "ordering key", type(query).__name__)
            deadline = await self._freshen(query, fresh, DEADLINE if deadline is None else deadline)
        return await self.calls.ask(query, deadline=deadline)

    async def attempt(
        self, message: Command[Any, Any] | Query[Any, Any], /, *, deadline: float | None = None, key: str | None = None
    ) -> Any:
        return await attempt(self, message, deadline, key)

    async def _freshen(self, query: Query[Any, Any], fresh: bool | str, seconds: float) -> float:
        """Waits until everything that has happened before now has reached the context that answers. Says how many of
        the seconds are left."""
        owner = self.model.owner_of(type(query))
        if owner is None:
            return seconds  # nobody answers it, which the call will say
        loop = asyncio.get_running_loop()
        when = loop.time() + seconds
        key = fresh if isinstance(fresh, str) else None
        await self.freshness.freshen(owner, contract_of(type(query), owner).type, key, when=when)
        return when - loop.time()

    def _hear(self, signal: Signal) -> None:
        """Passes on what calls to others have to say. Who waits because of one that is back need not wait longer."""
        self._listener(signal)
        if signal.kind == "breaker-closed":
            self.calls.recovered.ring()

    async def _is_regressed(self, follow: FollowPlan) -> bool:
        for each in self.subscriptions:
            if each.follow is follow:
                leases = self._leases.get(each.name.split(".")[0])
                if each.state != "standby" or leases is None:
                    return each.state in BROKEN
                return any(state in BROKEN for state in await leases.states(each))
        return False


def _followings(
    plans: Mapping[str, ContextPlan], stores: Mapping[str, Store], feeds: Feeds
) -> dict[tuple[str, str, int], Following]:
    """Every subscription of these contexts, also of those whose components run elsewhere."""
    return {
        place: Following(
            follow, stores[plan.name], feeds(follow.name, follow.source, follow.channel), may_call(plan, follow)
        )
        for plan in plans.values()
        for place, follow in plan.follows.items()
    }


async def _all(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Together, because what asks a source that is away may take its time; then raises the first failure."""
    for failure in await asyncio.gather(*works, return_exceptions=True):
        if failure is not None:
            raise failure
