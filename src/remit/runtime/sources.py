"""Where the subscriptions of a process read: each log by the shortest way there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from remit.log import Channel, SubscriptionId
from remit.runtime.placed import Channels, Placed
from remit.runtime.ports import Ports
from remit.runtime.remote.calls import RemoteCalls
from remit.runtime.remote.feeds import PushedFeed, RemoteFeed
from remit.stores import Store
from remit.transports import Feed
from remit.transports.in_process import StoreFeed

__all__ = ["Feeds", "Sources", "as_it_is"]

Feeds = Callable[[SubscriptionId, Feed], Feed]
"""What a subscription reads, in place of the feed it would read: a simulation puts mishaps between."""


def as_it_is(_: SubscriptionId, feed: Feed) -> Feed:
    """Nothing stands between a subscription and its source."""
    return feed


class Sources:
    """Makes the feeds of a process."""

    def __init__(
        self,
        stores: Mapping[str, Store],
        placed: Placed,
        channels: Channels,
        remote: RemoteCalls | None,
        ports: Ports,
        feeds: Feeds,
    ) -> None:
        self._stores = stores
        self._placed = placed
        self._channels = channels
        self._remote = remote
        self._ports = ports
        self._between = feeds

    def feed(self, id: SubscriptionId) -> Feed:
        """The feed of a subscription."""
        events = self._channels.events if (id.source, id.channel) in self._placed.pushed else None
        feed = self._between(id, self._pulled(id, pushed=events is not None))
        return feed if events is None else PushedFeed(feed, events, self._ports)

    def _pulled(self, id: SubscriptionId, *, pushed: bool) -> Feed:
        """From a store that is open here, else from the same database, else by calls."""
        source, channel = id.source, id.channel
        if source in self._stores:
            return StoreFeed(source, channel, self._stores[source])
        published = self._channels.published.get(id.context)
        if published is not None and channel == Channel.PUBLISHED:
            return StoreFeed(source, channel, published.of(source, self._channels.schemas[source]))
        assert self._remote is not None  # noqa: S101  # a plan with two services has a channel for calls
        return RemoteFeed(source, channel, self._remote, self._ports, pushed=pushed)
