"""Which parts of a system a process runs, how it reaches the others, and which feeds its subscriptions read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from remit.log import Channel, SubscriptionId
from remit.messages import Encoding
from remit.messages.component import Component
from remit.runtime.plan import ContextPlan, FoldPlan
from remit.runtime.ports import Ports
from remit.runtime.remote.calls import RemoteCalls
from remit.runtime.remote.feeds import PushedFeed, RemoteFeed
from remit.stores import PublishedLogs, Store
from remit.stores.archive import Archive, ArchivedLog
from remit.transports import CallChannel, EventChannel, Feed
from remit.transports.store_feed import ArchivedFeed, StoreFeed


@dataclass(frozen=True)
class Placed:
    """What runs in one process. Default: all components of the contexts whose stores it has."""

    runs: Mapping[str, Collection[str]] | None = None
    """The components of each context that run here (`write`, `read`, `acl`); None for all."""
    elsewhere: Collection[Component] = ()
    """The addresses that other processes serve: `billing.write`, `billing.read`, `billing.log`."""
    relays: Sequence[SubscriptionId] = ()
    """The channels of logs that this process publishes."""
    pushed: Collection[tuple[str, Channel]] = ()
    """The sources and channels whose messages an event channel pushes to this process."""
    archives: Path | None = None
    """The folder with the archives of logs, from which read models are built; None if there is none."""


@dataclass(frozen=True)
class Channels:
    """How a process reaches others; not yet open. Default: not at all."""

    calls: CallChannel | None = None
    events: EventChannel | None = None
    encoding: Encoding = "json"
    """The encoding of calls."""
    published: Mapping[str, PublishedLogs] = field(default_factory=dict[str, PublishedLogs])
    """The reader of other contexts' logs in the same database, by the context that reads."""
    schemas: Mapping[str, str] = field(default_factory=dict[str, str])
    """The database schema of each context; empty for a store that is in none."""


EVERYTHING = Placed()
ALONE = Channels()


Feeds = Callable[[SubscriptionId, Feed], Feed]
"""Replaces the feed of a subscription; a simulation injects faults here."""


def as_it_is(_: SubscriptionId, feed: Feed) -> Feed:
    """Leaves a feed unchanged."""
    return feed


@dataclass(frozen=True)
class Sources:
    """Makes the feeds of a process. `between` wraps each."""

    stores: Mapping[str, Store]
    placed: Placed
    channels: Channels
    remote: RemoteCalls | None
    ports: Ports
    between: Feeds
    plans: Mapping[str, ContextPlan]

    def feed(self, id: SubscriptionId) -> Feed:
        """The feed of a subscription."""
        events = self.channels.events if (id.source, id.channel) in self.placed.pushed else None
        feed = self.between(id, self._pulled(id, pushed=events is not None))
        return feed if events is None else PushedFeed(feed, events, self.ports)

    def life(self, id: SubscriptionId) -> Feed | None:
        """Asks the process that has the source, if there is one and the log is read without it: in the shared
        database."""
        source, remote = id.source, self.remote
        is_direct = source not in self.stores and id.context in self.channels.published
        if not is_direct or remote is None or not remote.reaches(source):
            return None
        return RemoteFeed(source, id.channel, id.context, remote, self.ports)

    def _pulled(self, id: SubscriptionId, *, pushed: bool) -> Feed:
        """Reads an open store directly; else the log in the shared database; else by calls."""
        source, channel = id.source, id.channel
        if (store := self.stores.get(source)) is not None:
            folder = self.placed.archives
            if folder is None or not isinstance(self.plans[id.context].follows.get(id), FoldPlan):
                return StoreFeed(source, channel, store)
            return ArchivedFeed(source, channel, store, ArchivedLog(store, Archive(folder, source)))
        published = self.channels.published.get(id.context)
        if published is not None and channel == Channel.PUBLISHED:
            return StoreFeed(source, channel, published.of(source, self.channels.schemas[source]))
        assert self.remote is not None  # noqa: S101  # a topology of several services has a channel for calls
        follows = self.plans[id.context].follows.items()
        types = {type for each, follow in follows if each[1:] == (source, channel) for type in follow.reads}
        return RemoteFeed(source, channel, id.context, self.remote, self.ports, pushed=pushed, types=sorted(types))
