"""Contexts of the simulated shop in processes of their own, put together as a topology's services are."""

from __future__ import annotations

from collections.abc import Sequence

from remit.contexts import Model
from remit.log import Channel, SubscriptionId
from remit.runtime import Channels, Host, Listener, Placed, Ports
from remit.runtime.plan import FollowPlan
from remit.testing.simulation.choices import Choices
from remit.testing.simulation.network import BlindFeed, HostileCalls, HostileEvents, Network
from remit.testing.simulation.nodes import Incarnation
from remit.transports import Feed

__all__ = ["CUTS", "make_service"]

CUTS: Sequence[Sequence[tuple[str, ...]]] = (
    (("orders",), ("billing",), ("shipping",)),
    (("orders", "billing"), ("shipping",)),
    (("orders", "shipping"), ("billing",)),
    (("orders",), ("billing", "shipping")),
)
"""Which contexts run together. Each group has two replicas, which share the stores of its contexts."""


def make_service(
    model: Model,
    ports: Ports,
    network: Network,
    incarnation: Incarnation,
    choices: Choices,
    listener: Listener,
    *,
    pull: bool,
) -> Host:
    """One process of the shop, which runs some of its contexts. The stores of these are in `incarnation.stores`."""
    stores = incarnation.stores
    others = [name for name in model.names if name not in stores]
    placed = Placed(
        elsewhere=[f"{name}.{part}" for name in others for part in ("write", "read", "log")],
        relays=[FollowPlan(SubscriptionId(f"{name}.relay:simulated", name, Channel.PUBLISHED)) for name in stores],
        pushed=[(name, Channel.PUBLISHED) for name in others],
    )
    channels = Channels(HostileCalls(network, incarnation, choices), HostileEvents(network, incarnation, choices))

    def feed(_: SubscriptionId, read: Feed) -> Feed:
        return read if pull or read.source in stores else BlindFeed(read)

    return Host(model, stores, ports, placed=placed, channels=channels, listener=listener, feeds=feed, parity=True)
