"""What of a system a process runs, what it reaches the rest with, and where its subscriptions read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from remit.log import Channel, SubscriptionId
from remit.messages import Encoding
from remit.messages.component import Component
from remit.runtime.ports import Ports
from remit.runtime.remote.calls import RemoteCalls
from remit.runtime.remote.feeds import PushedFeed, RemoteFeed
from remit.stores import PublishedLogs, Store
from remit.transports import CallChannel, EventChannel, Feed
from remit.transports.store_feed import StoreFeed


@dataclass(frozen=True)
class Placed:
    """What runs in one process. Without arguments: all of the contexts whose stores it has, and nobody is elsewhere."""

    runs: Mapping[str, Collection[str]] | None = None
    """The components of each context that run here, `write` and `read`; None for all of them."""
    elsewhere: Collection[Component] = ()
    """The addresses that other processes answer: `billing.write`, `billing.read`, `billing.log`."""
    relays: Sequence[SubscriptionId] = ()
    """The channels of logs that are published from here."""
    pushed: Collection[tuple[str, Channel]] = ()
    """The sources, with the channels of their logs, whose messages are pushed to this process."""


@dataclass(frozen=True)
class Channels:
    """How one process reaches the others, not yet open. Without arguments: there are none."""

    calls: CallChannel | None = None
    events: EventChannel | None = None
    encoding: Encoding = "json"
    """How calls are written."""
    published: Mapping[str, PublishedLogs] = field(default_factory=dict[str, PublishedLogs])
    """By context, where the logs of others are read in the database that they share."""
    schemas: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where in it: the schema of each context."""


EVERYTHING = Placed()
ALONE = Channels()


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
