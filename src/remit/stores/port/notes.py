"""What processes note in a store for one another, in the rows that it has anyway.

Each stands under a name that nobody can declare, because it has a space. Some are checkpoints, which are moved by
compare-and-swap, one is a piece of state, and one a claim.
"""

from __future__ import annotations

from remit.log import Channel, SubscriptionId

__all__ = ["BEGUN", "EVENT_KEYS", "TIME", "missed_by"]

TIME = SubscriptionId(" time", "", Channel.PRIVATE)
"""A checkpoint: how late it is, as all agree who have the store open. Its position counts how often it was moved."""
EVENT_KEYS = (" event keys", "")
"""Kind and identity of a piece of state: by which field each event is ordered, as JSON."""
BEGUN = " begun"
"""After a claim's caller: when a command was first begun, a claim as well (`Claims.first_begun`)."""


def missed_by(projection: SubscriptionId) -> SubscriptionId:
    """The checkpoints up to which a projection has missed messages, by partition; 0 where that was accepted."""
    return projection._replace(name=f"{projection.name} missed")
