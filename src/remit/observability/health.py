"""How a running process is: whether it can serve, and what in it is stuck. Two questions with two answers.

Who distributes requests asks the first: a message that cannot be handled, or another service that is away, would be the
same in every other process, and is no reason to send nobody any more. Who watches asks the second.
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
from remit.stores.port import KeyClaims, ParkedKeys

ANSWER_SECONDS = 2.0
"""A store that says nothing for so long does not answer."""
KEPT_SECONDS = 1.0
"""How long what the stores have said is good for: who asks more often learns the same."""


class FollowerHealth(msgspec.Struct, frozen=True):
    """A subscription or relay as this process sees it. Why it is so, `remit status` says."""

    name: str
    source: str
    channel: Literal["private", "published"]
    state: str
    """`standby` where another process runs it, `parked` where keys wait for their next try or for somebody."""

    @property
    def well(self) -> bool:
        """Whether nobody has to look after it."""
        return self.state in WELL


class Health:
    """Asks a running process and its stores."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._asked = 0.0
        self._asking: asyncio.Task[list[str]] | None = None

    async def unusable(self) -> list[str]:
        """The contexts whose store this process cannot use: it does not answer, is damaged, or is not there."""
        now = asyncio.get_running_loop().time()
        if self._asking is None or (self._asking.done() and now - self._asked >= KEPT_SECONDS):
            self._asked, self._asking = now, asyncio.create_task(self._ask(), name="health of stores")
        return await asyncio.shield(self._asking)

    async def followers(self) -> list[FollowerHealth]:
        """Every subscription and relay of this process, `parked` where keys are."""
        found = await asyncio.gather(*map(_parked_in, self._host.stores.values()))
        parked = {place for places in found for place in places}
        return [_health_of(each, id, parked) for each in self._host.followers for id in each.ids]

    async def _ask(self) -> list[str]:
        stores = self._host.stores
        answered = await asyncio.gather(*map(_answers, stores.values()))
        silent = {name for name, answers in zip(stores, answered, strict=True) if not answers}
        return sorted(silent.union(self._host.unusable))


async def _answers(store: KeyClaims) -> bool:
    """Looks for an outcome that nobody has: every store finds out at once."""
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
        return ()  # which is said of the store
