"""Whether everything that is there has reached one context: its checkpoints against the heads of what it follows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from math import inf
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from remit.errors import Unavailable
from remit.log import SubscriptionId, origin_of
from remit.runtime.freshness.influence import Needs
from remit.runtime.freshness.missed import next_missed, told_missed
from remit.runtime.plan import FoldPlan, FollowPlan
from remit.stores.port import Checkpoints, Notes, ParkedKeys
from remit.transports import Feed

LOOK_SECONDS = 0.005
"""Between two looks at a checkpoint that has not come far enough."""
PAGE = 500
"""Messages that are read at a time to see where they come from."""
MOST = 5_000
"""Messages of one subscription that are looked at; of more, nobody can say where they come from."""

Part = Literal["answers", "passes", "calls"]
Ends = Mapping[str, Mapping[int, int]]


class _Progress(Checkpoints, ParkedKeys, Notes, Protocol):
    """How far subscriptions are, and what of them is parked."""


class Following(NamedTuple):
    """One subscription, whoever runs it: where its checkpoints are, what it reads, and whether it may call others."""

    follow: FollowPlan[Any]
    store: _Progress
    feed: Feed
    calls: bool = False


class Flaw(msgspec.Struct, frozen=True):
    """Why an answer is not fresh and will not become so by waiting."""

    where: str
    """The subscription."""
    what: str
    next: str


class Question(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is asked of a context on the way to a fresh answer. A release that does not know it waits for everything."""

    part: Part = "answers"
    """It answers; or what happens there may go on to the answer; or only what it calls may."""
    query: str = ""
    """The wire type of the query that is asked, where it is known."""
    key: str | None = None
    """The only ordering key that must not be parked; None when none may be."""
    since: dict[str, dict[int, int]] | None = None
    """The ends that were reached before: the traces of what has been written since are asked for as well."""
    seconds: float = inf
    """How long the answer may wait there."""


class Reached(msgspec.Struct, frozen=True):
    """A context whose subscriptions have handled everything that was there when it was asked."""

    ends: dict[str, dict[int, int]]
    """How many messages each subscription's source had written, by subscription and source, and by partition."""
    sources: list[str]
    flaws: list[Flaw]
    """What makes the answer stale."""
    asks: bool
    """Whether what answers the query may ask other contexts."""
    traces: list[str] | None
    """Where all that comes from which was written since; None where nobody asked or can say."""


class Waiting:
    """What somebody waits for at this moment, to be told if it is in vain."""

    def __init__(self) -> None:
        self.what = "it has not begun"
        self.away: Unavailable | None = None
        """Who could not be asked, when that was tried last."""

    def on(self, what: str) -> None:
        """Everybody is there; only this is not done."""
        self.what, self.away = what, None


async def reach(
    followings: Sequence[Following],
    question: Question,
    needs: Needs,
    is_broken: Callable[[SubscriptionId], Awaitable[bool]],
    waiting: Waiting,
) -> Reached:
    """Waits until the subscriptions of one context that matter have handled what is there now."""
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
    """A read model matters to the answer that is taken from it, and nothing comes of it."""
    if question.part == "calls":
        return following.calls
    follow = following.follow
    if not isinstance(follow, FoldPlan):
        return True
    return question.part == "answers" and needs.takes_from(follow.projection.kind)


async def _parked(following: Following, key: str | None) -> Flaw | None:
    """The key, if it is parked; or the first of all that are, to be tried at any time."""
    id, store = following.follow.id, following.store
    if key is None:
        found = [row.key for row in await store.due(id, at=inf, tried_after=inf, limit=1)]
    else:
        found = [key] if await store.letters(id, key, 1) else []
    return Flaw(id.name, f"key {found[0]!r} is parked", "remit parked list") if found else None


async def _missed(following: Following) -> Flaw | None:
    """What a projection has missed will never be in its documents."""
    id = following.follow.id
    if not isinstance(following.follow, FoldPlan) or not await following.store.missed(id):
        return None
    return Flaw(id.name, told_missed(id.source), next_missed(id.name, id.source))


async def _handled(
    following: Following, is_broken: Callable[[SubscriptionId], Awaitable[bool]], waiting: Waiting
) -> tuple[dict[int, int], bool]:
    """Waits until a subscription has handled what its source has written by now, or never will: how far that is, and
    whether it is ahead."""
    id, store, feed = following.follow.id, following.store, following.feed
    waiting.on(f"{id.source}, which {id.name} follows, has not said how far it is")
    heads = {part: pos for part, (pos, _) in (await feed.heads()).items()}
    while True:
        checkpoints = await store.checkpoints(id)
        behind = [part for part, pos in heads.items() if part not in checkpoints or checkpoints[part].pos < pos]
        if not behind or await is_broken(id):
            # The heads may have grown since they were read; only a source that was restored ends before a checkpoint.
            now = await feed.heads()
            ahead = any(checkpoint.pos > now.get(part, (0, 0.0))[0] for part, checkpoint in checkpoints.items())
            return heads, ahead
        waiting.on(f"{id.name} has not handled all that {id.source} had written")
        await asyncio.sleep(LOOK_SECONDS)


# ── where something comes from ────────────────────────────────────────────────────────────────────────────────────────


async def _traces(followings: Sequence[Following], since: Ends, ends: Ends) -> list[str] | None:
    """The traces of what was written since; None when it is too much to look at."""
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
            return  # handled by everybody, and deleted since
        for record in records:
            found[origin_of(record)] = None
        pos = records[-1].pos
