"""What of a system a process runs, and what it reaches the rest with. Whoever puts a process together says so."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from remit.log import Channel
from remit.messages import Encoding
from remit.runtime.plan import FollowPlan
from remit.stores import PublishedLogs
from remit.transports import CallChannel, EventChannel


@dataclass(frozen=True)
class Placed:
    """What runs in one process. Without arguments: all of the contexts whose stores it has, and nobody is elsewhere."""

    runs: Mapping[str, Collection[str]] | None = None
    """The components of each context that run here, `write` and `read`; None for all of them."""
    elsewhere: Collection[str] = ()
    """The addresses that other processes answer: `billing.write`, `billing.read`, `billing.log`."""
    relays: Sequence[FollowPlan] = ()
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
