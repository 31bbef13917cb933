"""A relay over a store, for as long as a test looks at it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from remit.log import Channel, SubscriptionId
from remit.runtime import Ports, Signal
from remit.runtime.following.follower import Follower
from remit.runtime.following.publishing import relay
from remit.runtime.plan import FollowPlan
from remit.stores import Store
from remit.transports import EventChannel


@asynccontextmanager
async def relaying(store: Store, events: EventChannel, said: list[Signal] | None = None) -> AsyncGenerator[Follower]:
    follow = FollowPlan(SubscriptionId("billing.relay:nats", "billing", Channel.PUBLISHED))
    follower = relay(follow, store, events, Ports(), (said if said is not None else []).append)
    await follower.start()
    try:
        yield follower
    finally:
        await follower.stop()
