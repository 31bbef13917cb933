"""Where the subscriptions of a process read: each log by the shortest way there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from remit.log import Channel, SubscriptionId
from remit.runtime.placed import Channels, Placed
from remit.runtime.ports import Ports
from remit.runtime.remote.calls import RemoteCalls
from remit.runtime.remote.feeds import PushedFeed, RemoteFeed
from remit.stores import Store
from remit.transports import Feed
from remit.transports.in_process import StoreFeed

Feeds = Callable[[SubscriptionId, Feed], Feed]
"""What a subscription reads, in place of the feed it would read: a simulation puts mishaps between."""


def as_it_is(_: SubscriptionId, feed: Feed) -> Feed:
    """Nothing stands between a subscription and its source."""
    return feed


@dataclass(frozen=True)
class Sources:
    """Makes the feeds of a process. `between` puts something in front of each."""

    stores: Mapping[str, Store]
    placed: Placed
    channels: Channels
    remote: RemoteCalls | None
    ports: Ports
    between: Feeds

    def feed(self, id: SubscriptionId) -> Feed:
        """The feed of a subscription."""
        events = self.channels.events if (id.source, id.channel) in self.placed.pushed else None
        feed = self.between(id, self._pulled(id, pushed=events is not None))
        return feed if events is None else PushedFeed(feed, events, self.ports)

    def _pulled(self, id: SubscriptionId, *, pushed: bool) -> Feed:
        """From a store that is open here, else from the same database, else by calls."""
        source, channel = id.source, id.channel
        if source in self.stores:
            return StoreFeed(source, channel, self.stores[source])
        published = self.channels.published.get(id.context)
        if published is not None and channel == Channel.PUBLISHED:
            return StoreFeed(source, channel, published.of(source, self.channels.schemas[source]))
        assert self.remote is not None  # noqa: S101  # a plan with two services has a channel for calls
        return RemoteFeed(source, channel, self.remote, self.ports, pushed=pushed)
