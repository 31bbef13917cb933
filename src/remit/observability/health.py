"""The health of a running process, as two answers: whether it can serve, and what in it is stuck.

A load balancer asks the first. A message that cannot be handled, or a missing service, would be the same in every other
process, so it must not take a process out of rotation. Monitoring asks the second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container, Sequence
from typing import Literal

import msgspec

from remit.errors import RemitError
from remit.log import SubscriptionId
from remit.runtime import Host
from remit.runtime.following.follower import Follower
from remit.runtime.following.states import WELL
from remit.runtime.upkeep.ages import ModelAge
from remit.stores.port import KeyClaims, ParkedKeys

ANSWER_SECONDS = 2.0
"""A store that does not answer within so many seconds counts as unusable."""
KEPT_SECONDS = 1.0
"""The seconds for which an answer of the stores is reused."""


class FollowerHealth(msgspec.Struct, frozen=True):
    """A subscription or relay as this process sees it. `remit status` shows the reason for its state."""

    name: str
    source: str
    channel: Literal["private", "published"]
    state: str
    """`standby` if another process runs it, `parked` if keys wait for the next try or for a person."""

    @property
    def well(self) -> bool:
        """Whether it needs no attention."""
        return self.state in WELL


class Health:
    """Asks a running process and its stores."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._asked = 0.0
        self._asking: asyncio.Task[list[str]] | None = None

    async def unusable(self) -> list[str]:
        """The contexts whose store this process cannot use: it does not answer, is damaged, or is missing."""
        now = asyncio.get_running_loop().time()
        if self._asking is None or (self._asking.done() and now - self._asked >= KEPT_SECONDS):
            self._asked, self._asking = now, asyncio.create_task(self._ask(), name="health of stores")
        return await asyncio.shield(self._asking)

    async def followers(self) -> list[FollowerHealth]:
        """Every subscription and relay of this process. One with parked keys that is otherwise well is `parked`."""
        found = await asyncio.gather(*map(_parked_in, self._host.named.values()))
        parked = {place for places in found for place in places}
        return [_health_of(each, id, parked) for each in self._host.followers for id in each.ids]

    def models(self) -> list[ModelAge]:
        """The read models that promise their freshness, as old as this process sees them."""
        return self._host.ages.models()

    async def _ask(self) -> list[str]:
        stores = self._host.stores
        answered = await asyncio.gather(*map(_answers, stores.values()))
        silent = {name for name, answers in zip(stores, answered, strict=True) if not answers}
        return sorted(silent.union(self._host.unusable))


async def _answers(store: KeyClaims) -> bool:
    """Looks up an outcome that does not exist, which is fast in every store."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await store.outcome("", "")
    except (RemitError, TimeoutError):
        return False
    return True


def _health_of(follower: Follower, id: SubscriptionId, parked: Container[SubscriptionId]) -> FollowerHealth:
    state = follower.state
    if state in WELL and id in parked:
        state = "parked"
    return FollowerHealth(id.name, id.source, id.channel.called, state)


async def _parked_in(store: ParkedKeys) -> Sequence[SubscriptionId]:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await store.parking()
    except (RemitError, TimeoutError):
        return ()  # `unusable` reports the store
