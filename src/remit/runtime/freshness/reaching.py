"""Waits until all messages of its sources have reached one context, by comparing checkpoints with heads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from math import inf
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from remit.errors import Unavailable
from remit.log import Heads, SubscriptionId, origin_of
from remit.runtime.freshness.influence import Needs
from remit.runtime.freshness.missed import next_missed, told_missed
from remit.runtime.plan import FoldPlan, FollowPlan
from remit.stores.port import Checkpoints, Notes, ParkedKeys
from remit.transports import Feed

LOOK_SECONDS = 0.005
"""Pause between two looks at a checkpoint that is behind."""
PAGE = 500
"""Messages read at a time to collect their traces."""
MOST = 5_000
"""Messages of one subscription that are read for traces; with more, the traces count as unknown."""

Part = Literal["answers", "passes", "calls"]
Ends = Mapping[str, Mapping[int, int]]


class _Progress(Checkpoints, ParkedKeys, Notes, Protocol):
    """Where checkpoints, parked keys and missed messages are stored."""


class Following(NamedTuple):
    """One subscription, in whichever process it runs: its plan, store and feed, and whether it may call others."""

    follow: FollowPlan[Any]
    store: _Progress
    feed: Feed
    calls: bool = False


class Flaw(msgspec.Struct, frozen=True):
    """Why an answer is stale, and why waiting does not help."""

    where: str
    """The subscription."""
    what: str
    next: str


class Question(msgspec.Struct, frozen=True, omit_defaults=True):
    """The question to a context on the way to a fresh answer. A release that does not know it waits for everything."""

    part: Part = "answers"
    """The context answers the query; or its events may lead to the answer; or only calls it makes may."""
    query: str = ""
    """The wire type of the query, if known."""
    key: str | None = None
    """The only ordering key that must not be parked; None: no key may be parked."""
    since: dict[str, dict[int, int]] | None = None
    """The ends that the round before reached. If given, the traces of what was written since are collected."""
    seconds: float = inf
    """How long the context may wait before it answers."""
    after: dict[str, dict[int, int]] | None = None
    """If given, only projections are waited for, until they have handled these positions: by log (`<context> <number of
    the channel>`) and partition."""


class Reached(msgspec.Struct, frozen=True):
    """The answer: the context's subscriptions have handled everything that was there when it was asked."""

    ends: dict[str, dict[int, int]]
    """The head of each subscription's source, by subscription label and partition."""
    sources: list[str]
    flaws: list[Flaw]
    """Why the answer is stale."""
    asks: bool
    """Whether the query's handler may ask other contexts."""
    traces: list[str] | None
    """The traces of what was written since; None if not asked for or not known."""


class Waiting:
    """What is being waited for at this moment; reported if the time runs out."""

    def __init__(self) -> None:
        self.what = "it has not begun"
        self.away: Unavailable | None = None
        """The last error, if a context could not be reached."""

    def on(self, what: str) -> None:
        """All contexts are reachable; `what` is not done yet."""
        self.what, self.away = what, None


async def reach(
    followings: Sequence[Following],
    question: Question,
    needs: Needs,
    is_broken: Callable[[SubscriptionId], Awaitable[bool]],
    waiting: Waiting,
) -> Reached:
    """Waits until the subscriptions of one context that the question concerns have handled what is there now, or what
    was written at the positions of the question."""
    if question.after is not None:
        return await _reach_after(followings, question.after, needs, is_broken, waiting)
    ends: dict[str, dict[int, int]] = {}
    flaws: list[Flaw] = []
    asked = [each for each in followings if _matters(each, question, needs)]
    for following in asked:
        id = following.follow.id
        ends[id.label], ahead = await _handled(following, is_broken, waiting)
        if ahead or await is_broken(id):
            what = f"it cannot go on: the log of {id.source} is not the one that it has followed"
            flaws.append(Flaw(id.name, what, "remit status"))
        flaws += [flaw for flaw in (await _parked(following, question.key), await _missed(following)) if flaw]
    traces = None if question.since is None else await _traces(asked, question.since, ends)
    return Reached(ends, list(dict.fromkeys(each.follow.id.source for each in asked)), flaws, needs.asks, traces)


def _matters(following: Following, question: Question, needs: Needs) -> bool:
    """Whether a subscription matters. A projection matters only to a query that reads it: nothing follows from it."""
    if question.part == "calls":
        return following.calls
    follow = following.follow
    if not isinstance(follow, FoldPlan):
        return True
    return question.part == "answers" and needs.takes_from(follow.projection.kind)


