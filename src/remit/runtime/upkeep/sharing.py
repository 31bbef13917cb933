"""Which followers run in this process: all of a store that no other opens, else what it has been given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from remit.runtime.following.follower import Follower, always
from remit.runtime.following.history import BROKEN
from remit.runtime.plan import FollowPlan
from remit.runtime.ports import Ports
from remit.runtime.upkeep.leases import Leases
from remit.stores import Store


async def together(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """At once, because what asks a source that is away may take its time; then raises the first failure."""
    for failure in await asyncio.gather(*works, return_exceptions=True):
        if failure is not None:
            raise failure


class Sharing:
    """Starts and stops the followers of a process."""

    def __init__(self, stores: Mapping[str, Store], ports: Ports) -> None:
        self.leases = {
            name: Leases(store, ports) for name, store in stores.items() if store.capabilities.shared_between_processes
        }
        """By context, where processes share its store."""
        self._followers: Sequence[Follower] = ()

    def held(self, follow: FollowPlan) -> Callable[[], bool]:
        """What a follower asks before each batch: whether this process may go on with it."""
        leases = self.leases.get(follow.id.context)
        return always if leases is None else leases.held(follow)

    async def start(self, process: str, followers: Sequence[Follower]) -> None:
        """Starts what nobody else can run, and takes its share of the rest. Raises what the stores raise."""
        self._followers = followers
        shares = (leases.start(process, self._of(name)) for name, leases in self.leases.items())
        await together([*(follower.start() for follower in self._alone()), *shares])

    async def stop(self) -> None:
        """What is being handled is committed; then nothing of it runs. Idempotent."""
        shares = (leases.stop() for leases in self.leases.values())
        await asyncio.gather(*(follower.stop() for follower in self._alone()), *shares)

    async def is_regressed(self, follow: FollowPlan) -> bool:
        """Whether a follower has ended because its source is not what it was, here or in the process that runs it."""
        for each in self._followers:
            if each.follow is follow:
                leases = self.leases.get(follow.id.context)
                if each.state != "standby" or leases is None:
                    return each.state in BROKEN
                return any(state in BROKEN for state in await leases.states(follow))
        return False

    def _of(self, context: str) -> list[Follower]:
        return [each for each in self._followers if each.follow.id.context == context]

    def _alone(self) -> list[Follower]:
        return [each for each in self._followers if each.follow.id.context not in self.leases]
