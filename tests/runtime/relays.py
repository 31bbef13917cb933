"""A relay over a store, for as long as a test looks at it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from remit.log import Channel, SubscriptionId
from remit.runtime import Listeners, Ports
from remit.runtime.following.follower import Follower
from remit.runtime.following.publishing import relay
from remit.stores import Store
from remit.transports import EventChannel
from tests.runtime.heard import NOBODY


@asynccontextmanager
async def relaying(store: Store, events: EventChannel, listeners: Listeners = NOBODY) -> AsyncGenerator[Follower]:
    id = SubscriptionId("billing.relay:nats", "billing", Channel.PUBLISHED)
    follower = relay(id, store, events, Ports(), listeners)
    await follower.start()
    try:
        yield follower
    finally:
        await follower.stop()