async def _parked(following: Following, key: str | None) -> Flaw | None:
    """A flaw if the key is parked; without a key, if any key is parked."""
    id, store = following.follow.id, following.store
    if key is None:
        found = [row.key for row in await store.due(id, at=inf, tried_after=inf, limit=1)]
    else:
        found = [key] if await store.letters(id, key, 1) else []
    return Flaw(id.name, f"key {found[0]!r} is parked", "remit parked list") if found else None


async def _missed(following: Following) -> Flaw | None:
    """A flaw if a projection has missed messages: its documents will never contain them."""
    id = following.follow.id
    if not isinstance(following.follow, FoldPlan) or not await following.store.missed(id):
        return None
    return Flaw(id.name, told_missed(id.source), next_missed(id.name, id.source))


async def _handled(
    following: Following, is_broken: Callable[[SubscriptionId], Awaitable[bool]], waiting: Waiting
) -> tuple[dict[int, int], bool]:
    """Waits until a subscription has handled what its source has written by now, or cannot go on. Returns these heads,
    and whether a checkpoint is ahead of its source."""
    id, store, feed = following.follow.id, following.store, following.feed
    waiting.on(f"{id.source}, which {id.name} follows, has not said how far it is")
    found = await feed.heads()
    heads = {part: pos for part, (pos, _) in found.items()}
    owed = await _owed(following, found)
    while True:
        checkpoints = await store.checkpoints(id)
        behind = [part for part, pos in owed.items() if part not in checkpoints or checkpoints[part].pos < pos]
        if not behind or await is_broken(id):
            # Heads may have grown since. Only a source restored from a backup ends before a checkpoint.
            now = await feed.heads()
            ahead = any(checkpoint.pos > now.get(part, (0, 0.0))[0] for part, checkpoint in checkpoints.items())
            return heads, ahead
        waiting.on(f"{id.name} has not handled all that {id.source} had written")
        await asyncio.sleep(LOOK_SECONDS)


async def _reach_after(
    followings: Sequence[Following],
    after: Ends,
    needs: Needs,
    is_broken: Callable[[SubscriptionId], Awaitable[bool]],
    waiting: Waiting,
) -> Reached:
    """Waits until the projections that an answer may depend on have handled certain positions."""
    flaws: list[Flaw] = []
    for following in followings:
        follow, store = following.follow, following.store
        id = follow.id
        owed = after.get(f"{id.source} {id.channel:d}", {})
        if not owed or not isinstance(follow, FoldPlan) or not needs.takes_from(follow.projection.kind):
            continue
        while await _behind(following, owed):
            if await is_broken(id):
                what = f"it cannot go on: the log of {id.source} is not the one that it has followed"
                flaws.append(Flaw(id.name, what, "remit status"))
                break
            waiting.on(f"{id.name} has not handled what {id.source} has written at the position of the question")
            await asyncio.sleep(LOOK_SECONDS)
        for row in await store.due(id, at=inf, tried_after=inf, limit=PAGE):
            if row.part in owed:
                flaws.append(Flaw(id.name, f"key {row.key!r} is parked", "remit parked list"))
                break
    return Reached({}, [], flaws, needs.asks, None)


async def _behind(following: Following, owed: Mapping[int, int]) -> bool:
    checkpoints = await following.store.checkpoints(following.follow.id)
    return any(part not in checkpoints or checkpoints[part].pos < pos for part, pos in owed.items())


async def _owed(following: Following, heads: Heads) -> dict[int, int]:
    """The last position of each partition that a subscription has to handle. One that has not begun never handles what
    was written up to its beginning."""
    follow, store, feed, _ = following
    id, begins = follow.id, follow.begins
    after = {part: pos for part, (pos, at) in heads.items() if not isinstance(begins, float) or at > begins}
    if len(after) == len(heads) or await store.checkpoints(id) or (await feed.standing(id.name, 0.0)).known:
        return {part: pos for part, (pos, _) in heads.items()}
    return after


# ── traces ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _traces(followings: Sequence[Following], since: Ends, ends: Ends) -> list[str] | None:
    """The traces of what was written since; None if there are too many messages to read."""
    found: dict[str, None] = {}
    for following in followings:
        name = following.follow.id.label
        if name not in since:
            return None
        left = MOST
        for part, end in ends[name].items():
            pos = since[name].get(part, 0)
            left -= end - pos
            if left < 0:
                return None
            await _read(following.feed, part, pos, end, found)
    return list(found)


async def _read(feed: Feed, part: int, pos: int, end: int, found: dict[str, None]) -> None:
    while pos < end:
        records = await feed.read(part, pos, min(PAGE, end - pos))
        if not records:
            return  # handled by all subscriptions, and deleted since
        for record in records:
            found[origin_of(record)] = None
        pos = records[-1].pos
