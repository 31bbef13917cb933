"""Who follows which log."""

from __future__ import annotations

from typing import NamedTuple

from remit.log.record import Channel

__all__ = ["SubscriptionId", "context_of"]


class SubscriptionId(NamedTuple):
    """A subscription or a relay, and the channel whose messages it follows. Stored and sent as these three."""

    name: str
    """`<context>.<name>`."""
    source: str
    """The context whose log it is."""
    channel: Channel

    @property
    def context(self) -> str:
        """Whose subscription it is: its checkpoints stand in the store of this context."""
        return context_of(self.name)

    @property
    def label(self) -> str:
        """The three as one text: what it is called in leases, and where heads are told."""
        return f"{self.name} {self.source} {self.channel:d}"


def context_of(name: str) -> str:
    """The context of a subscription, from its full name."""
    return name.partition(".")[0]
