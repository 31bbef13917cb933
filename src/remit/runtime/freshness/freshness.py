"""Fresh answers: waiting until everything that has happened before now has reached the context that answers.

Looks at heads of sources and checkpoints of followers, and at what processes say of themselves, so it does not matter
which one handles what.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from remit.errors import DeadlineExceeded, Stale, Unavailable
from remit.log import SubscriptionId
from remit.runtime.freshness.influence import Influence
from remit.runtime.freshness.reaching import Flaw, Following, Part, Question, Reached, Waiting, reach

PAUSE_SECONDS = 0.1
"""Until somebody who is away is asked again."""
PATIENCE_SECONDS = 1.0
"""How long another process may wait before it says what for."""

Elsewhere = Callable[[str, Question], Awaitable[Reached]]
NOBODY = Influence()
EVERYTHING = Question()


class Freshness:
    """Knows all subscriptions of the contexts in this process; asks `elsewhere` for those of the others."""

    def __init__(
        self,
        followings: Iterable[Following],
        is_regressed: Callable[[SubscriptionId], Awaitable[bool]],
        elsewhere: Elsewhere | None = None,
        influence: Influence = NOBODY,
    ) -> None:
        self._by_context: dict[str, list[Following]] = {}
        for following in followings:
            self._by_context.setdefault(following.follow.id.context, []).append(following)
        self._is_regressed = is_regressed
        self._elsewhere = elsewhere
        self._influence = influence

    async def freshen(self, context: str, query: str = "", key: str | None = None, *, when: float) -> None:
        """Waits until everything that was committed before has reached a context, with all its consequences, until a
        loop time. `query` is the wire type of what will be asked.

        Raises `Stale` when something on the way is parked or stuck, of the key only where there is one;
        `DeadlineExceeded` with what is not done by then, and `Unavailable` with who could not be asked.
        """
        waiting = Waiting()
        try:
            async with asyncio.timeout_at(when):
                flaws = await self._settled(context, query, key, waiting)
        except TimeoutError:
            raise _too_late(query or context, waiting) from None
        if flaws:
            raise Stale(
                "; ".join(f"{flaw.where}: {flaw.what}" for flaw in flaws), where=query or context,
                expected="everything before the question handled", next=flaws[0].next,
            )  # fmt: skip

    async def _settled(self, context: str, query: str, key: str | None, waiting: Waiting) -> list[Flaw]:
        """Goes round until nothing comes any more of what was there before; says what will not come.

        What a round waits for has been handled when it ends, so what comes of it is there when the next one begins: a
        round that finds nothing new is the last one. Where others keep writing, each finds something. Then it is asked
        where that comes from: what is new in one round includes all that is still owed, and what comes of that has its
        trace. When nothing new has any of these traces, nothing is owed any more.
        """
        way = _Way(context, query, key)
        before = await self._round(way, waiting)
        owed: set[str] | None = None
        rounds = 1
        while True:
            rounds += 1
            way.since = before.ends if rounds > len(before.ends) + 1 else None
            now = await self._round(way, waiting)
            if now.flaws != before.flaws or now.traces is None:
                owed = None
            elif owed is None:
                owed = now.traces
            elif owed.isdisjoint(now.traces):
                return now.flaws
            if now.ends == before.ends and now.flaws == before.flaws:
                return now.flaws
            before = now

    async def _round(self, way: _Way, waiting: Waiting) -> _Round:
        """Waits for every context on the way. What one of them follows, and whom it may ask, is on the way too."""
        reached: dict[tuple[str, Part], Reached] = {}
        while missing := [each for each in way.parts(self._influence.callers) if each not in reached]:
            for name, part in missing:
                question = way.question(name, part)
                reached[name, part] = found = await self._reach(name, question, waiting)
                way.passes |= dict.fromkeys(found.sources)
                if found.asks and part == "answers":
                    way.answers |= dict.fromkeys(self._influence.everybody)
        return _Round.of(reached.values())

    async def _reach(self, context: str, question: Question, waiting: Waiting) -> Reached:
        """What a context says, be it here or elsewhere: who is away is asked again, until whoever waits has enough."""
        waiting.on(f"{context} has not said that it has handled everything")
        while True:
            try:
                if self._elsewhere is None or self._is_here(context):
                    return await self.reach(context, question, waiting)
                return await self._elsewhere(context, question)
            except DeadlineExceeded as error:  # it is there, and says what it waits for
                waiting.on(error.what)
            except Unavailable as error:
                waiting.away = error
                await asyncio.sleep(PAUSE_SECONDS)

    def _is_here(self, context: str) -> bool:
        return context in self._by_context or context in self._influence.needs

    async def reach(self, context: str, question: Question = EVERYTHING, waiting: Waiting | None = None) -> Reached:
        """Waits until the subscriptions of one context, hosted here, have handled what is there now."""
        needs = self._influence.of(context, question.query)
        followings = self._by_context.get(context, [])
        return await reach(followings, question, needs, self._is_regressed, waiting or Waiting())


@dataclass
class _Way:
    """The contexts on the way to one answer."""

    context: str
    query: str
    key: str | None
    since: dict[str, dict[int, int]] | None = None
    answers: dict[str, None] = field(default_factory=dict[str, None])
    """Those that may be asked for a part of the answer."""
    passes: dict[str, None] = field(default_factory=dict[str, None])
    """Those whose events may go on to the answer."""

    def parts(self, callers: Iterable[str]) -> list[tuple[str, Part]]:
        """Whom to ask, and for which part, the largest that it has."""
        found: dict[str, Part] = dict.fromkeys(callers, "calls")
        found |= dict.fromkeys(self.passes, "passes")
        found |= dict.fromkeys([self.context, *self.answers], "answers")
        return list(found.items())

    def question(self, context: str, part: Part) -> Question:
        query = self.query if context == self.context else ""
        return Question(part, query, self.key, self.since, PATIENCE_SECONDS)


class _Round(NamedTuple):
    """What one round has found."""

    ends: dict[str, dict[int, int]]
    flaws: list[Flaw]
    traces: set[str] | None
    """Where everything comes from that was new in it; None when that is not known."""

    @classmethod
    def of(cls, reached: Collection[Reached]) -> _Round:
        ends = dict[str, dict[int, int]]()
        flaws: dict[Flaw, None] = {}
        traces: set[str] | None = set()
        for each in reached:
            ends |= each.ends
            flaws |= dict.fromkeys(each.flaws)
            traces = None if traces is None or each.traces is None else traces.union(each.traces)
        return cls(ends, list(flaws), traces)


def _too_late(where: str, waiting: Waiting) -> DeadlineExceeded | Unavailable:
    if (away := waiting.away) is not None:
        return Unavailable(
            f"no fresh answer, because {away.where or 'a context'} is away: {away.what}", where=where,
            expected="every context on the way to be there", next="remit status",
        )  # fmt: skip
    return DeadlineExceeded(
        f"the answer did not become fresh by the deadline: {waiting.what}", where=where,
        expected="everything before the question handled", next="remit status",
    )  # fmt: skip
