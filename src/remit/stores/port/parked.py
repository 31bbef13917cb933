"""Parked keys, and the messages that wait behind them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from remit.log import Record, SubscriptionId

__all__ = ["Letter", "Parked", "ParkedKeys"]


class Parked(NamedTuple):
    """A parked key, and the source's partition that it belongs to."""

    subscription: SubscriptionId
    key: str
    part: int
    since: float
    tried_at: float
    """When it failed last, by the clock of who tried (seconds since the epoch)."""
    attempts: int
    retry_at: float
    error: str
    letters: int


class Letter(NamedTuple):
    """A message that waits behind a parked key, or failed and parked it."""

    record: Record
    at: float


class ParkedKeys(Protocol):
    """The parked keys of the subscriptions of this context. A unit parks them and frees them."""

    async def parked(self, name: str | None = None, *, key: str | None = None, limit: int = 1000) -> Sequence[Parked]:
        """At most `limit` parked keys, of one subscription or of all, longest parked first. For people: it may look at
        all of them.
        """
        ...

    async def count_parked(self, subscription: SubscriptionId) -> int:
        """How many keys are parked. For people: it may look at all of them."""
        ...

    async def parking(self) -> Sequence[SubscriptionId]:
        """The subscriptions that have parked keys, in order. For people: it may look at
        all of them.
        """
        ...

    # What a subscription asks all the time, and what is answered by looking at a few rows however many are parked.

    async def parked_among(
        self, subscription: SubscriptionId, part: int, keys: Collection[str]
    ) -> Collection[str] | None:
        """Which of these keys of a partition are parked; None when none of its keys is."""
        ...

    async def due(self, subscription: SubscriptionId, *, at: float, tried_after: float, limit: int) -> Sequence[Parked]:
        """At most `limit` parked keys that are to be tried at a time or before, the first to be tried first; and as
        many that failed last after another time: where that is in the future, a clock that is ahead has said when they
        are tried.
        """
        ...

    async def letters(self, subscription: SubscriptionId, key: str, limit: int) -> Sequence[Letter]:
        """The lowest letters of a parked key, in order."""
        ...

    async def retry(self, name: str, key: str | None, at: float) -> int:
        """Makes parked keys due at a time (seconds since the epoch); says how many."""
        ...
