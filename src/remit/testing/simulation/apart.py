"""Contexts of the simulated shop in processes of their own, put together as a topology's services are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from remit.contexts import Model
from remit.runtime import Ports, Runtime
from remit.runtime.following.publishing import relay
from remit.runtime.plan import ContextPlan, FollowPlan
from remit.runtime.reception import Reception
from remit.runtime.remote.calls import RemoteCalls
from remit.runtime.remote.feeds import PushedFeed, RemoteFeed
from remit.runtime.signals import Listener
from remit.stores import PUBLISHED
from remit.testing.simulation.choices import Choices
from remit.testing.simulation.network import BlindFeed, HostileCalls, HostileEvents, Network
from remit.testing.simulation.nodes import Incarnation
from remit.transports import Feed
from remit.transports.in_process import StoreFeed

__all__ = ["CUTS", "Service"]

CUTS: Sequence[Sequence[tuple[str, ...]]] = (
    (("orders",), ("billing",), ("shipping",)),
    (("orders", "billing"), ("shipping",)),
    (("orders", "shipping"), ("billing",)),
    (("orders",), ("billing", "shipping")),
)
"""Which contexts run together. Each group has two replicas, which share the stores of its contexts."""


class Service:
    """One process of the shop, which runs some of its contexts. The stores of these are in `incarnation.stores`."""

    def __init__(
        self,
        model: Model,
        plans: Mapping[str, ContextPlan],
        ports: Ports,
        network: Network,
        incarnation: Incarnation,
        choices: Choices,
        listener: Listener,
        follows: Callable[[str, str, int], None],
        *,
        pull: bool,
    ) -> None:
        """`follows` hears of each subscription and relay: name, source, channel."""
        stores = incarnation.stores
        hosted = {name: plan for name, plan in plans.items() if name in stores}
        self._calls = HostileCalls(network, incarnation, choices)
        elsewhere = [f"{name}.{part}" for name in plans if name not in stores for part in ("write", "read", "log")]
        self.remote = RemoteCalls(self._calls, ports, elsewhere, "json", model.owners)
        events = HostileEvents(network, incarnation, choices)

        def feed(subscription: str, source: str, channel: int) -> Feed:
            follows(subscription, source, channel)
            if source in stores:
                return StoreFeed(source, channel, stores[source])
            asked: Feed = RemoteFeed(source, channel, self.remote, ports)
            return PushedFeed(asked if pull else BlindFeed(asked), events, ports)

        relays = [FollowPlan(f"{name}.relay:simulated", name, PUBLISHED) for name in stores]
        for each in relays:
            follows(each.name, each.source, each.channel)
        self.runtime = Runtime(
            model, hosted, stores, ports, listener=listener, parity=True, feeds=feed, remote=self.remote,
            relays=[relay(each, stores[each.source], events, ports, listener) for each in relays],
        )  # fmt: skip
        self._reception = Reception(
            self.runtime.calls,
            self.runtime.plans,
            self.runtime.stores,
            self.runtime.model.names,
            self.runtime.freshness,
        )

    async def start(self) -> None:
        """Raises what the stores raise."""
        await self.runtime.start()
        await self._reception.serve(self._calls)

    async def stop(self) -> None:
        """Drains, as a service does."""
        await self.runtime.rest()
        self._reception.end()
        await self._calls.close()
        await self.runtime.stop()
