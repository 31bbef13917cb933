"""Fresh answers: waiting until everything that has happened before now has reached the context that answers.

Looks at heads of sources and checkpoints of followers, and at what processes say of themselves, so it does not matter
which one handles what.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from math import inf
from typing import NamedTuple

import msgspec

from remit.runtime.plan import FollowPlan
from remit.stores import Store
from remit.transports import Feed

__all__ = ["Elsewhere", "Following", "Freshness", "Reached"]

LOOK_SECONDS = 0.005
"""Between two looks at a checkpoint that has not come far enough."""


class Following(NamedTuple):
    """One subscription, whoever runs it: where its checkpoints are, and what it reads."""

    follow: FollowPlan
    store: Store
    feed: Feed


class Reached(msgspec.Struct, frozen=True):
    """A context whose subscriptions have handled everything that was there when it was asked."""

    heads: dict[str, int]
    """How many messages each subscription's source had written, by subscription and source."""
    sources: list[str]
    stuck: list[str]
    """Subscriptions with parked keys, or ahead of a source that was restored: what is there does not reach it."""


Elsewhere = Callable[[str], Awaitable[Reached]]


class Freshness:
    """Knows all subscriptions of the contexts in this process; asks `elsewhere` for those of the others."""

    def __init__(
        self,
        followings: Iterable[Following],
        is_regressed: Callable[[FollowPlan], Awaitable[bool]],
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._by_context: dict[str, list[Following]] = {}
        for following in followings:
            self._by_context.setdefault(following.follow.name.split(".")[0], []).append(following)
        self._is_regressed = is_regressed
        self._elsewhere = elsewhere

    async def freshen(self, context: str) -> Sequence[str]:
        """Waits until nothing is on its way to a context any more that had happened before; names what is stuck.

        Each round, every message moves at least one subscription further. It is over when a round has found nothing
        new, or when there were as many rounds as subscriptions: no consequence passes one of them twice.
        """
        closure = {context: None}
        before: Mapping[str, Reached] = {}
        rounds = 0
        while True:
            rounds += 1
            reached: dict[str, Reached] = {}
            while missing := [name for name in closure if name not in reached]:
                for name in missing:
                    reached[name] = await self._reach(name)
                    closure |= dict.fromkeys(reached[name].sources)
            subscriptions = sum(len(each.heads) for each in reached.values())
            if reached == before or rounds > subscriptions:
                return [name for each in reached.values() for name in each.stuck]
            before = reached

    async def _reach(self, context: str) -> Reached:
        if context in self._by_context or self._elsewhere is None:
            return await self.reach(context)
        return await self._elsewhere(context)

    async def reach(self, context: str) -> Reached:
        """Waits until the subscriptions of one context, hosted here, have handled what is there now."""
        followings = self._by_context.get(context, [])
        heads: dict[str, int] = {}
        stuck: list[str] = []
        for following in followings:
            follow = following.follow
            heads[f"{follow.name} {follow.source} {follow.channel}"], ahead = await _handled(
                following, self._is_regressed
            )
            if await is_parked(following.store, follow) or ahead or await self._is_regressed(follow):
                stuck.append(follow.name)
        return Reached(heads, list(dict.fromkeys(each.follow.source for each in followings)), stuck)


async def is_parked(store: Store, follow: FollowPlan) -> bool:
    """Whether any key of a subscription is parked: one that is to be tried at any time."""
    place = (follow.name, follow.source, follow.channel)
    return bool(await store.due(*place, at=inf, tried_after=inf, limit=1))


async def _handled(following: Following, is_broken: Callable[[FollowPlan], Awaitable[bool]]) -> tuple[int, bool]:
    """Waits until a subscription has handled what its source has written by now, or never will: how much that is, and
    whether it is ahead."""
    follow, store, feed = following
    heads = {part: pos for part, (pos, _) in (await feed.heads()).items()}
    while True:
        checkpoints = await store.checkpoints(follow.name, follow.source, follow.channel)
        behind = [part for part, pos in heads.items() if part not in checkpoints or checkpoints[part].pos < pos]
        if not behind or await is_broken(follow):
            # The heads may have grown since they were read; only a source that was restored ends before a checkpoint.
            now = await feed.heads()
            ahead = any(checkpoint.pos > now.get(part, (0, 0.0))[0] for part, checkpoint in checkpoints.items())
            return sum(heads.values()), ahead
        await asyncio.sleep(LOOK_SECONDS)
