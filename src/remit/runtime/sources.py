"""Where the subscriptions of a process read: each log by the shortest way there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from remit.runtime.placed import Channels, Placed
from remit.runtime.ports import Ports
from remit.runtime.remote.calls import RemoteCalls
from remit.runtime.remote.feeds import PushedFeed, RemoteFeed
from remit.stores import PUBLISHED, Store
from remit.transports import Feed
from remit.transports.in_process import StoreFeed

__all__ = ["Feeds", "Sources", "as_it_is"]

Feeds = Callable[[str, Feed], Feed]
"""What a subscription reads, by its name, in place of the feed it would read: a simulation puts mishaps between."""


def as_it_is(_: str, feed: Feed) -> Feed:
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

    def feed(self, name: str, source: str, channel: int) -> Feed:
        """The feed of a subscription, by its name, of a channel of a source."""
        events = self._channels.events if (source, channel) in self._placed.pushed else None
        feed = self._between(name, self._pulled(name, source, channel, pushed=events is not None))
        return feed if events is None else PushedFeed(feed, events, self._ports)

    def _pulled(self, name: str, source: str, channel: int, *, pushed: bool) -> Feed:
        """From a store that is open here, else from the same database, else by calls."""
        if source in self._stores:
            return StoreFeed(source, channel, self._stores[source])
        published = self._channels.published.get(name.partition(".")[0])
        if published is not None and channel == PUBLISHED:
            return published.feed(source)
        assert self._remote is not None  # noqa: S101  # a plan with two services has a channel for calls
        return RemoteFeed(source, channel, self._remote, self._ports, pushed=pushed)
