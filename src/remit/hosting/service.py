"""One service of a topology: what runs in a process of its own, and how it reaches the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from remit.contexts import Model
from remit.hosting.technologies import make_channels, open_published, open_store
from remit.runtime import LoopWatch, Ports, Runtime, compile_system
from remit.runtime.following.follower import Follower
from remit.runtime.following.publishing import relay
from remit.runtime.plan import FollowPlan
from remit.runtime.reception import Reception
from remit.runtime.remote.calls import RemoteCalls
from remit.runtime.remote.feeds import PushedFeed, RemoteFeed
from remit.runtime.runtime import log_signal
from remit.stores import PRIVATE, PUBLISHED, Store
from remit.topology.file import Service
from remit.topology.placement import PlacedService, Placement, reads_directly
from remit.topology.secrets import settle
from remit.transports import Feed
from remit.transports.in_process import StoreFeed

__all__ = ["RunningService", "followed_by", "relayed"]


CALLER = PlacedService(Service("caller", ()), {}, {})
"""A process that runs no part of the system, and calls all of it."""


def relayed(placement: Placement) -> list[FollowPlan]:
    """What relays follow: who writes a log relays it. What is published always, what is private only where a context's
    components run apart."""
    events = placement.topology.events
    if events is None or reads_directly(placement.topology):
        return []
    writers = sorted(home.partition(".")[0] for home in placement.homes if home.endswith(".write"))
    return [
        FollowPlan(f"{context}.relay:{events.technology.name}", context, channel)
        for context in writers
        for channel in ((PUBLISHED, PRIVATE) if context in placement.apart else (PUBLISHED,))
    ]


def followed_by(model: Model, context: str) -> list[str]:
    """The contexts whose published channel a service follows that hosts only this one, which `model` does."""
    follows = compile_system(model, Ports())[context].follows.values()
    return sorted({follow.source for follow in follows if follow.channel == PUBLISHED} - {context})


class RunningService:
    """The components that a placement gives to a service, ready to run. `runtime` is the `Sender` for its edge."""

    def __init__(
        self,
        model: Model,
        placement: Placement,
        placed: PlacedService = CALLER,
        *,
        replica: int = 0,
    ) -> None:
        """`model` holds the contexts of which the service runs anything.

        Raises `StoreError` and `ChannelError` for a driver that is not installed.
        """
        settle(placement.topology, placed)
        ports = Ports(watch=LoopWatch())
        plans = {name: plan for name, plan in compile_system(model, ports).items() if name in placed.stores}
        stores = {context: open_store(place, context) for context, place in placed.stores.items()}
        self._published = {
            context: open_published(place, context)
            for context, place in placed.stores.items()
            if reads_directly(placement.topology)
        }
        self._channels = make_channels(model.name, placement, placed.service, replica)
        self._remote = (
            None
            if self._channels.calls is None
            else RemoteCalls(
                self._channels.calls, ports, _elsewhere(placement, placed), self._channels.encoding, model.owners
            )
        )
        self.runtime = Runtime(
            model, plans, stores, ports, feeds=self._feeds(placement, placed, stores, ports), components=placed.runs,
            remote=self._remote, relays=self._relays(placement, placed, stores, ports),
        )  # fmt: skip
        self._reception = Reception(
            self.runtime.calls,
            self.runtime.plans,
            self.runtime.stores,
            self.runtime.model.names,
            self.runtime.freshness,
        )

    def _feeds(
        self, placement: Placement, placed: PlacedService, stores: Mapping[str, Store], ports: Ports
    ) -> Callable[[str, str, int], Feed]:
        events, alone = self._channels.events, placed.service.replicas == 1

        def make(name: str, source: str, channel: int) -> Feed:
            feed: Feed
            if source in stores:
                feed = StoreFeed(source, channel, stores[source])
            elif channel == PUBLISHED and (logs := self._published.get(name.partition(".")[0])):
                return StoreFeed(source, channel, logs.of(source, placement.topology.store_of(source).schema))
            else:
                assert self._remote is not None  # noqa: S101  # a plan with two services has a channel for calls
                feed = RemoteFeed(source, channel, self._remote, ports, pushed=events is not None)
            relayed = channel == PUBLISHED or source in placement.apart
            # What this very process has written, it hears of from its own store.
            if events is None or not relayed or (alone and placed.has(source, "write")):
                return feed
            return PushedFeed(feed, events, ports)

        return make

    def _relays(
        self, placement: Placement, placed: PlacedService, stores: Mapping[str, Store], ports: Ports
    ) -> list[Follower]:
        events = self._channels.events
        follows = [follow for follow in relayed(placement) if placed.has(follow.source, "write")]
        return [relay(follow, stores[follow.source], events, ports, log_signal) for follow in follows if events]

    async def start(self) -> None:
        """Connects, starts what runs here, and answers the other services. Raises what stores and channels raise."""
        for channel in (self._channels.calls, self._channels.events):
            if channel is not None:
                await channel.open()
        await self.runtime.start()
        if self._channels.calls is not None:
            await self._reception.serve(self._channels.calls)

    async def stop(self) -> None:
        """Drains: commits what runs, takes no more calls, lets those that have begun end, and closes everything."""
        await self.runtime.rest()
        self._reception.end()
        if self._channels.calls is not None:
            await self._channels.calls.close()
        await self.runtime.stop()
        if self._channels.events is not None:
            await self._channels.events.close()
        for logs in self._published.values():
            await logs.close()


def _elsewhere(placement: Placement, placed: PlacedService) -> set[str]:
    """The addresses that this service does not answer itself."""
    parts = {f"{context}.{part}" for context, runs in placed.runs.items() for part in runs}
    logs = {f"{context}.log" for context in placed.stores}
    everything = {*placement.homes, *(f"{home.partition('.')[0]}.log" for home in placement.homes)}
    return everything - parts - logs
