"""How far subscriptions are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from remit.log import Checkpoint, SubscriptionId

__all__ = ["Checkpoints"]


class Checkpoints(Protocol):
    """The checkpoints of the subscriptions of this context. A unit moves them."""

    async def checkpoints(self, subscription: SubscriptionId) -> Mapping[int, Checkpoint]:
        """The checkpoints of a subscription, by partition."""
        ...

    async def place(self, subscription: SubscriptionId, checkpoints: Mapping[int, Checkpoint]) -> None:
        """Puts checkpoints where a person wants them, forwards or backwards; those of other partitions stay.

        Not for a subscription that moves on at the same time.
        """
        ...
