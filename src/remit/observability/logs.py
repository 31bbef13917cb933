"""Where logs begin and end, and how far their subscribers are, read from the stores only."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from remit.log import Channel, ChannelName, Log
from remit.runtime.upkeep.pruning import SUBSCRIBER_SECONDS


class PartitionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One partition of a log."""

    part: int
    floor: int
    """The last position that was deleted; 0 if none was."""
    head: int
    """The last position that was written."""
    at: float
    """When it was written, in seconds since the epoch."""


class LogStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One channel of the log of a context. Counts are sums over all partitions."""

    context: str
    channel: ChannelName
    written: int
    deleted: int
    kept: int
    at: float
    """When the last message was written, in seconds since the epoch."""
    partitions: list[PartitionStatus]


class SubscriberStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription as the log that it follows knows it, by its last report."""

    subscription: str
    source: str
    channel: ChannelName
    position: int
    """Handled messages, including those that were deleted before it began."""
    lag: int
    heard: float
    """When it last reported, in seconds since the epoch."""
    keeps: bool
    """Whether the log keeps messages for it that it has not handled: it has reported within the last 30 days."""


async def read_logs(stores: Mapping[str, Log]) -> list[LogStatus]:
    """The logs of these stores, by context. Raises `StoreError` and `StoreUnavailable`."""
    return [await _log(name, store, channel) for name, store in stores.items() for channel in Channel]


async def _log(context: str, store: Log, channel: Channel) -> LogStatus:
    floors = {part: pos for part, (pos, _, _) in (await store.floors(channel)).items()}
    heads = await store.heads(channel)
    partitions = [
        PartitionStatus(part=part, floor=floors.get(part, 0), head=head, at=at)
        for part, (head, at) in sorted(heads.items())
    ]
    written, deleted = sum(each.head for each in partitions), sum(floors.values())
    return LogStatus(
        context=context,
        channel=channel.called,
        written=written,
        deleted=deleted,
        kept=written - deleted,
        at=max((each.at for each in partitions), default=0.0),
        partitions=partitions,
    )


async def read_subscribers(stores: Mapping[str, Log], now: float) -> list[SubscriberStatus]:
    """The subscribers of the logs of these stores, by source. `now` is in seconds since the epoch.

    Raises `StoreError` and `StoreUnavailable`.
    """
    found: list[SubscriberStatus] = []
    for source, store in stores.items():
        for row in await store.subscribers():
            heads = await store.heads(row.channel)
            behind = [max(0, head - row.positions.get(part, 0)) for part, (head, _) in heads.items()]
            found.append(
                SubscriberStatus(
                    subscription=row.name,
                    source=source,
                    channel=row.channel.called,
                    position=sum(row.positions.values()),
                    lag=sum(behind),
                    heard=row.at,
                    keeps=now - row.at < SUBSCRIBER_SECONDS,
                )
            )
    return found
